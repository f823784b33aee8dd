// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/gemma3/checkpoint.hpp>
#include <nibble/gemma3/model.hpp>
#include <nibble/io/stored_tensor.hpp>
#include <nibble/nn/attention.hpp>
#include <nibble/numeric/error.hpp>
#include <nibble/tensor/any_weight.hpp>
#include <nibble/tensor/backend.hpp>
#include <nibble/tensor/repack.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace nibble::gemma3 {

struct load_options {
    cpu where{};                                   ///< a pool makes loading faster, not different
    std::optional<activation_kind> activations{};  ///< instead of what the file asks for
    std::optional<kv_type> kv_cache{};             ///< likewise
    bool check_values = true;  ///< refuse scales and float values that are not finite; costs a pass over them
};

namespace detail {

[[noreturn]] inline void refuse_value(stored_tensor const& t, std::size_t row, char const* what, float value) {
    throw error("tensor '" + t.name + "' has the " + what + " " + std::to_string(value) + " in row " +
                std::to_string(row) + "; the file is damaged or the training diverged");
}

/// Throws nibble::error if rows [begin, end) have a float value, a scale or an offset that is not finite, or a negative
/// scale where the file's format has none.
template <class T>
void require_finite(stored_tensor const& t, dense_view<T> const& view, std::size_t begin, std::size_t end) {
    for (std::size_t row = begin; row < end; ++row) {
        for (std::size_t c = 0; c < view.columns(); ++c) {
            if (float const value = view(row, c); !std::isfinite(value)) {
                refuse_value(t, row, "value", value);
            }
        }
    }
}

template <packed_matrix M>
void require_finite(stored_tensor const& t, M const& view, std::size_t begin, std::size_t end) {
    constexpr bool has_sign = !requires { M::block::has_unsigned_scales; };
    for (std::size_t row = begin; row < end; ++row) {
        for (std::size_t g = 0; g < view.groups(); ++g) {
            auto const scale = static_cast<float>(view.scale(row, g));
            if (!std::isfinite(scale) || (!has_sign && std::signbit(scale))) {
                refuse_value(t, row, "scale", scale);
            }
            if constexpr (M::storage::has_offset) {
                if (auto const offset = static_cast<float>(view.zero(row, g)); !std::isfinite(offset)) {
                    refuse_value(t, row, "offset", offset);
                }
            }
        }
    }
}

/// Calls f(begin, end) for pieces of the rows of `t`, some MiB and whole panels each, on the threads of `where`.
template <class F>
void for_pieces(cpu where, stored_tensor const& t, F&& f) {
    constexpr std::size_t panel = 16;
    std::size_t const row_bytes = std::max<std::size_t>(1, t.rows == 0 ? 1 : t.bytes.size() / t.rows);
    std::size_t const rows = std::max<std::size_t>(1, (std::size_t{4} << 20) / row_bytes / panel) * panel;
    where.parallel_for((t.rows + rows - 1) / rows, [&](std::size_t begin, std::size_t end) {
        for (std::size_t piece = begin; piece < end; ++piece) {
            f(piece * rows, (std::min)(t.rows, (piece + 1) * rows));
        }
    });
}

}  // namespace detail

/// Throws nibble::error if a tensor of the checkpoint has a float value, a scale or an offset that is not finite, or
/// a negative scale where the file's format has none.
template <class List = known_storages>
void require_finite(cpu where, checkpoint const& file) {
    auto const check = [&](stored_tensor const& t) {
        with_view<List>(t, [&](auto const& view) {
            detail::for_pieces(where, t, [&](std::size_t begin, std::size_t end) {
                detail::require_finite(t, view, begin, end);
                file.drop(t.bytes_of_rows(begin, end));
            });
        });
    };
    for_each_parameter([&](auto const&, std::uint32_t, stored_tensor const& t) { check(t); }, file.tensors());
    if (file.head() != nullptr) {
        check(*file.head());
    }
}

/// A matrix in the order that the product on the CPU reads. The mapped bytes are given back piece by piece, so that
/// file and copy never lie in memory together.
template <class List = known_storages>
any_weight_of<List> load_weight(checkpoint const& file, stored_tensor const& t, load_options const& options) {
    any_weight_of<List> result;
    with_view<List>(t, [&]<class View>(View const& view) {
        auto const load = [&](auto panels, auto&& copy) {
            detail::for_pieces(options.where, t, [&](std::size_t begin, std::size_t end) {
                if (options.check_values) {
                    detail::require_finite(t, view, begin, end);
                }
                copy(panels, begin / 16, (end + 15) / 16);
                file.drop(t.bytes_of_rows(begin, end));
            });
            result = std::move(panels);
        };
        if constexpr (packed_matrix<View>) {
            load(cpu_panel_weights<typename View::storage>(t.rows, t.columns),
                 [&](auto& panels, std::size_t begin, std::size_t end) { repack_panels(view, panels, begin, end); });
        } else {
            load(dense_panels<typename View::value_type>(t.rows, t.columns),
                 [&](auto& panels, std::size_t begin, std::size_t end) { panels.set_panels(view.data(), begin, end); });
        }
    });
    return result;
}

/// The model of a checkpoint. Throws nibble::error for values that are not finite, unless told not to look.
template <class List = known_storages>
model<any_weight_of<List>> load(checkpoint const& file, load_options const& options = {}) {
    model<any_weight_of<List>> result;
    result.config = file.config();
    result.activations = options.activations.value_or(file.activations());
    result.kv_type = options.kv_cache.value_or(file.kv_type());
    result.end_ids.assign(file.end_ids().begin(), file.end_ids().end());
    if (file.words() != nullptr) {
        result.words.emplace(*file.words());
    }
    result.parameters.blocks.resize(result.config.layers);
    for_each_parameter(
        [&](auto entry, std::uint32_t, auto& parameter, stored_tensor const& t) {
            if constexpr (entry.is_matrix) {
                parameter = load_weight<List>(file, t, options);
            } else {
                if (options.check_values) {
                    with_view<storage_list<>>(t, [&](auto const& view) { detail::require_finite(t, view, 0, 1); });
                }
                parameter = file.norm(t);
            }
        },
        result.parameters, file.tensors());
    if (file.head() != nullptr) {
        result.head = load_weight<List>(file, *file.head(), options);
    }
    return result;
}

/// The model in a file: GGUF, or safetensors with config.json beside it. `List` names the storages that its matrices
/// may have, append<known_storages, storage_of<S>> for one of your own. Throws nibble::error, which names the file.
template <class List = known_storages>
model<any_weight_of<List>> load(std::filesystem::path const& path, load_options const& options = {}) {
    auto const file = checkpoint::open<List>(path);
    try {
        return load<List>(file, options);
    } catch (error const& e) {
        throw error(path.string() + ": " + e.what());
    }
}

}  // namespace nibble::gemma3
