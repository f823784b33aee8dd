// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/rounding.hpp>  // rounding_mode

namespace nibble {

/// The decisions that make up a scheme. A policy names its own as `using axis = axis::…`; a rounding mode, which
/// lives in `numeric` and knows nothing of schemes, is recognised by its concept.
namespace axis {
struct format {};       ///< what the codes are: bits<N>
struct range {};        ///< which codes are used: full_range, narrow_range
struct granularity {};  ///< who shares a scale: per_tensor, per_channel, per_token, per_group<N>
struct symmetry {};     ///< where real zero lies: symmetric, asymmetric, asymmetric_offset
struct rounding {};     ///< how a quotient becomes an integer: the modes of numeric/rounding.hpp
struct scale_type {};   ///< how a scale is stored: scale_as<T>
struct scale_rule {};   ///< how a scale is derived from the values of its group
struct codes_from {};   ///< whether codes see the stored or the unrounded scale
struct division {};     ///< x / s, or x · (1 / s)
struct zero_group {};   ///< what an all-zero group gets
struct tail {};         ///< what happens to a ragged last group
}  // namespace axis

namespace detail {

template <class P>
struct axis_lookup {};

template <class P>
    requires requires { typename P::axis; }
struct axis_lookup<P> {
    using type = typename P::axis;
};

template <rounding_mode P>
    requires(!requires { typename P::axis; })
struct axis_lookup<P> {
    using type = axis::rounding;
};

}  // namespace detail

/// The decision that policy `P` makes.
template <class P>
using axis_of = typename detail::axis_lookup<P>::type;

/// A type that makes one of the decisions above.
template <class P>
concept policy = requires { typename detail::axis_lookup<P>::type; };

}  // namespace nibble
