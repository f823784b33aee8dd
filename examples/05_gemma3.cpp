// SPDX-License-Identifier: Apache-2.0
// A model speaks. Without a file the example makes a small one of random weights, whose words mean nothing.
//   example_05_gemma3 [MODEL] [PROMPT]
#include <nibble/gemma3.hpp>
#include <nibble/nn/recipes.hpp>
#include <nibble/tensor/thread_pool.hpp>

#include <filesystem>
#include <iostream>

namespace nb = nibble;

// The storages that the example can load; without this list, all that the library has kernels for.
using storages = nb::storage_list<nb::storage_of<nb::q4_0>, nb::storage_of<nb::q8_0>>;

//! [speak]
std::size_t speak(std::filesystem::path const& path, std::string const& prompt) {
    nb::thread_pool pool;  // yours, not a hidden global
    auto const model = nb::gemma3::load<storages>(path, {.where = nb::cpu{pool}});
    std::size_t bytes = 0;
    std::vector<nb::chat_message> const messages{{nb::chat_role::user, prompt}};
    nb::gemma3::generation_options const options{.max_tokens = 32, .sample = {.temperature = 1}};
    for (auto const& piece : nb::gemma3::generate(nb::cpu{pool}, model, messages, options)) {
        std::cout << piece << std::flush;
        bytes += piece.size();
    }
    std::cout << '\n';
    return bytes;
}
//! [speak]

int main(int count, char** words) try {
    std::string const prompt = count > 2 ? words[2] : "Why is the sky blue?";
    if (count > 1) {
        speak(words[1], prompt);
        return 0;
    }
    auto const path = std::filesystem::temp_directory_path() / "nibble-example.gguf";
    nb::gemma3::make_model<nb::recipes::q4_0>(nb::cpu{}, nb::gemma3_tiny, 1, path);
    auto const bytes = speak(path, prompt);
    std::filesystem::remove(path);
    return bytes > 32 ? 0 : 1;
} catch (nb::error const& e) {
    std::cerr << "error: " << e.what() << '\n';
    return 2;
}
