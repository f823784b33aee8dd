// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/e2m1.hpp>
#include <nibble/numeric/e4m3.hpp>
#include <nibble/numeric/e5m2.hpp>
#include <nibble/numeric/rounding.hpp>    // rounding_mode
#include <nibble/numeric/stochastic.hpp>  // random_rounding_mode
#include <nibble/scheme/info.hpp>

#include <concepts>

namespace nibble {

/// The decisions that make up a scheme. A policy names its own as `using axis = axis::…`; a rounding mode, which
/// lives in `numeric` and knows nothing of schemes, is recognised by one of its concepts, and a float type of 4 or 8
/// bits is a format. `word` is where scheme_info keeps the policy's name.
namespace axis {

/// What the codes are: bits<N>, ternary, e2m1, e4m3, e5m2, `codebook<Table>`.
struct format {
    static constexpr auto word = &scheme_info::format;
};

/// Which codes are used, and what they stand for: full_range, narrow_range, mid_rise.
struct range {
    static constexpr auto word = &scheme_info::range;
};

/// Who shares a scale: per_tensor, per_channel, per_token, per_group<N>, per_block<R, C>.
struct granularity {
    static constexpr auto word = &scheme_info::granularity;
};

/// Where real zero lies: symmetric, asymmetric, asymmetric_offset, asymmetric_middle.
struct symmetry {
    static constexpr auto word = &scheme_info::symmetry;
};

/// How a quotient becomes an integer: the modes of numeric/rounding.hpp and numeric/stochastic.hpp.
struct rounding {
    static constexpr auto word = &scheme_info::rounding;
};

/// How a scale is stored: scale_as<T>.
struct scale_type {
    static constexpr auto word = &scheme_info::scale_type;
};

/// How a scale is derived from the values of its group.
struct scale_rule {
    static constexpr auto word = &scheme_info::scale_rule;
};

/// Whether codes see the stored or the unrounded scale.
struct codes_from {
    static constexpr auto word = &scheme_info::codes_from;
};

/// x / s, or x · (1 / s).
struct division {
    static constexpr auto word = &scheme_info::division;
};

/// Whether a zero point is added to the rounded quotient or before rounding.
struct zero_order {
    static constexpr auto word = &scheme_info::zero_order;
};

/// What an all-zero group gets, and how small a scale may be.
struct zero_group {
    static constexpr auto word = &scheme_info::zero_group;
};

/// What happens to a ragged last group.
struct tail {
    static constexpr auto word = &scheme_info::tail;
};

/// How the gradient of a loss passes the quantizer.
struct gradient {
    static constexpr auto word = &scheme_info::gradient;
};

}  // namespace axis

namespace detail {

template <class P>
struct axis_lookup {};

template <class P>
    requires requires { typename P::axis; }
struct axis_lookup<P> {
    using type = typename P::axis;
};

template <class P>
    requires(rounding_mode<P> || random_rounding_mode<P>) && (!requires { typename P::axis; })
struct axis_lookup<P> {
    using type = axis::rounding;
};

template <class T>
    requires(std::same_as<T, e2m1> || std::same_as<T, e4m3> || std::same_as<T, e5m2>)
struct axis_lookup<T> {
    using type = axis::format;
};

}  // namespace detail

/// The decision that policy `P` makes.
template <class P>
using axis_of = typename detail::axis_lookup<P>::type;

/// A type that makes one of the decisions above.
template <class P>
concept policy = requires { typename detail::axis_lookup<P>::type; };

}  // namespace nibble
