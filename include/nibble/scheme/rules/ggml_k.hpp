// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/f16.hpp>
#include <nibble/numeric/float_bits.hpp>
#include <nibble/numeric/multiply.hpp>
#include <nibble/numeric/rounding.hpp>
#include <nibble/numeric/sqrt.hpp>
#include <nibble/scheme/axis.hpp>
#include <nibble/scheme/scale_type.hpp>
#include <nibble/scheme/value_rule.hpp>

#include <array>
#include <cstddef>
#include <span>

// The scale rules of ggml's K quantizers, without an importance matrix: the scales that its reference row quantizers
// choose, bit for bit as built for x86-64, every operation rounded to f32 on its own and sums in sequence. A build that
// fuses multiply and add chooses others. They also say how a super-block's scales become fine numbers.
//   source  ggml 0.9.11, ggml-quants.c: make_qkx2_quants, make_q3_quants, make_qx_quants, quantize_row_q*_K_ref

namespace nibble {

namespace detail {

/// acc + a · b, two roundings.
inline float plus_product(float acc, float a, float b) { return acc + multiply(a, b); }

inline float nearest_within(float x, float low, float high) {
    float const r = round_to_nearest_even::round(x);
    return r < low ? low : r > high ? high : r;
}

/// Below it, ggml takes a group for zeros.
inline constexpr float least_of_ggml = 1e-15f;

/// Fine numbers rne(Lowest / extreme · s), the scale of largest magnitude getting the lowest, and d = extreme / Lowest;
/// `zero` where that scale is below `least`.
template <class T>
void store_signed_scales(std::span<float const> wanted, std::span<T> to, float least, T zero) {
    using fine = typename T::fine_type;
    using super = typename T::super_type;
    constexpr auto low = static_cast<float>(fine::lowest);
    float const extreme = extreme_of(wanted);
    if (detail::magnitude(extreme) < least) {
        for (T& scale : to) {
            scale = zero;
        }
        return;
    }
    float const inverse = low / extreme;
    for (std::size_t g = 0; g < to.size(); ++g) {
        to[g] = {fine(multiply(inverse, wanted[g])), super(1.0f / inverse)};
    }
}

}  // namespace detail

/// Q2_K, Q4_K, Q5_K: scale and offset by weighted least squares for Rounds + 1 trial steps around (max − min) / qmax,
///   step = (max − min) / (qmax + Start / 10 + k / 10),  k = 0 … Rounds,
/// of which the one with the least weighted error wins. An offset is at most 0.
///   weights  √(Σx² / n) + |x|, errors squared;  or with ByMagnitude |x|, errors absolute
template <int Start, int Rounds, bool ByMagnitude>
struct ggml_offset_search {
    using axis = axis::scale_rule;
    static constexpr char const* name = ByMagnitude ? "ggml_q2_k" : Rounds == 20 ? "ggml_q4_k" : "ggml_q5_k";
    static constexpr bool serves_symmetric = false;
    static constexpr bool serves_asymmetric = true;
    static constexpr std::size_t most = 32;  ///< values of a group

    template <class S>
    static group_fit fit(group_values group) {
        static_assert(S::storage::group != 0 && S::storage::group <= most,
                      "nibble: ggml's rules for super-blocks are for groups of at most 32 columns; use least_squares");
        std::span<float const> const x = group.values;
        weights const w(x);
        group_fit best;
        float high = x[0];
        for (float const v : x) {
            best.origin = v < best.origin ? v : best.origin;
            high = v > high ? v : high;
        }
        if (high == best.origin) {
            return best;
        }
        constexpr auto top = static_cast<float>(S::qmax);
        std::array<float, most> codes{};
        float const inverse = top / (high - best.origin);
        best.scale = 1.0f / inverse;
        encode(x, inverse, best.origin, top, codes);
        float best_error = error(x, w, best, codes);
        for (int k = 0; k <= Rounds; ++k) {
            float const steps = start_of_round(k) + top;
            encode(x, steps / (high - best.origin), best.origin, top, codes);
            if (line const trial = solve(x, w, codes); trial.exists) {
                float const trial_error = error(x, w, trial.fit, codes);
                if (trial_error < best_error) {
                    best = trial.fit;
                    best_error = trial_error;
                }
            }
        }
        return best;
    }

    template <class T>
    static void store_scales(std::span<float const> wanted, std::span<T> to) {
        store(wanted, to, 1.0f);
    }
    template <class T>
    static void store_offsets(std::span<float const> wanted, std::span<T> to) {
        store(wanted, to, -1.0f);
    }

private:
    struct weights {
        std::array<float, most> of{};
        float sum = 0;
        float sum_x = 0;

        explicit weights(std::span<float const> x) {
            float squares = 0;
            for (float const v : x) {
                squares = detail::plus_product(squares, v, v);
            }
            float const mean = ByMagnitude ? 0.0f : nibble::sqrt(squares / static_cast<float>(x.size()));
            for (std::size_t i = 0; i < x.size(); ++i) {
                of[i] = ByMagnitude ? detail::magnitude(x[i]) : mean + detail::magnitude(x[i]);
                sum = sum + of[i];
                sum_x = detail::plus_product(sum_x, of[i], x[i]);
            }
        }
    };

    static float start_of_round(int k) {
        return detail::plus_product(static_cast<float>(Start) / 10.0f, 0.1f, static_cast<float>(k));
    }

    static void encode(std::span<float const> x, float inverse, float origin, float top,
                       std::array<float, most>& codes) {
        for (std::size_t i = 0; i < x.size(); ++i) {
            codes[i] = detail::nearest_within(multiply(inverse, x[i] - origin), 0.0f, top);
        }
    }

    static float error(std::span<float const> x, weights const& w, group_fit fit,
                       std::array<float, most> const& codes) {
        float sum = 0;
        for (std::size_t i = 0; i < x.size(); ++i) {
            float const difference = multiply(fit.scale, codes[i]) + fit.origin - x[i];
            sum = detail::plus_product(sum, w.of[i],
                                       ByMagnitude ? detail::magnitude(difference) : multiply(difference, difference));
        }
        return sum;
    }

    struct line {
        bool exists = false;
        group_fit fit{};
    };

    /// The line of least squares through (code, x), where the codes determine one.
    static line solve(std::span<float const> x, weights const& w, std::array<float, most> const& codes) {
        float sum_l = 0;
        float sum_ll = 0;
        float sum_xl = 0;
        for (std::size_t i = 0; i < x.size(); ++i) {
            float const wl = multiply(w.of[i], codes[i]);
            sum_l = detail::plus_product(sum_l, w.of[i], codes[i]);
            sum_ll = detail::plus_product(sum_ll, wl, codes[i]);
            sum_xl = detail::plus_product(sum_xl, wl, x[i]);
        }
        float const determinant = multiply(w.sum, sum_ll) - multiply(sum_l, sum_l);
        if (!(determinant > 0.0f)) {
            return {};
        }
        float const scale = (multiply(w.sum, sum_xl) - multiply(w.sum_x, sum_l)) / determinant;
        float const origin = (multiply(sum_ll, w.sum_x) - multiply(sum_l, sum_xl)) / determinant;
        return {true, origin > 0.0f ? group_fit{sum_xl / sum_ll, 0.0f} : group_fit{scale, origin}};
    }

    /// Fine numbers rne(highest / max · v) of the magnitudes, and d = max / highest with the sign.
    template <class T>
    static void store(std::span<float const> wanted, std::span<T> to, float sign) {
        using fine = typename T::fine_type;
        using super = typename T::super_type;
        constexpr auto top = static_cast<float>(fine::highest);
        float largest = 0;
        for (float const v : wanted) {
            largest = sign * v > largest ? sign * v : largest;
        }
        float const inverse = largest > 0.0f ? top / largest : 0.0f;
        for (std::size_t g = 0; g < to.size(); ++g) {
            to[g] = {fine(multiply(inverse, sign * wanted[g])), super(sign * (largest / top))};
        }
    }
};

/// Q3_K: codes of extreme / qmin, then improved one after the other where that lowers the error weighted by x², with
/// the scale of least squares; at most five sweeps.
struct ggml_coordinate_descent {
    using axis = axis::scale_rule;
    static constexpr char const* name = "ggml_q3_k";
    static constexpr std::size_t most = 16;  ///< values of a group

    template <class S>
    static group_fit fit(group_values group) {
        static_assert(S::storage::group != 0 && S::storage::group <= most,
                      "nibble: ggml's rule for Q3_K is for groups of at most 16 columns; use least_squares");
        std::span<float const> const x = group.values;
        constexpr auto low = static_cast<float>(S::qmin);
        constexpr auto high = static_cast<float>(S::qmax);
        float const extreme = detail::extreme_of(x);
        if (detail::magnitude(extreme) < detail::least_of_ggml) {
            return {};
        }
        std::array<float, most> codes{};
        std::array<float, most> weights{};
        float const inverse = low / extreme;
        float sum_xl = 0;
        float sum_ll = 0;
        for (std::size_t i = 0; i < x.size(); ++i) {
            codes[i] = detail::nearest_within(multiply(inverse, x[i]), low, high);
            weights[i] = multiply(x[i], x[i]);
            sum_xl = detail::plus_product(sum_xl, multiply(weights[i], x[i]), codes[i]);
            sum_ll = detail::plus_product(sum_ll, multiply(weights[i], codes[i]), codes[i]);
        }
        for (int sweep = 0; sweep < 5; ++sweep) {
            bool changed = false;
            for (std::size_t i = 0; i < x.size(); ++i) {
                float const wx = multiply(weights[i], x[i]);
                float const others_xl = sum_xl - multiply(wx, codes[i]);
                if (!(others_xl > 0.0f)) {
                    continue;
                }
                float const others_ll = sum_ll - multiply(multiply(weights[i], codes[i]), codes[i]);
                float const code = detail::nearest_within(multiply(x[i], others_ll) / others_xl, low, high);
                if (code == codes[i]) {
                    continue;
                }
                float const xl = detail::plus_product(others_xl, wx, code);
                float const ll = detail::plus_product(others_ll, multiply(weights[i], code), code);
                if (ll > 0.0f && multiply(multiply(xl, xl), sum_ll) > multiply(multiply(sum_xl, sum_xl), ll)) {
                    codes[i] = code;
                    sum_xl = xl;
                    sum_ll = ll;
                    changed = true;
                }
            }
            if (!changed) {
                break;
            }
        }
        return {sum_ll > 0.0f ? sum_xl / sum_ll : 0.0f, 0.0f};
    }

    template <class T>
    static void store_scales(std::span<float const> wanted, std::span<T> to) {
        using fine = typename T::fine_type;
        float const least = 0x1p-149f;
        detail::store_signed_scales(wanted, to, least, T{fine(static_cast<float>(fine::lowest)), {}});
    }
};

/// Q6_K: of the scales extreme / −(−qmin + k / 10), k = −9 … 9, the one whose codes explain most of x weighted by x²,
///   (Σ w·x·l)² / Σ w·l²,  replaced by their scale of least squares.
struct ggml_scale_search {
    using axis = axis::scale_rule;
    static constexpr char const* name = "ggml_q6_k";

    template <class S>
    static group_fit fit(group_values group) {
        std::span<float const> const x = group.values;
        constexpr auto low = static_cast<float>(S::qmin);
        constexpr auto high = static_cast<float>(S::qmax);
        float const extreme = detail::extreme_of(x);
        if (detail::magnitude(extreme) < detail::least_of_ggml) {
            return {};
        }
        struct sums {
            float xl = 0;
            float ll = 0;
        };
        auto const sums_at = [&](float inverse) {
            sums s;
            for (float const v : x) {
                float const code = detail::nearest_within(multiply(inverse, v), low, high);
                float const weight = multiply(v, v);
                s.xl = detail::plus_product(s.xl, multiply(weight, v), code);
                s.ll = detail::plus_product(s.ll, multiply(weight, code), code);
            }
            return s;
        };
        sums const first = sums_at(low / extreme);
        float scale = first.ll != 0.0f ? first.xl / first.ll : 0.0f;
        float best = multiply(scale, first.xl);
        for (int k = -9; k <= 9; ++k) {
            if (k == 0) {
                continue;
            }
            sums const s = sums_at(-detail::plus_product(-low, 0.1f, static_cast<float>(k)) / extreme);
            if (s.ll > 0.0f && multiply(s.xl, s.xl) > multiply(best, s.ll)) {
                scale = s.xl / s.ll;
                best = multiply(scale, s.xl);
            }
        }
        return {scale, 0.0f};
    }

    template <class T>
    static void store_scales(std::span<float const> wanted, std::span<T> to) {
        detail::store_signed_scales(wanted, to, detail::least_of_ggml, T{typename T::fine_type(0.0f), {}});
    }
};

}  // namespace nibble
