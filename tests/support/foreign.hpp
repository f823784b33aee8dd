// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/quantize/quantize.hpp>

#include <catch2/catch_test_macros.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <support/golden_file.hpp>

/// How many of a case's numbers are others.
struct foreign_differences {
    std::size_t codes = 0;
    std::size_t scales = 0;
    std::size_t zeros = 0;
    std::size_t rows_of_values = 0;

    friend bool operator==(foreign_differences const&, foreign_differences const&) = default;
};

inline bool same_bits(float a, float b) { return std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b); }

/// What S makes of the case's weights beside what the other system made of them.
///   bias   of a code stored here over the one stored there; of zero points too
///   value  (code, scale, zero) as stored here -> the other system's value, f32
template <nibble::quantization_scheme S, class Value>
foreign_differences compare_packed(golden_case const& c, nibble::packed_tensor<nibble::storage_of<S>> const& packed,
                                   int bias, Value const& value) {
    using St = nibble::storage_of<S>;
    foreign_differences found;
    auto const columns = packed.columns();
    for (std::size_t row = 0; row < packed.rows(); ++row) {
        for (std::size_t column = 0; column < columns; ++column) {
            int const code = static_cast<int>(packed.code(row, column)) - bias;
            found.codes += code != c["codes"].integer(row * columns + column) ? 1u : 0u;
        }
        for (std::size_t g = 0; g < packed.groups(); ++g) {
            std::size_t const i = row * packed.groups() + g;
            found.scales += same_bits(static_cast<float>(packed.scale(row, g)), c["scales"].value(i)) ? 0u : 1u;
            if constexpr (St::has_zero_point) {
                int const zero = static_cast<int>(packed.zero(row, g)) - bias;
                found.zeros += static_cast<float>(zero) != c["zeros"].value(i) ? 1u : 0u;
            } else if constexpr (St::has_offset) {
                found.zeros += same_bits(static_cast<float>(packed.zero(row, g)), c["zeros"].value(i)) ? 0u : 1u;
            }
        }
        auto const sum = checksum_of_row(columns, [&](std::size_t column) {
            std::size_t const g = packed.group_of(column);
            return value(packed.code(row, column), packed.scale(row, g), packed.zero(row, g));
        });
        found.rows_of_values += sum != c["checksums"].at<std::uint64_t>(row) ? 1u : 0u;
    }
    return found;
}

template <nibble::quantization_scheme S, class Value>
foreign_differences compare(golden_case const& c, int bias, Value const& value) {
    return compare_packed<S>(c, nibble::quantize<S>(nibble::cpu{}, c["x"].values()), bias, value);
}

/// The library's own decode, rounded to T.
template <nibble::quantization_scheme S, class T = float>
inline constexpr auto decode_in = [](unsigned code, auto scale, auto zero) {
    return static_cast<float>(T(nibble::storage_of<S>::decode(code, scale, zero)));
};
