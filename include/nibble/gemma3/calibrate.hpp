// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/gemma3/block.hpp>
#include <nibble/gemma3/checkpoint.hpp>
#include <nibble/gemma3/export.hpp>
#include <nibble/gemma3/kv_cache.hpp>
#include <nibble/gemma3/quantize_checkpoint.hpp>
#include <nibble/gemma3/tensor_names.hpp>
#include <nibble/nn/recipe.hpp>
#include <nibble/nn/rope.hpp>
#include <nibble/numeric/error.hpp>
#include <nibble/quantize/feedback.hpp>
#include <nibble/quantize/gptq.hpp>
#include <nibble/quantize/quantize.hpp>
#include <nibble/quantize/second_moments.hpp>
#include <nibble/tensor/backend.hpp>
#include <nibble/tensor/dense_panels.hpp>
#include <nibble/tensor/matrix.hpp>
#include <nibble/tensor/packed_tensor.hpp>
#include <nibble/tensor/rounded.hpp>

#include <boost/hana/at.hpp>

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nibble::gemma3 {

/// What the matrices of the blocks are quantized to keep the outputs on.
struct calibration {
    std::vector<std::vector<std::uint32_t>> texts{};  ///< ids of each, as the model is to see it: bos included
    feedback_options feedback{};
    /// tr(Δ H Δᵀ), the squared error of a matrix's outputs over all tokens of the texts, of the codes nearest to the
    /// weights and of those written. Called for each quantized matrix of a block, in the order of the file.
    std::function<void(std::string const& tensor, double nearest, double written)> report{};
};

namespace detail {

using dense_block = block_parameters<dense_panels<float>, std::vector<float>>;

/// The input of a matrix of a block, by its name in GGUF.
inline block_input input_of(std::string_view matrix) {
    return matrix == "attn_output"                      ? block_input::mixed
           : matrix == "ffn_gate" || matrix == "ffn_up" ? block_input::mlp
           : matrix == "ffn_down"                       ? block_input::gated
                                                        : block_input::attention;
}

/// The moments of the four inputs of a block.
class input_moments {
public:
    explicit input_moments(configuration const& c)
        : moments_{second_moments(c.hidden), second_moments(c.query_width()), second_moments(c.hidden),
                   second_moments(c.ffn)} {}

    /// A product of a block; matrices of one input are neighbours, so that it counts once.
    void operator()(cpu where, activation_kind kind, block_input input, matrix_view<float const> x,
                    dense_panels<float> const& w, matrix_view<float> y) {
        if (input != last_) {
            moments_[static_cast<std::size_t>(input)].add(where, x);
            last_ = input;
        }
        linear(where, kind, x, w, y);
    }

    second_moments const& of(block_input input) const { return moments_[static_cast<std::size_t>(input)]; }

private:
    std::array<second_moments, 4> moments_;  ///< in the order of block_input
    std::optional<block_input> last_;
};

/// Texts on their way through the blocks of a model, each of which they leave with its matrices as they are written.
///   memory  hidden states of all tokens, one block as f32, the moments of its inputs and one feedback
class calibrator {
public:
    /// hidden: what enters the first block, [tokens, hidden] a text
    calibrator(cpu where, configuration const& c, calibration const& how, std::vector<matrix<float>> hidden)
        : where_(where), config_(c), how_(how), hidden_(std::move(hidden)), cache_(c, longest(), longest()) {}

    /// Leaves the block before, and has the block that load(block) fills make the moments of its inputs.
    template <class Load>
    void enter(std::uint32_t layer, Load const& load) {
        if (layer == layer_) {
            return;
        }
        if (layer_) {
            for (auto& h : hidden_) {
                run(*layer_, h, apply_linear{});
            }
        }
        layer_ = layer;
        feedback_.reset();
        moments_.reset();
        load(block_);
        moments_.emplace(config_);
        for (auto const& h : hidden_) {
            auto copy = h;
            run(layer, copy, std::ref(*moments_));
        }
    }

    /// Codes of a matrix of the block, which becomes what they decode to.
    template <class S, class Role>
    packed_tensor<storage_of<S>> quantized(tensor_entry<Role> const& entry, matrix<float> const& w,
                                           quantize_statistics& counted) {
        auto const input = input_of(entry.gguf);
        auto packed = gptq<S>(where_, w, feedback_of(input), &counted);
        if (how_.report) {
            auto const error = [&](auto const& codes) {
                auto d = dequantize(where_, codes);
                std::transform(d.data(), d.data() + d.rows() * d.columns(), w.data(), d.data(), std::minus<>{});
                return output_error(where_, moments_->of(input), d);
            };
            how_.report(gguf_name(entry, *layer_), error(quantize<S>(where_, w)), error(packed));
        }
        for_each_in_block([&](auto i) {
            constexpr auto other = boost::hana::at_c<i()>(block_entries);
            if constexpr (other.is_matrix) {
                if (other.gguf == entry.gguf) {
                    member<i()>(block_) = panels_of(dequantize(where_, packed));
                }
            }
        });
        return packed;
    }

    static dense_panels<float> panels_of(matrix<float> const& w) {
        dense_panels<float> panels(w.rows(), w.columns());
        panels.set_panels(reinterpret_cast<std::byte const*>(w.data()), 0, panels.panels());
        return panels;
    }

private:
    std::size_t longest() const {
        std::size_t tokens = 1;
        for (auto const& h : hidden_) {
            tokens = (std::max)(tokens, h.rows());
        }
        return tokens;
    }

    /// A text is one batch at the start of the cache, which needs no clearing.
    template <class Linear>
    void run(std::uint32_t layer, matrix<float>& h, Linear const& apply) {
        configuration const& c = config_;
        bool const global = c.is_global(layer);
        rotation const angles(0, h.rows(), c.head_dim, static_cast<double>(global ? c.rope_base : c.rope_base_local),
                              global ? static_cast<double>(c.rope_factor) : 1.0);
        block_values values(c, h.rows());
        forward(where_, c, block_, activation_kind::f32, mix_behind_cache{layer, angles, cache_}, values, h, apply);
    }

    /// Matrices of one input follow each other and share it.
    feedback const& feedback_of(block_input input) {
        if (!feedback_ || feedback_input_ != input) {
            feedback_.reset();
            feedback_.emplace(where_, moments_->of(input), how_.feedback);
            feedback_input_ = input;
        }
        return *feedback_;
    }

    cpu where_;
    configuration const& config_;
    calibration const& how_;
    std::vector<matrix<float>> hidden_;
    kv_cache cache_;
    std::optional<std::uint32_t> layer_;
    dense_block block_;
    std::optional<input_moments> moments_;
    std::optional<feedback> feedback_;
    block_input feedback_input_{};
};

/// w becomes what it is read back as where it is stored as T, without a feedback.
template <class T>
void round_to(matrix<float>& w) {
    if constexpr (quantization_scheme<T>) {
        w = fake_quantize<T>(cpu{}, w);
    } else {
        w = rounded_to<T>(cpu{}, w);
    }
}

/// Rows of a checkpoint, and the matrices of its blocks already packed.
template <auto Recipe, class List>
class calibrated_rows {
public:
    calibrated_rows(cpu where, checkpoint const& source, calibration const& how)
        : rows_(source), config_(source.config()), calibrator_(where, config_, how, hidden(how)) {}

    template <class Role>
    void operator()(tensor_entry<Role> const& entry, std::uint32_t layer, std::size_t first,
                    matrix<float>& chunk) const {
        rows_(entry, layer, first, chunk);
    }

    template <class S, class Role>
    packed_tensor<storage_of<S>> pack(tensor_entry<Role> const& entry, std::uint32_t layer, std::size_t first,
                                      matrix<float> const& chunk, quantize_statistics& counted) {
        return rows_.template pack<S>(entry, layer, first, chunk, counted);
    }

    checkpoint_rows<List> const& floats() const { return rows_; }

    /// Called in the order of the file.
    template <class S, class Role>
        requires(quantization_scheme<S> && !std::same_as<tensor_entry<Role>, embedding_entry>)
    packed_tensor<storage_of<S>> packed(tensor_entry<Role> const& entry, std::uint32_t layer,
                                        quantize_statistics& counted) {
        calibrator_.enter(layer, [&](dense_block& block) { load(layer, block); });
        return calibrator_.template quantized<S>(entry, floats(entry, layer), counted);
    }

private:
    template <class Role>
    matrix<float> floats(tensor_entry<Role> const& entry, std::uint32_t layer) const {
        matrix<float> w(entry.rows(config_), entry.columns(config_));
        rows_(entry, layer, 0, w);
        return w;
    }

    void load(std::uint32_t layer, dense_block& block) const {
        for_each_in_block([&](auto i) {
            constexpr auto entry = boost::hana::at_c<i()>(block_entries);
            auto w = floats(entry, layer);
            if constexpr (entry.is_matrix) {
                using T = typename decltype(stored_as<Recipe>(entry))::type;
                if constexpr (!quantization_scheme<T>) {
                    round_to<T>(w);
                }
                member<i()>(block) = calibrator::panels_of(w);
            } else {
                member<i()>(block).assign(w.data(), w.data() + w.columns());
            }
        });
    }

    /// The rows of the embedding, as they are written.
    std::vector<matrix<float>> hidden(calibration const& how) const {
        std::vector<matrix<float>> states;
        for (auto const& ids : how.texts) {
            auto& h = states.emplace_back(ids.size(), config_.hidden);
            for (std::size_t t = 0; t < ids.size(); ++t) {
                matrix<float> row(1, config_.hidden);
                rows_(token_embd_entry, 0, ids[t], row);
                round_to<typename decltype(stored_as<Recipe>(token_embd_entry))::type>(row);
                std::transform(row.data(), row.data() + row.columns(), h.row(t).data(),
                               [&](float v) { return v * config_.embedding_scale(); });
            }
        }
        return states;
    }

    checkpoint_rows<List> rows_;
    configuration const& config_;
    calibrator calibrator_;
};

/// Throws nibble::error where a checkpoint cannot be quantized on these texts.
template <auto Recipe>
void require_calibration(checkpoint const& source, calibration const& how) {
    if constexpr (!quantization_scheme<scheme_for<Recipe, role::attention>> &&
                  !quantization_scheme<scheme_for<Recipe, role::mlp>>) {
        throw error(
            "The recipe keeps the matrices of all blocks as floats, so there is nothing to calibrate; choose one "
            "that quantizes them.");
    }
    for_each_parameter(
        [](auto const& entry, std::uint32_t, stored_tensor const& t) {
            if (entry.in_block && entry.is_matrix && !t.is_float()) {
                throw error("tensor '" + t.name + "' is stored as " + t.format() +
                            "; calibration makes up for errors of rounding and has to start from floats, give it F32, "
                            "F16 or BF16.");
            }
        },
        source.tensors());
    if (how.texts.empty() || std::ranges::any_of(how.texts, [](auto const& ids) { return ids.empty(); })) {
        throw error(
            "Calibration got no text, or one without tokens; give it tokens of the kind that the model is for.");
    }
    for (auto const& ids : how.texts) {
        for (auto const id : ids) {
            if (id >= source.config().vocabulary) {
                throw error("A text for calibration has the id " + std::to_string(id) +
                            ", but the vocabulary ends at " + std::to_string(source.config().vocabulary - 1) +
                            "; are these another model's tokens?");
            }
        }
    }
}

}  // namespace detail

/// The same, with the matrices of the blocks quantized by gptq, block by block, each on the inputs that it gets from
/// the blocks before as they are written. The embedding and a head of its own get the nearest codes.
///   memory  8 k² bytes for each of the four inputs of a block, of k columns, and once more for the widest; a block as
///           f32; 4 · hidden bytes a token
///   result  the same bytes for any number of threads
/// Throws nibble::error before any work where the recipe quantizes no block, the source is quantized already, there is
/// no text, or an id is not in the vocabulary; else as write_gguf and gptq do.
template <auto Recipe, class List = known_storages>
export_statistics quantize_checkpoint(cpu where, checkpoint const& source, calibration const& how,
                                      std::filesystem::path const& path, export_options const& options = {}) {
    detail::require_words(source);
    detail::require_calibration<Recipe>(source, how);
    if (!options.allow_loss) {
        detail::require_lossless<Recipe>(source, detail::checkpoint_rows<List>(source), []<class>() { return false; });
    }
    detail::calibrated_rows<Recipe, List> rows(where, source, how);
    return detail::write_checkpoint<Recipe>(where, source, path, rows, rows.floats(), options);
}

}  // namespace nibble::gemma3
