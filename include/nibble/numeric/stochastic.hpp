// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/float_bits.hpp>
#include <nibble/numeric/host_device.hpp>  // NIBBLE_HD
#include <nibble/numeric/rounding.hpp>

#include <concepts>
#include <cstdint>
#include <type_traits>

namespace nibble {

/// A mode in which chance decides: `round(x, random)` takes 32 uniform bits beside the value and is a pure function of
/// both; `name` is its word in the text of a scheme.
template <class R>
concept random_rounding_mode = requires(float x, std::uint32_t random) {
    { R::round(x, random) } -> std::same_as<float>;
    R::name;
};

/// Up with the probability of the fraction:  round(x) = sgn(x) · (f + [u < d]),  f = floor(|x|), d = |x| − f, and
/// u = (j + 1/2) / 2^NoiseBits, j being the highest NoiseBits bits of `random`.
///   integers   never move
///   expectation over all j:  E[round(x)] = sgn(x) · (f + D), D being the multiple of 2^-NoiseBits nearest to d, of two
///              the lower. So E[round(x)] = x where x is a multiple of 2^-NoiseBits, and
///              |E[round(x)] − x| <= 2^-(NoiseBits + 1) elsewhere, of either sign: without the 1/2 in u, the mean would
///              be low by 2^-(NoiseBits + 1)
///   variance   D · (1 − D) <= 1/4
///   exact      d and u are values of their types: x counts from zero, since x − floor(x) is rounded for −1/2 < x < 0
template <int NoiseBits = 16>
struct stochastic {
    static_assert(NoiseBits == 8 || NoiseBits == 16 || NoiseBits == 32,
                  "nibble: stochastic<NoiseBits> needs NoiseBits to be 8, 16 or 32");
    static constexpr char const* name = NoiseBits == 8    ? "stochastic8"
                                        : NoiseBits == 16 ? "stochastic16"
                                                          : "stochastic32";

    NIBBLE_HD static constexpr float round(float x, std::uint32_t random) {
        using wide = std::conditional_t<(NoiseBits < 24), float, double>;  // has NoiseBits + 1 significant bits
        using count = std::conditional_t<(NoiseBits < 24), std::int32_t, std::int64_t>;
        constexpr wide unit = wide{1} / static_cast<wide>(std::int64_t{1} << NoiseBits);
        constexpr std::uint32_t sign_bit = 0x80000000u;
        float const size = detail::float_of(detail::bits_of(x) & ~sign_bit);
        float const f = detail::floor(size);
        float const d = size - f;
        wide const u = (static_cast<wide>(static_cast<count>(random >> (32 - NoiseBits))) + wide{0.5}) * unit;
        float const rounded = f + detail::one_if(u < static_cast<wide>(d));
        return detail::float_of(detail::bits_of(rounded) | (detail::bits_of(x) & sign_bit));
    }
};

}  // namespace nibble
