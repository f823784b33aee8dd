// SPDX-License-Identifier: Apache-2.0
#include "engine.hpp"

#include "linear.hpp"
#include "progress.hpp"
#include "require_finite.hpp"

#include <nibble/gemma3/load.hpp>

#include <algorithm>
#include <filesystem>

template void nibble::gemma3::forward(nibble::cpu, nibble::gemma3::model<> const&, nibble::gemma3::kv_cache&,
                                      std::span<std::uint32_t const>, nibble::matrix_view<float>);

namespace program {

namespace {

std::size_t rows_at_once(nb::gemma3::configuration const& config, std::size_t context) {
    constexpr std::size_t bytes = std::size_t{64} << 20;
    return std::clamp<std::size_t>(bytes / sizeof(float) / config.vocabulary, 1, std::min<std::size_t>(context, 512));
}

}  // namespace

engine::engine(model_options const& options) : pool_(options.threads), path_(options.path) {
    nb::gemma3::load_options load{.where = where()};
    if (!options.activations.empty()) {
        load.activations = nb::parse_activation_kind(options.activations);
    }
    if (!options.kv.empty()) {
        load.kv_cache = nb::parse_kv_type(options.kv);
    }
    progress const line("loading " + path_);
    model_ = nb::gemma3::load(std::filesystem::path(path_), load);
}

nb::tokenizer const& engine::words() const {
    if (!model_.words) {
        throw nb::error(path_ + ": there is no tokenizer; put tokenizer.model or tokenizer.json beside the files.");
    }
    return *model_.words;
}

void engine::require_ids(std::span<std::uint32_t const> ids, std::string const& file) const {
    for (std::size_t i = 0; i < ids.size(); ++i) {
        if (ids[i] >= config().vocabulary) {
            throw nb::error(file + ": token " + std::to_string(i) + " has the id " + std::to_string(ids[i]) +
                            ", but the vocabulary of " + path_ + " ends at " + std::to_string(config().vocabulary - 1) +
                            "; are these another model's tokens?");
        }
    }
}

std::string engine::mode() const {
    auto const kept = model_.kv_type;
    return std::string(activations()) + " activations, " +
           (kept == nb::kv_type::f32 ? "" : std::string(nb::name_of(kept)) + " keys and values, ") +
           std::to_string(threads()) + (threads() == 1 ? " thread" : " threads");
}

logits_reader::logits_reader(engine& from, std::size_t context)
    : engine_(from), cache_(from.cache(context, rows_at_once(from.config(), context))),
      logits_(cache_.batch(), from.config().vocabulary) {}

void logits_reader::start(std::span<std::uint32_t const> ids) {
    cache_.clear();
    rest_ = ids;
}

nb::matrix_view<float const> logits_reader::next() {
    std::size_t const count = std::min(rest_.size(), logits_.rows());
    nb::matrix_view<float> const part(logits_.data(), count, logits_.columns());
    forward(engine_.where(), engine_.model(), cache_, rest_.first(count), part);
    rest_ = rest_.subspan(count);
    return part;
}

void require_finite(nibble::cpu where, nibble::gemma3::checkpoint const& file) {
    nb::gemma3::require_finite(where, file);
}

}  // namespace program
