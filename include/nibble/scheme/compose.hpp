// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/scheme/basic_scheme.hpp>
#include <nibble/scheme/gradient.hpp>
#include <nibble/scheme/parameter_rule.hpp>
#include <nibble/scheme/value_rule.hpp>

#include <concepts>
#include <type_traits>

namespace nibble {

namespace detail {

/// A policy that makes the decision of `Axis`.
template <class P, class Axis>
concept decides = policy<P> && std::same_as<axis_of<P>, Axis>;

/// How many of the policies make the decision of `Axis`.
template <class Axis, class... Ps>
inline constexpr int count_on = (0 + ... + (decides<Ps, Axis> ? 1 : 0));

/// Whether no other of the policies makes P's decision.
template <class P, class... Ps>
inline constexpr bool is_alone = true;
template <policy P, class... Ps>
inline constexpr bool is_alone<P, Ps...> = count_on<axis_of<P>, Ps...> == 1;

/// The policy among `Ps` on `Axis`, or `Default`.
template <class Axis, class Default, class... Ps>
struct select {
    using type = Default;
};

template <class Axis, class Default, class P, class... Ps>
struct select<Axis, Default, P, Ps...>
    : std::conditional_t<decides<P, Axis>, std::type_identity<P>, select<Axis, Default, Ps...>> {};

template <class P>
inline constexpr bool has_known_axis = !policy<P> || requires { axis_of<P>::word; };

/// The small float types have their words in format_traits.
template <class P>
inline constexpr bool has_word = requires { P::name; } || !requires { typename P::axis; };

/// A format that the quantizer can count: its grid keeps the contract, and a code fits in a byte.
template <class F>
inline constexpr bool has_grid = requires {
    requires grid<typename format_traits<F>::grid>;
    requires format_traits<F>::grid::bits >= 1 && format_traits<F>::grid::bits <= 8;
};

template <class R>
concept range_rule = requires(group_range range, float level) {
    { R::scale(range, level, level) } -> std::same_as<float>;
};

template <class R, class S>
concept scale_rule_of = range_rule<R> || value_rule<R, S> || parameter_rule<R, S>;

template <class... Ps>
struct canonical {
    static_assert(
        (policy<Ps> && ...),
        "nibble: scheme<...> takes policies only; each is a type with a member `axis`, a rounding mode, which has "
        "`float round(float)` and `name`, or a small float type");
    static_assert((has_known_axis<Ps> && ...),
                  "nibble: the `axis` of a policy has to be one of nibble::axis; no other decision makes up a scheme");
    static_assert(
        (has_word<Ps> && ...),
        "nibble: a policy needs a `name`, its word in the text of a scheme; add a static constexpr char const*");
    static_assert(
        (is_alone<Ps, Ps...> && ...),
        "nibble: scheme<...> takes each decision at most once; remove one of the two policies on the same axis");
    static_assert(count_on<axis::format, Ps...> == 1, "nibble: scheme<...> needs a format; add bits<N>, or another");

    using format = typename select<axis::format, bits<8>, Ps...>::type;
    static_assert(has_grid<format>,
                  "nibble: a format needs a `grid`, as grid.hpp describes it, with codes of 1 to 8 bits");
    using symmetry = typename select<axis::symmetry, symmetric, Ps...>::type;
    using default_rule = std::conditional_t<std::same_as<symmetry, symmetric>, absmax_over_qmax, min_max>;
    using type = basic_scheme<format,                                                               //
                              typename select<axis::range, full_range, Ps...>::type,                //
                              typename select<axis::granularity, per_channel, Ps...>::type,         //
                              symmetry,                                                             //
                              typename select<axis::rounding, round_to_nearest_even, Ps...>::type,  //
                              typename select<axis::scale_type, scale_as<bf16>, Ps...>::type,       //
                              typename select<axis::scale_rule, default_rule, Ps...>::type,         //
                              typename select<axis::codes_from, codes_from_stored, Ps...>::type,    //
                              typename select<axis::division, divide, Ps...>::type,                 //
                              typename select<axis::zero_order, zero_after_rounding, Ps...>::type,  //
                              typename select<axis::zero_group, canonical_zero, Ps...>::type,       //
                              typename select<axis::tail, short_group, Ps...>::type,                //
                              typename select<axis::gradient, straight_through<>, Ps...>::type>;
    static_assert(scale_rule_of<typename type::scale_rule, type>,
                  "nibble: a scale rule needs `float scale(group_range, float low, float high)`, or `group_fit "
                  "fit<S>(group_values)`");
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

namespace detail {

template <class S, class New>
struct gradient_replaced;
template <class Format, class Range, class Granularity, class Symmetry, class Rounding, class ScaleAs, class ScaleRule,
          class CodesFrom, class Division, class ZeroOrder, class ZeroGroup, class Tail, class Old, class New>
struct gradient_replaced<basic_scheme<Format, Range, Granularity, Symmetry, Rounding, ScaleAs, ScaleRule, CodesFrom,
                                      Division, ZeroOrder, ZeroGroup, Tail, Old>,
                         New> {
    using type = basic_scheme<Format, Range, Granularity, Symmetry, Rounding, ScaleAs, ScaleRule, CodesFrom, Division,
                              ZeroOrder, ZeroGroup, Tail, New>;
};

}  // namespace detail

/// S with another gradient: the same codes, scales and files.
template <quantization_scheme S, class Gradient>
using with_gradient = typename detail::gradient_replaced<S, Gradient>::type;

/// What decoding S reads: the key of packed tensors, kernels and files.
template <quantization_scheme S>
using storage_of = typename S::storage;

/// Whether the codes of a scheme depend on a random_key beside the values.
template <quantization_scheme S>
inline constexpr bool rounds_at_random = random_rounding_mode<typename S::rounding>;

}  // namespace nibble
