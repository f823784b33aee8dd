// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/quantize/exactness.hpp>
#include <nibble/quantize/lattice.hpp>
#include <nibble/quantize/law.hpp>
#include <nibble/scheme/compose.hpp>

#include <concepts>

namespace nibble {

namespace detail {

/// Whether the rounding of the scale, which codes from the unrounded one do not see, is less than what half_step
/// leaves.
template <quantization_scheme S>
inline constexpr bool loses_little = [] {
    float narrowest = S::high - S::low;
    for (int i = S::qmin; i < S::qmax; ++i) {
        float const gap = S::grid::level(S::grid::code(i + 1)) - S::grid::level(S::grid::code(i));
        narrowest = gap < narrowest ? gap : narrowest;
    }
    constexpr float half_unit = float_of(static_cast<unsigned>(127 - precision_of<typename S::scale_type>) << 23);
    return !S::storage::has_offset && (S::high > -S::low ? S::high : -S::low) * half_unit <= narrowest * 0x1p-11f;
}();

template <quantization_scheme S>
consteval law claims() {
    using R = typename S::rounding;
    constexpr int noise = noise_bits_of<R>;
    constexpr bool nearest = rounds_to_nearest<R>;
    constexpr bool from_stored = std::same_as<typename S::codes_from, codes_from_stored>;
    constexpr bool divides = from_stored && std::same_as<typename S::division, divide>;
    constexpr bool exact_quotients = divides && has_exact_products<S>;
    constexpr bool noise_bears =
        noise != 0 && (noise <= 16 || (divides && level_bits<S> + precision_of<typename S::scale_type> <= 24));
    constexpr bool has_zero =
        S::storage::has_zero_point || (S::is_symmetric && S::grid::level(S::grid::code(0)) == 0.0f);
    auto const if_so = [](bool condition, law one) { return condition ? one : law::none; };
    return law::monotone | law::bijection |                                      //
           if_so(nearest || exact_quotients || noise_bears, law::round_trip) |   //
           if_so(nearest && (from_stored || loses_little<S>), law::half_step) |  //
           if_so(nearest || from_stored, law::within_step) |                     //
           if_so(has_odd_levels<S> && rounds_oddly<R>, law::odd) |               //
           if_so(has_zero, law::zero) |                                          //
           if_so(idempotent<S>, law::idempotent) |                               //
           if_so(chooses_by_range<S>, law::power_of_two);
}

}  // namespace detail

/// What the policies of S promise: `laws<S>().holding` is this set, but for idempotent, which is promised only where it
/// is proved. A scheme whose own policies promise less says so by specializing it.
template <quantization_scheme S>
inline constexpr law laws_claimed_by = detail::claims<S>();

}  // namespace nibble
