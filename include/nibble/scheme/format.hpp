// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/scheme/axis.hpp>
#include <nibble/scheme/grid.hpp>

namespace nibble {

/// What a format says of itself: its `name`, the `grid` of its signed codes, and where it has them `unsigned_grid`, the
/// codes that a zero point or an offset goes with.
template <class F>
struct format_traits : F {};

/// Integer codes of N bits, 1 <= N <= 8.
///   signed    q in [-2^(N-1), 2^(N-1) - 1], stored as q + 2^(N-1)
///   unsigned  q in [0, 2^N - 1], stored as it is
template <int N>
struct bits {
    static_assert(N >= 1 && N <= 8, "nibble: bits<N> needs 1 <= N <= 8; a code is stored in at most one byte");
    using axis = axis::format;
    static constexpr char const* name = "int";
    using grid = linear_grid<N, 1 << (N - 1)>;
    using unsigned_grid = linear_grid<N, 0>;
};

/// {-1, 0, 1} in 2 bits, stored as q + 1. A stored 3 decodes to 2, as in ggml's TQ2_0; no quantizer writes it.
struct ternary {
    using axis = axis::format;
    static constexpr char const* name = "ternary";
    using grid = linear_grid<2, 1, -1, 1>;
};

/// All codes are used.
struct full_range {
    using axis = axis::range;
    static constexpr char const* name = "full";
};

/// The lowest signed code is not used, so that the range is symmetric: [-(2^(N-1) - 1), 2^(N-1) - 1].
struct narrow_range {
    using axis = axis::range;
    static constexpr char const* name = "narrow";
};

/// Every code stands for the middle of its step, and none for zero: ±1/2, ±3/2 … ±(2^N - 1)/2. With bits<1>: a sign.
struct mid_rise {
    using axis = axis::range;
    static constexpr char const* name = "mid_rise";
};

namespace detail {

template <class F, class Range, bool Signed>
struct grid_of {
    using type = typename format_traits<F>::grid;
};
template <class F, class Range>
    requires requires { typename format_traits<F>::unsigned_grid; }
struct grid_of<F, Range, false> {
    using type = typename format_traits<F>::unsigned_grid;
};
template <int N>
struct grid_of<bits<N>, mid_rise, true> {
    using type = mid_rise_grid<N>;
};

template <class F>
inline constexpr bool is_integer_format = requires { typename format_traits<F>::unsigned_grid; };

}  // namespace detail

}  // namespace nibble
