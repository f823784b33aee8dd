// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/fma.hpp>
#include <nibble/scheme/code_index.hpp>
#include <nibble/scheme/codebook.hpp>
#include <nibble/scheme/compose.hpp>
#include <nibble/scheme/float_format.hpp>
#include <nibble/scheme/rules/ggml_k.hpp>  // least_of_ggml
#include <nibble/scheme/value_rule.hpp>

#include <cstdint>

namespace nibble {

// How ggml's reference quantizers choose scales and codes where presets.hpp only reads their blocks. q4_0, q4_1, q5_0,
// q5_1, q8_0 and tq2_0 are ggml's there already.  source: ggml 0.9.11, ggml-quants.c

/// s = 2^(floor(log2 max|x|) − floor(log2 high)), log2 being rounded to f32: just below a power of two it is that of
/// the power itself. At least 2^-127.
///   δ = 1 − max|x| / 2^k is c · 2^-24;  log2 rounds to k where c / ln 2 is below half of k's last place over 2^-24
struct power_of_two_of_log2 {
    using axis = axis::scale_rule;
    static constexpr char const* name = "pow2_log2";
    static constexpr bool gives_powers_of_two = true;
    NIBBLE_HD static constexpr float scale(group_range r, float low, float high) {
        std::uint32_t const size = detail::bits_of(r.extreme) & 0x7fffffffu;
        int const k = static_cast<int>(size >> 23) - 126;
        int const distance = 0x800000 - static_cast<int>(size & 0x7fffffu);
        int unit = 1;  // the highest power of two in |k|, and half of it where the floats below k are finer than above
        while (2 * unit <= (k < 0 ? -k : k)) {
            unit *= 2;
        }
        float const half = k == unit ? 0.5f * static_cast<float>(unit) : static_cast<float>(unit);
        bool const reaches = k != 0 && static_cast<float>(distance) < 0.6931472f * half;
        float const s = power_of_two_of_binade::scale(r, low, high);
        return reaches ? 2.0f * s : s;
    }
};

/// v = x / s rounded to odd: a quotient that is not exact is never taken for a tie, so the nearest code is that of the
/// nearest product, level · s.
struct divide_to_odd {
    using axis = axis::division;
    static constexpr char const* name = "divide_to_odd";
    NIBBLE_HD static constexpr float apply(float x, float s) {
        float const quotient = x / s;
        float const rest = nibble::fma(-quotient, s, x);
        std::uint32_t const bits = detail::bits_of(quotient);
        bool const outwards = (rest < 0.0f) != (s < 0.0f) ? quotient < 0.0f : quotient > 0.0f;
        return rest == 0.0f || (bits & 1u) != 0u ? quotient : detail::float_of(outwards ? bits + 1u : bits - 1u);
    }
};

/// s = max|x| / high as ggml rounds it to e4m3: half up, subnormals too, where 7.5 · 2^-9 and more below 2^-6 stays
/// 7 · 2^-9; what rounds to 256 or more becomes 448.
struct absmax_half_up_e4m3 {
    using axis = axis::scale_rule;
    static constexpr char const* name = "absmax_half_up_e4m3";
    NIBBLE_HD static constexpr float scale(group_range r, float low, float high) {
        float const s = absmax_over_qmax::scale(r, low, high);
        if (s < 0x1p-6f) {
            int const steps = static_cast<int>(s * 512.0f + 0.5f);
            return static_cast<float>(steps < 7 ? steps : 7) * 0x1p-9f;
        }
        return s >= 248.0f ? e4m3::largest : detail::float_of((detail::bits_of(s) + 0x80000u) & 0xfff00000u);
    }
};

/// The best of the scales that put the extreme on the lowest level, give or take Tries, in the sense of least squares
/// weighted by x²:  of the codes under s = e / (low + t), t = −Tries … Tries, and under s = −e / low first,
///   s = Σ x²·l·x / Σ x²·l²,  the one of greatest (Σ x²·l·x)² / Σ x²·l²
/// Sums are in f32, from the first value on. A group below 10^-15 has scale 0. Importance is not asked for.
template <int Tries>
struct search_around_extreme {
    using axis = axis::scale_rule;
    static_assert(Tries == 7, "nibble: search_around_extreme exists for 7 tries to either side, ggml's for iq4_nl");
    static constexpr char const* name = "around_extreme_7";

    template <class S>
    static constexpr group_fit fit(group_values group) {
        float const extreme = detail::extreme_of(group.values);
        if (detail::magnitude(extreme) < detail::least_of_ggml) {
            return {};
        }
        sums found = sums_of<S>(group, 1.0f / (-extreme / S::low));
        float scale = found.ll > 0 ? found.lx / found.ll : 0.0f;
        float best = multiply(scale, found.lx);
        for (int t = -Tries; t <= Tries; ++t) {
            found = sums_of<S>(group, (static_cast<float>(t) + S::low) / extreme);
            if (found.ll > 0 && multiply(found.lx, found.lx) > multiply(best, found.ll)) {
                scale = found.lx / found.ll;
                best = multiply(scale, found.lx);
            }
        }
        return {scale, 0.0f};
    }

private:
    struct sums {
        float lx = 0;  // Σ x²·l·x
        float ll = 0;  // Σ x²·l·l
    };

    template <class S>
    static constexpr sums sums_of(group_values group, float factor) {
        sums result;
        for (float const x : group.values) {
            float const index = detail::clamp_index<S>(detail::index_of<S>(multiply(factor, x), 0.0f));
            float const level = S::grid::level(S::grid::code(static_cast<int>(index)));
            float const weighted = multiply(multiply(x, x), level);
            result.lx += multiply(weighted, x);
            result.ll += multiply(weighted, level);
        }
        return result;
    }
};

/// quantize_row_mxfp4: ties toward zero. What ggml does below 2^-125 depends on its compiler.
using ggml_mxfp4 = scheme<e2m1, per_group<32>, scale_as<e8m0>, power_of_two_of_log2, round_half_to_zero, reject_tail>;
/// quantize_row_nvfp4: ties toward zero, and no scale for the matrix.
using ggml_nvfp4 = scheme<e2m1, per_group<16>, scale_as<e4m3>, absmax_half_up_e4m3, codes_from_unrounded, divide_to_odd,
                          round_half_to_zero, reject_tail>;
/// quantize_iq4_nl without an importance matrix, of a build without fused multiply-add.
using ggml_iq4_nl = scheme<codebook<iq4_nl_table>, per_group<32>, scale_as<f16>, search_around_extreme<7>,
                           codes_from_unrounded, reciprocal, round_half_up, reject_tail>;

}  // namespace nibble
