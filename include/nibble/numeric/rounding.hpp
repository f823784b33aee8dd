// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/float_bits.hpp>
#include <nibble/numeric/host_device.hpp>  // NIBBLE_HD

#include <concepts>
#include <cstdint>

namespace nibble {

/// Rounding modes. Each is an empty struct with `round(x)`, the integer chosen for x, as a float; exact for every
/// finite |x| (values of 2^23 and more are integers already), and `name`, its word in the text of a scheme.
/// Only the rule for the fraction differs, which is d = x − floor(x), or r = x − trunc(x) with the sign of x;
/// nearest_even leaves it to an addition, so like division it asks for the default mode and no reassociation. No mode
/// adds 1/2 to x, which would round twice (x = 0.49999997f). r is exact; d is rounded for −1/2 < x < 0, to 1/2 where it
/// is just above (x = −0.49999997f), which only a mode that rounds this tie up may ignore. The bodies choose between
/// values instead of branching: a quotient's fraction cannot be predicted.
///   when to use which: nearest_even by default (no bias on ties); the other rules for ties to match other systems;
///   the directed modes for bounds; `stochastic` (random noise decides, E[round(x)] = x) for small updates in training.
///   source  IEEE 754-2019, 4.3
template <class R>
concept rounding_mode = requires(float x) {
    { R::round(x) } -> std::same_as<float>;
    R::name;
};

namespace detail {

/// All ones if `condition`, else zero.
NIBBLE_HD constexpr std::uint32_t mask_if(bool condition) { return 0u - static_cast<std::uint32_t>(condition); }

/// 1 if `condition`, else 0.
NIBBLE_HD constexpr float one_if(bool condition) { return float_of(mask_if(condition) & bits_of(1.0f)); }

/// All ones where |x| < 2^23, else zero: a float beyond has no fraction.
NIBBLE_HD constexpr std::uint32_t fraction_mask(float x) { return mask_if((x > -8388608.0f) & (x < 8388608.0f)); }

/// x without its fraction; x itself when it is an integer, infinite or NaN. Constexpr and without libm.
NIBBLE_HD constexpr float truncate(float x) {
    std::uint32_t const mask = fraction_mask(x);
    auto const truncated = static_cast<float>(static_cast<int>(float_of(bits_of(x) & mask)));
    return float_of((bits_of(truncated) & mask) | (bits_of(x) & ~mask));
}

/// Largest integer <= x; x itself when it is an integer, infinite or NaN.
NIBBLE_HD constexpr float floor(float x) {
    float const truncated = truncate(x);
    return truncated - one_if(truncated > x);
}

NIBBLE_HD constexpr bool is_odd(float integer) {
    return (static_cast<int>(float_of(bits_of(integer) & fraction_mask(integer))) & 1) != 0;
}

}  // namespace detail

/// Nearest, ties to the even integer.
struct round_to_nearest_even {
    static constexpr char const* name = "rne";
    NIBBLE_HD static constexpr float round(float x) {
        // From 2^23 on floats are integers, so the sum is x rounded by the addition itself.
        float const shift = detail::float_of(detail::bits_of(8388608.0f) | (detail::bits_of(x) & 0x80000000u));
        float const rounded = (x + shift) - shift;
        std::uint32_t const mask = detail::fraction_mask(x);
        return detail::float_of((detail::bits_of(rounded) & mask) | (detail::bits_of(x) & ~mask));
    }
};

/// Nearest, ties away from zero: C's `round`.
struct round_to_nearest_away {
    static constexpr char const* name = "rna";
    NIBBLE_HD static constexpr float round(float x) {
        float const t = detail::truncate(x);
        float const r = x - t;
        return t + detail::one_if(r >= 0.5f) - detail::one_if(r <= -0.5f);
    }
};

/// Nearest, ties toward plus infinity.
struct round_half_up {
    static constexpr char const* name = "half_up";
    NIBBLE_HD static constexpr float round(float x) {
        float const f = detail::floor(x);
        return f + detail::one_if(x - f >= 0.5f);
    }
};

/// Nearest, ties toward minus infinity.
struct round_half_down {
    static constexpr char const* name = "half_down";
    NIBBLE_HD static constexpr float round(float x) {
        float const t = detail::truncate(x);
        float const r = x - t;
        return t + detail::one_if(r > 0.5f) - detail::one_if(r <= -0.5f);
    }
};

/// Nearest, ties toward zero.
struct round_half_to_zero {
    static constexpr char const* name = "half_to_zero";
    NIBBLE_HD static constexpr float round(float x) {
        float const t = detail::truncate(x);
        float const r = x - t;
        return t + detail::one_if(r > 0.5f) - detail::one_if(r < -0.5f);
    }
};

/// Nearest, ties to the odd integer.
struct round_half_odd {
    static constexpr char const* name = "half_odd";
    NIBBLE_HD static constexpr float round(float x) {
        float const t = detail::truncate(x);
        float const r = x - t;
        // The least fraction that leaves t: 1/2, and the float after it where t is odd.
        float const least = detail::float_of(detail::bits_of(0.5f) + static_cast<std::uint32_t>(detail::is_odd(t)));
        return t + detail::one_if(r >= least) - detail::one_if(r <= -least);
    }
};

/// Toward minus infinity.
struct round_down {
    static constexpr char const* name = "floor";
    NIBBLE_HD static constexpr float round(float x) { return detail::floor(x); }
};

/// Toward plus infinity.
struct round_up {
    static constexpr char const* name = "ceil";
    NIBBLE_HD static constexpr float round(float x) {
        float const f = detail::floor(x);
        return f + detail::one_if(f < x);
    }
};

/// Toward zero: truncation.
struct round_toward_zero {
    static constexpr char const* name = "trunc";
    NIBBLE_HD static constexpr float round(float x) { return detail::truncate(x); }
};

/// Away from zero, to the integer of larger size.
struct round_away_from_zero {
    static constexpr char const* name = "away";
    NIBBLE_HD static constexpr float round(float x) {
        float const t = detail::truncate(x);
        float const r = x - t;
        return t + detail::one_if(r > 0.0f) - detail::one_if(r < 0.0f);
    }
};

/// What C's `(int)(x + Offset + 0.5f)` − Offset does: the sum is rounded to f32 first, then truncated. Exists to
/// reproduce quantizers that are written this way (ggml's 4- and 5-bit formats); elsewhere use round_half_up.
template <int Offset>
struct truncate_after_adding {
    static constexpr char const* name = Offset == 0   ? "trunc_after_0"
                                        : Offset == 8 ? "trunc_after_8"
                                                      : "trunc_after_16";
    static_assert(Offset == 0 || Offset == 8 || Offset == 16,
                  "nibble: truncate_after_adding exists for offsets 0, 8 and 16 only; use round_half_up elsewhere");
    NIBBLE_HD static constexpr float round(float x) {
        return round_toward_zero::round(x + (static_cast<float>(Offset) + 0.5f)) - static_cast<float>(Offset);
    }
};

}  // namespace nibble
