// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/gemma3/forward.hpp>
#include <nibble/gemma3/kv_cache.hpp>
#include <nibble/gemma3/model.hpp>
#include <nibble/tensor/thread_pool.hpp>

#include "options.hpp"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

// What is instantiated for every storage that a weight can have is compiled once, in engine.cpp.
extern template void nibble::gemma3::forward(nibble::cpu, nibble::gemma3::model<> const&, nibble::gemma3::kv_cache&,
                                             std::span<std::uint32_t const>, nibble::matrix_view<float>);

namespace program {

namespace nb = nibble;

/// A model in memory and the threads that run it.
class engine {
public:
    explicit engine(model_options const& options);

    nb::cpu where() { return nb::cpu(pool_); }
    std::size_t threads() const { return pool_.size(); }

    nb::gemma3::model<> const& model() const { return model_; }
    nb::gemma3::configuration const& config() const { return model_.config; }
    std::string_view activations() const { return nb::name_of(model_.activations); }

    /// An empty cache for the model, of what it keeps keys and values as.
    nb::gemma3::kv_cache cache(std::size_t context, std::size_t batch) const {
        return {config(), context, batch, model_.kv_type};
    }

    /// Throws nibble::error where the files have no tokenizer.
    nb::tokenizer const& words() const;

    /// Throws nibble::error, which names `file`, for an id that the vocabulary does not have.
    void require_ids(std::span<std::uint32_t const> ids, std::string const& file) const;

    /// "int8 activations, 2 threads", and what keys and values are kept as where that is not f32
    std::string mode() const;

private:
    nb::thread_pool pool_;
    nb::gemma3::model<> model_;
    std::string path_;
};

/// The logits of every token of a text, some MiB at a time. The engine and the ids must outlive it.
class logits_reader {
public:
    /// context: tokens of the longest text
    logits_reader(engine& from, std::size_t context);

    void start(std::span<std::uint32_t const> ids);

    /// Logits of the next tokens, [tokens, vocabulary], until the next call; no rows at the end of the text.
    nb::matrix_view<float const> next();

private:
    engine& engine_;
    nb::gemma3::kv_cache cache_;
    nb::matrix<float> logits_;
    std::span<std::uint32_t const> rest_;
};

}  // namespace program
