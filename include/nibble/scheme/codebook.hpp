// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/float_bits.hpp>
#include <nibble/scheme/format.hpp>

#include <array>
#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace nibble {

namespace detail {

/// Whether bytes hold the levels, once the lowest is subtracted.
template <class Table>
inline constexpr bool has_byte_levels = [] {
    if (Table::levels.size() > 16 || Table::levels.back() - Table::levels.front() > 255.0f) {
        return false;
    }
    for (auto const x : Table::levels) {
        if (!(magnitude(x) <= 128.0f) || static_cast<float>(static_cast<int>(x)) != x) {
            return false;
        }
    }
    return true;
}();

/// Whether each level is above the one before; not with NaN.
template <class Levels>
constexpr bool rises(Levels const& levels) {
    for (std::size_t i = 1; i < levels.size(); ++i) {
        if (!(levels[i - 1] < levels[i])) {
            return false;
        }
    }
    return true;
}

struct float_levels {};

template <class Table>
struct byte_levels {
    static constexpr integer_levels integers = [] {
        integer_levels result{.bias = -static_cast<int>(Table::levels.front()), .has_table = true};
        for (std::size_t i = 0; i < 16; ++i) {
            float const level = i < Table::levels.size() ? Table::levels[i] : Table::levels.back();
            result.table[i] = static_cast<std::uint8_t>(static_cast<int>(level) + result.bias);
        }
        return result;
    }();
};

}  // namespace detail

/// The values of a table as a grid: code i is the i-th value. A code behind the last means the last.
template <class Table>
struct codebook_grid
    : std::conditional_t<detail::has_byte_levels<Table>, detail::byte_levels<Table>, detail::float_levels> {
    static constexpr auto& levels = Table::levels;
    static constexpr int count = static_cast<int>(levels.size());
    static_assert(count >= 2 && count <= 256, "nibble: a codebook needs 2 to 256 levels; a code is at most one byte");
    static_assert(std::same_as<std::remove_cvref_t<decltype(levels[0])>, float>,
                  "nibble: the levels of a codebook are a constexpr std::array of float; decoding gives f32");
    static_assert(detail::rises(levels),
                  "nibble: the levels of a codebook must rise from first to last, each once, without NaN");
    static_assert(levels.front() < 0 && levels.back() > 0 && levels.back() / 2 - levels.front() / 2 < 0x1p127f,
                  "nibble: a codebook needs a finite level below zero and one above, for values of either sign");

    static constexpr int bits = static_cast<int>(std::bit_width(static_cast<unsigned>(count - 1)));
    /// The code of the level nearest to zero, of two the lower: index 0.
    static constexpr int zero = [] {
        int nearest = 0;
        while (nearest + 1 < count && detail::magnitude(levels[static_cast<std::size_t>(nearest) + 1]) <
                                          detail::magnitude(levels[static_cast<std::size_t>(nearest)])) {
            ++nearest;  // levels rise, so their magnitudes fall until zero
        }
        return nearest;
    }();
    static constexpr int lowest = -zero;
    static constexpr int highest = count - 1 - zero;

    /// Between neighbours a < v < b:  i + (v − a) / (b − a), kept off a and b, and on v's side of their middle.
    NIBBLE_HD static constexpr float position(float v) {
        constexpr float margin = 0x1p-15f;  // 8 bits of index and the fraction fit in 24
        int below = 0;
        for (int i = 1; i < count - 1; ++i) {
            below += v >= levels[static_cast<std::size_t>(i)] ? 1 : 0;
        }
        float const a = levels[static_cast<std::size_t>(below)];
        float const b = levels[static_cast<std::size_t>(below) + 1];
        float fraction = (v - a) / (b - a);
        if (v > a && v < b) {
            double const beyond_middle = 2.0 * static_cast<double>(v) - static_cast<double>(a) - static_cast<double>(b);
            float const low = beyond_middle < 0 ? margin : 0.5f + margin;
            float const high = beyond_middle < 0 ? 0.5f - margin : 1.0f - margin;
            fraction = fraction < low ? low : fraction > high ? high : fraction;
            fraction = beyond_middle == 0 ? 0.5f : fraction;
        }
        return static_cast<float>(below - zero) + fraction;
    }
    NIBBLE_HD static constexpr unsigned code(int index) { return static_cast<unsigned>(index + zero); }
    NIBBLE_HD static constexpr float level(unsigned code) {
        return levels[code < levels.size() ? code : levels.size() - 1];
    }
};

/// Codes that count the values of `Table`, which has a `name` and `levels`, a constexpr std::array of 2 to 256 floats
/// that rise. A codebook of your own is such a table.
template <class Table>
struct codebook {
    using axis = axis::format;
    static constexpr char const* name = Table::name;
    using grid = codebook_grid<Table>;
};

/// The 4-bit normal float of QLoRA: quantiles of N(0, 1), from -1 to 1, with a zero.
///   source  Dettmers et al. 2023, arXiv:2305.14314, appendix E
struct nf4_table {
    static constexpr char const* name = "nf4";
    static constexpr std::array<float, 16> levels{
        -1.0f,
        -0.6961928009986877f,
        -0.5250730514526367f,
        -0.39491748809814453f,
        -0.28444138169288635f,
        -0.18477343022823334f,
        -0.09105003625154495f,
        0.0f,
        0.07958029955625534f,
        0.16093020141124725f,
        0.24611230194568634f,
        0.33791524171829224f,
        0.44070982933044434f,
        0.5626170039176941f,
        0.7229568362236023f,
        1.0f,
    };
};

/// ggml's non-linear 4 bits.
///   source  ggml, ggml-common.h
struct iq4_nl_table {
    static constexpr char const* name = "iq4_nl";
    static constexpr std::array<float, 16> levels{-127, -104, -83, -65, -49, -35, -22, -10,
                                                  1,    13,   25,  38,  53,  69,  89,  113};
};

using nf4 = codebook<nf4_table>;

}  // namespace nibble
