// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/gemma3/checkpoint.hpp>
#include <nibble/gemma3/squared_loss.hpp>
#include <nibble/io/stored_tensor.hpp>
#include <nibble/numeric/bf16.hpp>
#include <nibble/numeric/error.hpp>
#include <nibble/tensor/backend.hpp>
#include <nibble/tensor/matrix.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdio>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nibble::gemma3::detail {

template <class T>
struct safetensors_type;
template <>
struct safetensors_type<float> {
    static constexpr std::string_view dtype = "F32", torch = "float32", instead = "write a GGUF file";
};
template <>
struct safetensors_type<bf16> {
    static constexpr std::string_view dtype = "BF16", torch = "bfloat16", instead = "write F32";
};

/// A tensor of a checkpoint on its way into a safetensors file.
struct outgoing_tensor {
    stored_tensor const* from = nullptr;
    float offset = 0;  ///< what a reader adds to the file's values: 1 to those of a norm that `from` has as 1 + w
};

[[noreturn]] inline void refuse_export(stored_tensor const& t, std::size_t row, std::size_t column, float value,
                                       std::string const& why) {
    char digits[32];
    std::snprintf(digits, sizeof digits, "%.9g", static_cast<double>(value));
    throw error("tensor '" + t.name + "', stored as " + t.format() + ", has the value " + digits + " at [" +
                std::to_string(row) + ", " + std::to_string(column) + "]" + why);
}

/// Puts rows from `first` on as T into `to`, and says what readers lose.
template <class T>
squared_loss store_rows(outgoing_tensor const& tensor, std::size_t first, matrix<float> const& values, bool allow_loss,
                        std::span<std::byte> to) {
    using type = safetensors_type<T>;
    matrix<float> kept(values.rows(), values.columns());
    for (std::size_t row = 0; row < values.rows(); ++row) {
        for (std::size_t column = 0; column < values.columns(); ++column) {
            float const value = values(row, column);
            T const stored(value - tensor.offset);
            float const again = static_cast<float>(stored) + tensor.offset;
            if (!std::isfinite(value)) {
                refuse_export(*tensor.from, first + row, column, value,
                              "; mend the source, or the training that made it.");
            }
            if (!std::isfinite(again)) {
                refuse_export(*tensor.from, first + row, column, value,
                              ", which is beyond the range of " + std::string(type::dtype) + "; " +
                                  std::string(type::instead) + ".");
            }
            if (again != value && !allow_loss) {
                refuse_export(*tensor.from, first + row, column, value,
                              ", which a safetensors file of " + std::string(type::dtype) + " does not hold; " +
                                  std::string(type::instead) + ", or allow the loss.");
            }
            kept(row, column) = again;
            std::memcpy(to.data() + (row * values.columns() + column) * sizeof(T), &stored, sizeof(T));
        }
    }
    squared_loss loss;
    loss.add(values, kept);
    return loss;
}

/// Calls out(bytes) with a whole tensor as T, piece by piece, and says what readers lose.
template <class T, class List, class Out>
squared_loss stream_tensor(cpu where, checkpoint const& source, outgoing_tensor const& tensor, bool allow_loss,
                           Out const& out) {
    auto const& t = *tensor.from;
    std::size_t const chunk_rows = std::max<std::size_t>(1, (std::size_t{1} << 17) / t.columns);
    std::size_t const wave = (std::min)(t.rows, 4 * where.threads() * chunk_rows);
    std::vector<std::byte> bytes(wave * t.columns * sizeof(T));
    std::vector<squared_loss> losses((t.rows + chunk_rows - 1) / chunk_rows);
    with_view<List>(t, [&](auto const& view) {
        auto const decode = [&](std::size_t first, matrix<float>& values) {
            for (std::size_t row = 0; row < values.rows(); ++row) {
                decode_row(view, first + row, 0, values.row(row));
            }
        };
        for (std::size_t first = 0; first < t.rows; first += wave) {
            std::size_t const end = (std::min)(t.rows, first + wave);
            where.parallel_for((end - first + chunk_rows - 1) / chunk_rows, [&](std::size_t begin, std::size_t stop) {
                for (std::size_t chunk = begin; chunk < stop; ++chunk) {
                    std::size_t const row = first + chunk * chunk_rows;
                    matrix<float> values((std::min)(chunk_rows, end - row), t.columns);
                    decode(row, values);
                    losses[row / chunk_rows] =
                        store_rows<T>(tensor, row, values, allow_loss,
                                      std::span(bytes).subspan((row - first) * t.columns * sizeof(T)));
                }
            });
            out(std::span<std::byte const>(bytes).first((end - first) * t.columns * sizeof(T)));
            source.drop(t.bytes_of_rows(first, end));
        }
    });
    squared_loss sum;
    for (auto const& loss : losses) {
        sum += loss;
    }
    return sum;
}

}  // namespace nibble::gemma3::detail
