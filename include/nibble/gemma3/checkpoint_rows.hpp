// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/gemma3/checkpoint.hpp>
#include <nibble/gemma3/export.hpp>
#include <nibble/gemma3/squared_loss.hpp>
#include <nibble/gemma3/tensor_names.hpp>
#include <nibble/io/stored_tensor.hpp>
#include <nibble/nn/recipe.hpp>
#include <nibble/numeric/error.hpp>
#include <nibble/quantize/quantize.hpp>
#include <nibble/tensor/backend.hpp>
#include <nibble/tensor/matrix.hpp>
#include <nibble/tensor/packed_matrix.hpp>
#include <nibble/tensor/packed_tensor.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <map>
#include <mutex>
#include <string>
#include <utility>

namespace nibble::gemma3::detail {

/// Rows of the tensors of a checkpoint, by their names in GGUF.
template <class List>
class checkpoint_rows {
public:
    explicit checkpoint_rows(checkpoint const& source) : source_(source) {
        for_each_parameter([this](auto const& entry, std::uint32_t layer,
                                  stored_tensor const& t) { tensors_.emplace(gguf_name(entry, layer), &t); },
                           source.tensors());
        if (source.head() != nullptr) {
            tensors_.emplace(gguf_name(output_entry), source.head());
        }
    }

    template <class Role>
    stored_tensor const& tensor(tensor_entry<Role> const& entry, std::uint32_t layer) const {
        return *tensors_.at(gguf_name(entry, layer));
    }

    template <class Role>
    void operator()(tensor_entry<Role> const& entry, std::uint32_t layer, std::size_t first,
                    matrix<float>& chunk) const {
        stored_tensor const& t = tensor(entry, layer);
        if constexpr (!tensor_entry<Role>::is_matrix) {
            auto const factors = source_.norm(t);
            std::copy(factors.begin(), factors.end(), chunk.data());
        } else {
            with_view<List>(t, [&](auto const& view) {
                for (std::size_t row = 0; row < chunk.rows(); ++row) {
                    decode_row(view, first + row, 0, chunk.row(row));
                }
            });
            source_.drop(t.bytes_of_rows(first, first + chunk.rows()));
        }
    }

    /// A matrix of codes in the storage that is asked for keeps them; any other gets the codes of its values.
    template <class S, class Role>
    packed_tensor<storage_of<S>> pack(tensor_entry<Role> const& entry, std::uint32_t layer, std::size_t first,
                                      matrix<float> const& chunk, quantize_statistics& counted) {
        stored_tensor const& t = tensor(entry, layer);
        packed_tensor<storage_of<S>> packed;
        bool const kept =
            with_packed<storage_of<S>>(t, [&](auto const& view) { packed = copy_rows(view, first, chunk.rows()); });
        if (!kept) {
            packed = quantize<S>(cpu{}, chunk, {.statistics = &counted});
            if (!t.is_float()) {
                squared_loss loss;
                loss.add(chunk, dequantize(cpu{}, packed));
                std::lock_guard const lock(mutex_);
                losses_[gguf_name(entry, layer)].emplace(first, loss);
            }
        }
        return packed;
    }

    /// Of the matrices that got new codes in place of others, by name.
    std::map<std::string, double> relative_rms() const {
        std::map<std::string, double> result;
        for (auto const& [name, chunks] : losses_) {
            squared_loss sum;
            for (auto const& [first, loss] : chunks) {
                sum += loss;
            }
            result[name] = sum.relative_rms();
        }
        return result;
    }

private:
    checkpoint const& source_;
    std::map<std::string, stored_tensor const*> tensors_;
    std::mutex mutex_;
    std::map<std::string, std::map<std::size_t, squared_loss>> losses_;  ///< by name and first row
};

/// Throws nibble::error for a matrix of codes that the recipe would give others, with what that costs in its first
/// rows. What `is_exempt<S>`() says gets codes in a way of its own.
template <auto Recipe, class List, class Exempt>
void require_lossless(checkpoint const& source, checkpoint_rows<List> const& rows, Exempt const& is_exempt) {
    auto const check = [&]<class Role>(tensor_entry<Role> const& entry, std::uint32_t layer, stored_tensor const& t) {
        using T = typename decltype(stored_as<Recipe>(entry))::type;
        if constexpr (quantization_scheme<T>) {
            if (t.is_float() || is_exempt.template operator()<T>() ||
                with_packed<storage_of<T>>(t, [](auto const&) {})) {
                return;
            }
            matrix<float> chunk((std::min)(t.rows, std::size_t{64}), t.columns);
            rows(entry, layer, 0, chunk);
            squared_loss loss;
            naming_tensor(t.name, [&] { loss.add(chunk, fake_quantize<T>(cpu{}, chunk)); });
            char percent[32];
            std::snprintf(percent, sizeof percent, "%.2g %%", 100 * loss.relative_rms());
            throw error("tensor '" + t.name + "' is stored as " + t.format() + " and the recipe stores it as " +
                        tensor_format<T>::text() +
                        ", which cannot hold all its values: in its first rows they would move by " + percent +
                        " of their rms. Start from the model of floats, or allow the loss.");
        }
    };
    for_each_parameter(check, source.tensors());
    if (source.head() != nullptr) {
        check(output_entry, 0, *source.head());
    }
}

}  // namespace nibble::gemma3::detail
