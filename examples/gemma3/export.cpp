// SPDX-License-Identifier: Apache-2.0
#include "options.hpp"
#include "output.hpp"
#include "progress.hpp"

#include <nibble/gemma3/checkpoint.hpp>
#include <nibble/gemma3/export_safetensors.hpp>
#include <nibble/io/atomic_file.hpp>
#include <nibble/io/gguf_checksum.hpp>
#include <nibble/numeric/bf16.hpp>
#include <nibble/numeric/error.hpp>
#include <nibble/tensor/backend.hpp>
#include <nibble/tensor/thread_pool.hpp>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

namespace program {

namespace nb = nibble;

namespace {

/// The model that the folder of a run ended with; any other path as it is.
std::string model_of(std::string const& from) {
    std::filesystem::path const folder(from);
    std::error_code none;
    if (auto const model = folder / "model.gguf"; std::filesystem::exists(model, none)) {
        return model.string();
    }
    if (std::filesystem::exists(folder / "metrics.jsonl", none)) {
        throw nb::error(from + ": the run has not ended, there is no model.gguf; the command that began it goes on.");
    }
    return from;
}

/// The file as it is: all codes, and what else it says.
void copy(std::string const& from, export_model_options const& options) {
    auto const model = nb::gemma3::checkpoint::open(from);
    if (model.gguf() == nullptr) {
        throw nb::error(from + ": these tensors have no recipe; say with --recipe what the GGUF file stores them as.");
    }
    auto const& file = *model.gguf();
    std::uint64_t const size = file.bytes().size();
    progress line("copying " + from);
    try {
        nb::verify_checksum(file);
    } catch (nb::error const& e) {
        throw nb::error(from + ": " + e.what());
    }
    nb::atomic_file out(options.out);
    std::uint64_t done = 0;
    file.source().read_once(file.bytes(), [&](auto part) {
        out.write(part);
        done += part.size();
        line(done, size);
    });
    out.commit();
    if (options.json) {
        print({{"file", options.out}, {"file_bytes", size}});
    } else {
        std::cout << options.out << ": " << bytes_text(size) << ", the same bytes as " << from << '\n';
    }
}

template <class T>
void decode(std::string const& from, export_model_options const& options) {
    auto const model = nb::gemma3::checkpoint::open(from);
    nb::thread_pool pool(options.threads);
    nb::gemma3::safetensors_export_statistics written;
    {
        progress line("writing " + options.out);
        written = nb::gemma3::export_safetensors<T>(nb::cpu(pool), model, options.out,
                                                    {.allow_loss = options.allow_loss, .progress = std::ref(line)});
    }
    if (options.json) {
        json report{{"file", options.out}, {"type", options.type}, {"file_bytes", written.file_bytes}};
        if (!written.rounded.empty()) {
            report["relative_rms_of_rounded"] = written.rounded;
        }
        print(report);
        return;
    }
    std::cout << options.out << ": " << bytes_text(written.file_bytes) << ", " << options.type
              << ", config.json and tokenizer.model beside it\n";
    if (!written.rounded.empty()) {
        auto const worst = std::ranges::max_element(written.rounded, {}, [](auto const& one) { return one.second; });
        std::cout << written.rounded.size() << " tensors were rounded; " << worst->first << " lost most, "
                  << significant(100 * worst->second, 2) << " % of the rms of its values\n";
    }
}

}  // namespace

void export_model(export_model_options const& options) {
    auto const kind = std::filesystem::path(options.out).extension();
    bool const is_gguf = kind == ".gguf";
    if (!is_gguf && kind != ".safetensors") {
        throw nb::error(options.out + ": the name has to end in .gguf or .safetensors, which says what is written.");
    }
    if (is_gguf ? options.type != "f32" : !options.recipe.empty()) {
        throw nb::error(is_gguf ? "--type is for a file of safetensors; a GGUF file has the types of its --recipe."
                                : "--recipe is for a GGUF file; a file of safetensors has one --type of values.");
    }
    auto const from = model_of(options.from);
    if (!is_gguf) {
        (options.type == "bf16" ? decode<nb::bf16> : decode<float>)(from, options);
    } else if (options.recipe.empty()) {
        copy(from, options);
    } else {
        quantize({.in = from,
                  .out = options.out,
                  .recipe = options.recipe,
                  .allow_loss = options.allow_loss,
                  .threads = options.threads,
                  .json = options.json});
    }
}

}  // namespace program
