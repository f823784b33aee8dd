// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/fma.hpp>
#include <nibble/numeric/rounding.hpp>
#include <nibble/numeric/stochastic.hpp>
#include <nibble/scheme/basic_scheme.hpp>
#include <nibble/scheme/code_index.hpp>
#include <nibble/scheme/scale.hpp>
#include <nibble/scheme/value_rule.hpp>

#include <cmath>
#include <cstddef>
#include <limits>
#include <span>
#include <type_traits>

// What rules share that look at every value: the range of a group, its weights, and what a value becomes under a scale
// and an origin that are tried. Sums are sequential and in f64, where squares of f32 can neither overflow nor vanish,
// and every product that a sum follows is exact or rounded on its own: the same bits on every target.

namespace nibble::detail {

/// a · b in f64, rounded whatever comes next: `multiply` for double.
inline double product(double a, double b) {
#if defined(__FMA__) || defined(__FP_FAST_FMA) || defined(__ARM_FEATURE_FMA)
    return __builtin_fma(a, b, -0.0);
#else
    return a * b;
#endif
}

/// The f32 nearest to x, and none that is infinite.
inline float to_finite(double x) {
    constexpr double most = (std::numeric_limits<float>::max)();
    return static_cast<float>(x > most ? most : x < -most ? -most : x);
}

/// The f32 nearest to a scale that is not 0, and neither infinite nor 0.
inline float to_scale(double x) {
    float const s = to_finite(x);
    return s != 0.0f ? s : x < 0 ? -std::numeric_limits<float>::denorm_min() : std::numeric_limits<float>::denorm_min();
}

/// The importance of each value; no numbers, or none but zeros, count as ones.
class weights_of {
public:
    explicit weights_of(group_values group) {
        for (float const w : group.importance) {
            sum_ += static_cast<double>(w);
        }
        if (sum_ == 0.0) {
            sum_ = static_cast<double>(group.values.size());
        } else {
            weights_ = group.importance;
        }
    }
    double operator[](std::size_t i) const { return weights_.empty() ? 1.0 : static_cast<double>(weights_[i]); }
    double sum() const { return sum_; }

private:
    std::span<float const> weights_;
    double sum_ = 0;
};

/// Whether the range of a group has to hold zero: a zero point is a code, and the offsets of a super-block, which share
/// a sign, are not above zero.
template <class S>
inline constexpr bool range_holds_zero =
    S::storage::has_zero_point || (S::storage::has_offset && is_two_level<typename S::scale_type>);

/// Whether a scale of S may be negative, and a negative one gives other values.
template <class S>
inline constexpr bool scale_has_sign = S::is_symmetric && -S::low != S::high &&
                                       !is_unsigned_scale<typename S::scale_type> && !has_least<typename S::zero_group>;

/// The range of a group, with zero in it where S asks for that.
template <class S>
group_range range_of_group(group_values group) {
    float const first = range_holds_zero<S> ? 0.0f : group.values[0];
    group_range range{first, first, 0.0f};
    for (float const x : group.values) {
        range.min = x < range.min ? x : range.min;
        range.max = x > range.max ? x : range.max;
        range.extreme = std::fabs(x) > std::fabs(range.extreme) ? x : range.extreme;
    }
    return range;
}

/// What values become under a scale (not 0) and an origin that no storage type has rounded: the codes of `encode`, the
/// values in f64. Where S draws random numbers, rounded to nearest.
template <class S>
class trial {
    static_assert(
        !requires { requires S::division::multiplies; },
        "nibble: a rule that looks at every value tries scales that codes divide by; use divide or reciprocal");

public:
    explicit trial(group_fit fit) : scale_(fit.scale) {
        if constexpr (S::storage::has_zero_point) {
            zero_ = static_cast<float>(zero_point<S>(fit.origin, fit.scale));
        } else if constexpr (S::storage::has_offset) {
            origin_ = fit.origin;
        }
    }

    /// The index of x's code.
    float index(float x) const { return clamp_index<S>(index_of<S, rounding>(quotient<S>(x, origin_, scale_), zero_)); }

    /// What x's code is worth in units of the scale, counted from `base`.
    double level(float x) const {
        return static_cast<double>(S::grid::level(S::grid::code(static_cast<int>(index(x)))) - zero_);
    }

    /// level · scale + base; the product is exact.
    double value(float x) const { return level(x) * static_cast<double>(scale_) + base(); }

    /// The value of level 0: the offset, or zero.
    double base() const { return static_cast<double>(origin_); }

    /// The code of real zero.
    float zero() const { return zero_; }

private:
    using rounding =
        std::conditional_t<random_rounding_mode<typename S::rounding>, round_to_nearest_even, typename S::rounding>;

    float scale_;
    float origin_ = 0;
    float zero_ = 0;
};

/// Σ w · (x − x̂)², x̂ being what x becomes. Stops at `limit`.
template <class S>
double squared_error(group_values group, weights_of const& weights, group_fit fit,
                     double limit = std::numeric_limits<double>::infinity()) {
    trial<S> const tried(fit);
    double sum = 0;
    for (std::size_t i = 0; i < group.values.size() && sum < limit; ++i) {
        double const d = static_cast<double>(group.values[i]) - tried.value(group.values[i]);
        sum += product(weights[i] * d, d);
    }
    return sum;
}

/// The best of the fits that it is shown, the first of several.
template <class S>
class best_fit {
public:
    explicit best_fit(group_values group) : group_(group), weights_(group) {}

    /// Whether this fit has the least error so far.
    bool take(group_fit fit) {
        double const error = squared_error<S>(group_, weights_, fit, error_);
        if (error < error_) {
            error_ = error;
            fit_ = fit;
            return true;
        }
        return false;
    }
    group_fit fit() const { return fit_; }

private:
    group_values group_;
    weights_of weights_;
    group_fit fit_;
    double error_ = std::numeric_limits<double>::infinity();
};

/// The fit that puts the lowest level on `low` and the highest on `high`; its origin is not above zero where S forbids.
template <class S>
group_fit fit_between(double low, double high) {
    double const steps = static_cast<double>(S::high) - static_cast<double>(S::low);
    float const s = to_scale((high - low) / steps);
    double const origin = low - static_cast<double>(S::low) * static_cast<double>(s);
    bool const too_high = S::storage::has_offset && range_holds_zero<S> && origin > 0;
    return {s, too_high ? 0.0f : to_finite(origin)};
}

/// What min_max gives for a range of more than one value: nothing is clipped.
template <class S>
group_fit fit_of_range(group_range range) {
    float const s = to_scale(static_cast<double>(min_max::scale(range, S::low, S::high)));
    return {s, nibble::fma(-S::low, s, range.min)};
}

}  // namespace nibble::detail
