// SPDX-License-Identifier: Apache-2.0
// The logits of every position that llama.cpp gives for a file of token ids, rows of f32: with f32 keys and values and
// without flash attention, on one thread.
//   llama_logits MODEL TOKENS OUT
#include "llama.h"

#include <cstdio>
#include <fstream>
#include <iterator>
#include <vector>

int main(int argc, char** argv) {
    if (argc != 4) {
        return 2;
    }
    llama_log_set(
        [](ggml_log_level level, char const* text, void*) {
            if (level == GGML_LOG_LEVEL_ERROR) {
                std::fputs(text, stderr);
            }
        },
        nullptr);
    llama_backend_init();
    auto* model = llama_model_load_from_file(argv[1], llama_model_default_params());
    if (model == nullptr) {
        return 1;
    }
    std::ifstream file(argv[2]);
    std::vector<llama_token> tokens(std::istream_iterator<llama_token>(file), {});
    auto params = llama_context_default_params();
    params.n_ctx = params.n_batch = 2048;
    params.type_k = params.type_v = GGML_TYPE_F32;
    params.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_DISABLED;
    params.n_threads = params.n_threads_batch = 1;
    auto* context = llama_init_from_model(model, params);
    int const vocabulary = llama_vocab_n_tokens(llama_model_get_vocab(model));
    std::ofstream out(argv[3], std::ios::binary);

    auto batch = llama_batch_init(static_cast<int>(tokens.size()), 0, 1);
    for (std::size_t i = 0; i < tokens.size(); ++i) {
        batch.token[i] = tokens[i];
        batch.pos[i] = static_cast<llama_pos>(i);
        batch.n_seq_id[i] = 1;
        batch.seq_id[i][0] = 0;
        batch.logits[i] = 1;
    }
    batch.n_tokens = static_cast<int>(tokens.size());
    if (llama_decode(context, batch) != 0) {
        return 1;
    }
    for (std::size_t i = 0; i < tokens.size(); ++i) {
        out.write(reinterpret_cast<char const*>(llama_get_logits_ith(context, static_cast<int>(i))), 4l * vocabulary);
    }
    return out.flush() ? 0 : 1;
}
