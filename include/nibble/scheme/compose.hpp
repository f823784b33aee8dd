// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/scheme/basic_scheme.hpp>

#include <concepts>
#include <type_traits>

namespace nibble {

namespace detail {

/// How many of the policies make the decision of `Axis`.
template <class Axis, class... Ps>
inline constexpr int count_on = (0 + ... + (std::same_as<axis_of<Ps>, Axis> ? 1 : 0));

/// The policy among `Ps` on `Axis`, or `Default`.
template <class Axis, class Default, class... Ps>
struct select {
    using type = Default;
};

template <class Axis, class Default, class P, class... Ps>
struct select<Axis, Default, P, Ps...>
    : std::conditional_t<std::same_as<axis_of<P>, Axis>, std::type_identity<P>, select<Axis, Default, Ps...>> {};

template <class... Ps>
struct canonical {
    static_assert((policy<Ps> && ...),
                  "nibble: scheme<...> takes policies only; each is a type with a member `axis`, or a rounding mode");
    static_assert(
        ((count_on<axis_of<Ps>, Ps...> == 1) && ...),
        "nibble: scheme<...> takes each decision at most once; remove one of the two policies on the same axis");
    static_assert(count_on<axis::format, Ps...> == 1, "nibble: scheme<...> needs a bit width; add bits<N>");

    using symmetry = typename select<axis::symmetry, symmetric, Ps...>::type;
    using default_rule = std::conditional_t<std::same_as<symmetry, symmetric>, absmax_over_qmax, min_max>;
    using type = basic_scheme<typename select<axis::format, void, Ps...>::type,                     //
                              typename select<axis::range, full_range, Ps...>::type,                //
                              typename select<axis::granularity, per_channel, Ps...>::type,         //
                              symmetry,                                                             //
                              typename select<axis::rounding, round_to_nearest_even, Ps...>::type,  //
                              typename select<axis::scale_type, scale_as<bf16>, Ps...>::type,       //
                              typename select<axis::scale_rule, default_rule, Ps...>::type,         //
                              typename select<axis::codes_from, codes_from_stored, Ps...>::type,    //
                              typename select<axis::division, divide, Ps...>::type,                 //
                              typename select<axis::zero_group, canonical_zero, Ps...>::type,       //
                              typename select<axis::tail, short_group, Ps...>::type>;
};

template <class S>
inline constexpr bool is_basic_scheme = false;
template <class... Slots>
inline constexpr bool is_basic_scheme<basic_scheme<Slots...>> = true;

}  // namespace detail

/// The scheme of these policies, given in any order; what is left out has the default above, so every spelling of a
/// scheme is one type.
template <class... Policies>
using scheme = typename detail::canonical<Policies...>::type;

template <class S>
concept quantization_scheme = detail::is_basic_scheme<S>;

/// What decoding S reads: the key of packed tensors, kernels and files.
template <quantization_scheme S>
using storage_of = typename S::storage;

}  // namespace nibble
