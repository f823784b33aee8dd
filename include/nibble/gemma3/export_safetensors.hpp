// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/gemma3/checkpoint.hpp>
#include <nibble/gemma3/configuration_json_writer.hpp>
#include <nibble/gemma3/safetensors_rows.hpp>
#include <nibble/gemma3/sentencepiece_model_writer.hpp>
#include <nibble/gemma3/tensor_names.hpp>
#include <nibble/io/atomic_file.hpp>
#include <nibble/io/mapped_file.hpp>
#include <nibble/io/safetensors_writer.hpp>
#include <nibble/io/stored_tensor.hpp>
#include <nibble/numeric/bf16.hpp>
#include <nibble/numeric/error.hpp>
#include <nibble/tensor/backend.hpp>
#include <nibble/tensor/matrix.hpp>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

namespace nibble::gemma3 {

struct safetensors_export_options {
    bool allow_loss = false;  ///< values may be rounded to the type
    /// Bytes of tensors written so far and in all, after every few MiB. What it throws ends the export; no file
    /// appears.
    std::function<void(std::uint64_t done, std::uint64_t total)> progress{};
};

struct safetensors_export_statistics {
    std::uint64_t file_bytes = 0;
    /// Of each tensor that got other values, by its name in the file:  rms(v − w) / rms(w), w what it had.
    std::map<std::string, double> rounded{};
};

namespace detail {

/// A file that goes with tensors: absent, or there already with these very bytes.
struct file_beside {
    std::filesystem::path path;
    std::span<std::byte const> bytes;

    bool is_there() const {
        std::error_code none;
        return std::filesystem::exists(path, none);
    }
    void require_own() const {
        if (is_there() && !std::ranges::equal(mapped_file(path).bytes(), bytes)) {
            throw error(path.string() + " belongs to another model or type; remove it, or write into another folder.");
        }
    }
    void write() const {
        if (!is_there()) {
            write_whole_file(path, bytes);
        }
    }
};

}  // namespace detail

/// Writes the model of a checkpoint as a safetensors file of T, float or bf16, as transformers names its tensors, with
/// config.json and tokenizer.model beside it; checkpoint::open reads the same values. Codes become the values that they
/// stand for; what a recipe says about activations and the cache has no place in these files.
///   exact   f32 holds the values of every scheme, and w of each norm 1 + w from 0.5 to 2^24, not of all below; bf16
///           holds values of 8 bits. Any other is an error with the tensor's name, unless the options allow the loss
///   memory  some MiB a thread
///   result  the same bytes for any number of threads
///   error   nibble::error, and no file, for a checkpoint without a tokenizer, with one that adds no bos, or with a
///   head of its own, a value that
///           is not finite, and a folder that has a config.json or tokenizer.model with other bytes
template <class T, class List = known_storages>
    requires(std::same_as<T, float> || std::same_as<T, bf16>)
safetensors_export_statistics export_safetensors(cpu where, checkpoint const& source, std::filesystem::path const& path,
                                                 safetensors_export_options const& options = {}) {
    using type = detail::safetensors_type<T>;
    if (source.words() == nullptr) {
        throw error("The checkpoint has no tokenizer, without which no text can be given to the model; put "
                    "tokenizer.model or tokenizer.json beside it.");
    }
    if (source.head() != nullptr) {
        throw error("The head of the model is not its embedding, for which the configuration of Gemma 3 has no place; "
                    "write a GGUF file.");
    }
    auto const& special = source.words()->options();
    if (!special.add_bos) {
        throw error("The tokenizer puts no bos before a text, and tokenizer.model cannot say so; write a GGUF file.");
    }
    auto const json =
        configuration_to_json(source.config(), {.dtype = type::torch,
                                                .pad = special.pad,
                                                .bos = special.bos,
                                                .eos = {source.end_ids().begin(), source.end_ids().end()}});
    auto const words = to_sentencepiece_model(*source.words());
    detail::file_beside const beside[]{{path.parent_path() / "config.json", std::as_bytes(std::span(json))},
                                       {path.parent_path() / "tokenizer.model", words}};
    std::ranges::for_each(beside, &detail::file_beside::require_own);

    std::map<std::string, detail::outgoing_tensor, std::less<>> tensors;
    std::vector<safetensors_entry> entries;
    std::uint64_t total = 0;
    for_each_parameter(
        [&](auto entry, std::uint32_t layer, stored_tensor const& t) {
            auto const name = hf_names(entry, layer)[0];
            bool const has_one_more = !entry.is_matrix && source.gguf() != nullptr;
            tensors.emplace(name, detail::outgoing_tensor{&t, has_one_more ? 1.0f : 0.0f});
            std::vector<std::uint64_t> shape{t.rows, t.columns};
            shape.erase(shape.begin(), shape.begin() + (entry.is_matrix ? 0 : 1));
            entries.push_back({name, type::dtype, std::move(shape), {}});
            total += std::uint64_t{t.rows} * t.columns * sizeof(T);
        },
        source.tensors());

    safetensors_export_statistics statistics;
    std::uint64_t done = 0;
    atomic_file file(path);
    auto const sink = [&](std::span<std::byte const> bytes) {
        file.write(bytes);
        statistics.file_bytes += bytes.size();
    };
    auto const fill = [&](safetensors_entry const& entry, auto const& out) {
        auto const report = [&](std::span<std::byte const> bytes) {
            out(bytes);
            done += bytes.size();
            if (options.progress) {
                options.progress(done, total);
            }
        };
        auto const loss =
            detail::stream_tensor<T, List>(where, source, tensors.at(entry.name), options.allow_loss, report);
        if (loss.lost != 0) {
            statistics.rounded[entry.name] = loss.relative_rms();
        }
    };
    stream_safetensors(sink, std::move(entries), fill, {{"format", "pt"}});
    std::ranges::for_each(beside, &detail::file_beside::write);
    file.commit();
    return statistics;
}

}  // namespace nibble::gemma3
