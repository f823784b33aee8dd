// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/float_bits.hpp>
#include <nibble/numeric/rounding.hpp>
#include <nibble/quantize/encode.hpp>
#include <nibble/quantize/fit.hpp>
#include <nibble/quantize/fit_block.hpp>
#include <nibble/quantize/group.hpp>
#include <nibble/scheme/compose.hpp>

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

namespace nibble {

namespace detail {

/// The place of v among the values of T in ascending order; 0 is zero, or 2^-127 of e8m0.
template <class T>
std::int32_t ordinal(T v) {
    if constexpr (std::same_as<T, float>) {
        auto const size = static_cast<std::int32_t>(bits_of(v) & 0x7fffffffu);
        return std::signbit(v) ? -size : size;
    } else if constexpr (std::same_as<T, e8m0>) {
        return v.bits;
    } else {
        std::int32_t const size = v.bits & 0x7fff;
        return (v.bits & 0x8000) != 0 ? -size : size;
    }
}

template <class T>
T from_ordinal(std::int32_t place) {
    auto const size = static_cast<std::uint32_t>(place < 0 ? -place : place);
    if constexpr (std::same_as<T, float>) {
        return float_of(size | (place < 0 ? 0x80000000u : 0u));
    } else if constexpr (std::same_as<T, e8m0>) {
        return e8m0::from_bits(static_cast<std::uint8_t>(size));
    } else {
        return T::from_bits(static_cast<std::uint16_t>(size | (place < 0 ? 0x8000u : 0u)));
    }
}

/// A closed interval of real numbers; empty where low > high.
struct real_interval {
    double low;
    double high;
    bool contains(double v) const { return low <= v && v <= high; }
    double middle() const { return (low + high) / 2; }
};

/// Every real number that becomes x by being rounded to f32 and then to D; a little more, so that what is computed
/// from its ends may be rounded too.
template <class D>
real_interval rounded_to(float x) {
    std::int32_t const place = ordinal(D(x));
    auto const neighbour = [&](std::int32_t step) {
        double const v = static_cast<float>(from_ordinal<D>(place + step));
        return std::isfinite(v) ? v : 2.0 * x - static_cast<float>(from_ordinal<D>(place - step));
    };
    double const slack = std::same_as<D, float> ? std::fabs(x) * 0x1p-48 : std::fabs(x) * 0x1p-23 + 0x1p-149;
    return {(x + neighbour(-1)) / 2 - slack, (x + neighbour(1)) / 2 + slack};
}

template <quantization_scheme S>
constexpr bool is_ragged(std::span<float const> x) {
    return S::storage::group != 0 && x.size() < S::storage::group;
}

/// What S itself stores the values of a group with.
template <quantization_scheme S>
group_parameters<S> fit_values(std::span<float const> x) {
    group_parameters<S> p;
    fit_block<S>([&](std::size_t) { return group_values{x, {}}; }, std::span(&p, 1), is_ragged<S>(x), {});
    return p;
}

/// Finds the grid of S that the values of a group lie on, were they rounded to D.
///   grid    x_i = D(decode(code_i, scale, zero)), checked by that very decode; the signs of zeros may differ
///   search  the value of largest magnitude (of an offset scheme, of largest distance from the offset) has the code m
///           that the scale rule of S gives it, or another one, the largest first. Each m leaves an interval of scales,
///           and the code of every other value narrows it
template <quantization_scheme S, class D>
class grid_search {
public:
    using storage = storage_of<S>;
    using scale_type = typename storage::scale_type;
    using zero_type = typename storage::zero_type;

    scale_type scale{};
    zero_type zero{};
    std::vector<std::uint8_t> codes;

    /// Whether x is on a grid; then scale, zero and codes say which.
    bool fits(std::span<float const> x) {
        x_ = x;
        range_ = range_of(x);
        codes.resize(x.size());
        if (!std::all_of(x.begin(), x.end(), [](float v) { return as_stored(v) == v; })) {
            return false;
        }
        if constexpr (has_offset) {
            return range_.min == range_.max ? fits_constant() : fits_offset();
        } else {
            return range_.extreme == 0.0f ? fits_zeros() : fits_scale();
        }
    }

private:
    static constexpr bool has_offset = std::same_as<typename S::symmetry, asymmetric_offset>;
    static constexpr bool has_zero_point = std::same_as<typename S::symmetry, asymmetric>;
    static constexpr bool has_sign = !std::same_as<scale_type, e8m0>;
    /// The largest code − zero of values that have the sign of the scale, and of the others.
    static constexpr int most = S::qmax;
    static constexpr int most_below = has_zero_point ? S::qmax : -S::qmin;
    /// Intervals of scales that are looked at for one m; where one is on the grid, a dozen is much.
    static constexpr int patience = 256;

    static float as_stored(float decoded) { return static_cast<float>(D(decoded)); }

    /// Codes of all values under the scale, from the one nearest to the value; false where one does not decode to it.
    bool reproduces(scale_type with, zero_type from) {
        scale = with;
        zero = from;
        auto const s = static_cast<float>(scale);
        auto base = static_cast<float>(S::grid::code(0));
        float offset = 0.0f;
        if constexpr (has_zero_point) {
            base = static_cast<float>(zero);
        } else if constexpr (has_offset) {
            offset = static_cast<float>(zero);
        }
        constexpr auto first = static_cast<float>(S::grid::code(S::qmin));
        constexpr auto last = static_cast<float>(S::grid::code(S::qmax));
        for (std::size_t i = 0; i < x_.size(); ++i) {
            float const code = round_to_nearest_even::round((x_[i] - offset) / s) + base;
            if (!(code >= first && code <= last)) {
                return false;
            }
            codes[i] = static_cast<std::uint8_t>(code);
            if (as_stored(storage::decode(codes[i], scale, zero)) != x_[i]) {
                return false;
            }
        }
        return true;
    }

    //=== x = s · k, where k = code − zero ===//

    struct magnitude {
        real_interval of;  ///< |x| before it was rounded
        bool negative;
    };

    bool reproduces(scale_type with) {
        zero_type from{};
        if constexpr (has_zero_point) {  // the least value has code 0, or zero has
            float const k = round_to_nearest_even::round(range_.min / static_cast<float>(with));
            from = static_cast<std::uint8_t>(std::fmin(std::fmax(-k, 0.0f), static_cast<float>(S::qmax)));
        }
        return reproduces(with, from);
    }

    /// The scale and codes that S itself gives zeros, with the sign of theirs where S keeps one: groups that were zero
    /// and groups that underflowed differ in it.
    bool fits_zeros() {
        auto const p = fit_values<S>(x_);
        scale = p.scale;
        zero = p.zero;
        std::fill(codes.begin(), codes.end(), static_cast<std::uint8_t>(encode<S>(0.0f, p)));
        if constexpr (S::is_symmetric && std::same_as<typename S::zero_group, zero_as_computed>) {
            bool const negative = !x_.empty() && std::signbit(x_[0]);
            scale = scale_type(negative ? -0.0f : 0.0f);
        }
        return true;
    }

    bool fits_scale() {
        magnitudes_.clear();
        for (float const v : x_) {
            if (v != 0.0f) {
                magnitudes_.push_back({rounded_to<D>(std::fabs(v)), v < 0.0f});
            }
        }
        float const ruled = scale_by_rule();
        if constexpr (gives_powers_of_two<typename S::scale_rule>) {
            if (reproduces(scale_type(ruled))) {
                return true;
            }
        }
        constexpr bool lowest_first = std::same_as<typename S::scale_rule, signed_extreme>;
        int const limit = range_.extreme < 0.0f || lowest_first ? most_below : most;
        // Halfway between two codes, where absmax_over_half_range puts the extreme, the larger one comes first.
        float const m = ruled == 0.0f ? 0.0f : std::floor(std::fabs(range_.extreme / ruled) + (0.5f + 0x1p-12f));
        int const by_rule = m >= 1.0f && m <= static_cast<float>(limit) ? static_cast<int>(m) : limit;
        if (fits_extreme(by_rule)) {
            return true;
        }
        for (int other = most; other >= 1; --other) {
            if (other != by_rule && fits_extreme(other)) {
                return true;
            }
        }
        return most_below > most && by_rule != most_below && fits_extreme(most_below);
    }

    /// The scale that the values themselves would get.
    float scale_by_rule() const {
        if constexpr (value_rule<typename S::scale_rule, S>) {
            return S::scale_rule::template fit<S>({x_, {}}).scale;
        } else {
            return S::scale_rule::scale(widen<S>(range_, is_ragged<S>(x_)), S::low, S::high);
        }
    }

    /// Whether there is a grid on which the extreme is m steps from zero.
    bool fits_extreme(int m) {
        constexpr bool always_below = std::same_as<typename S::scale_rule, signed_extreme>;
        bool const below = always_below || (range_.extreme < 0.0f && m <= most_below) || m > most;
        negative_scale_ = below != (range_.extreme < 0.0f);
        if (negative_scale_ && (!has_sign || has_zero_point)) {
            return false;
        }
        auto const extreme = rounded_to<D>(std::fabs(range_.extreme));
        looks_left_ = patience;
        return fits_between({extreme.low / m, extreme.high / m});
    }

    /// Whether a scale whose magnitude is in the interval makes a grid: looks at the value in the middle, which is
    /// furthest from what any rounding could have moved, then on both sides of it.
    bool fits_between(real_interval scales) {
        if (looks_left_ == 0) {
            return false;
        }
        --looks_left_;
        if (!narrow(scales)) {
            return false;
        }
        auto const middle = scale_type(static_cast<float>(scales.middle()));
        auto const size = static_cast<float>(middle);
        if (size <= 0.0f || !scales.contains(size)) {
            return false;
        }
        if (reproduces(negative_scale_ ? scale_type(-size) : middle)) {
            return true;
        }
        std::int32_t const place = ordinal(middle);
        return (place > 0 && fits_between({scales.low, static_cast<float>(from_ordinal<scale_type>(place - 1))})) ||
               fits_between({static_cast<float>(from_ordinal<scale_type>(place + 1)), scales.high});
    }

    /// Cuts off scales under which some value is on no code; false where none remain.
    bool narrow(real_interval& scales) const {
        if (!(scales.low <= scales.high)) {
            return false;
        }
        for (auto const& [of, negative] : magnitudes_) {
            double const limit = negative == negative_scale_ ? most : most_below;
            double const least = std::fmax(std::ceil(of.low / scales.high), 1.0);
            double const largest = std::fmin(std::floor(of.high / scales.low), limit);
            if (!(least <= largest)) {
                return false;
            }
            scales.low = std::fmax(scales.low, of.low / largest);
            scales.high = std::fmin(scales.high, of.high / least);
            if (!(scales.low <= scales.high)) {
                return false;
            }
        }
        return true;
    }

    //=== x = s · code + o, the least value (the largest, where s < 0) having code 0 ===//

    struct distance {
        real_interval of;  ///< x before it was rounded
        int code;
    };

    /// One value is an offset, or, where S had to store its offset below it, what S makes of it.
    bool fits_constant() {
        auto const p = fit_values<S>(x_);
        if (static_cast<float>(p.scale) != 0.0f && reproduces(p.scale, p.zero)) {
            return true;
        }
        scale = scale_type(0.0f);
        zero = zero_type(range_.min);
        std::fill(codes.begin(), codes.end(), std::uint8_t{0});
        return as_stored(storage::decode(0, scale, zero)) == range_.min;
    }

    bool fits_offset() {
        distances_.clear();
        for (float const v : x_) {
            distances_.push_back({rounded_to<D>(v), 0});
        }
        for (bool const negative : {false, true}) {
            negative_scale_ = negative;
            for (int m = S::qmax; m >= 1; --m) {
                if (has_codes(m) && fits_codes()) {
                    return true;
                }
            }
        }
        return false;
    }

    float origin() const { return negative_scale_ ? range_.max : range_.min; }
    float furthest() const { return negative_scale_ ? range_.min : range_.max; }

    /// Gives every value the code nearest to it, where `origin` has 0 and `furthest` has m; false where one is further
    /// from its code than the roundings of the three can have moved it, and, unless the rule of S says m, where they
    /// can have moved it half a step.
    bool has_codes(int m) {
        double const step = (static_cast<double>(furthest()) - origin()) / m;
        auto const half = [](real_interval of) { return (of.high - of.low) / 2; };
        double const slack = half(rounded_to<D>(origin())) + half(rounded_to<D>(furthest()));
        if (m != S::qmax && slack >= std::fabs(step) / 2) {
            return false;
        }
        for (std::size_t i = 0; i < x_.size(); ++i) {
            auto& [of, code] = distances_[i];
            code = static_cast<int>(std::nearbyint((static_cast<double>(x_[i]) - origin()) / step));
            double const at = origin() + code * step;
            if (at < of.low - slack || at > of.high + slack) {
                return false;
            }
        }
        return true;
    }

    /// Magnitudes of scales that give the values their codes, where there is a certain offset.
    struct scale_range {
        real_interval of;
        double slope;  ///< of its width, as a function of the offset: concave, made of straight pieces
        double width() const { return of.high - of.low; }
    };

    scale_range scales_at(double offset) const {
        real_interval scales{0.0, static_cast<double>((std::numeric_limits<float>::max)())};
        double slope_of_low = 0.0;
        double slope_of_high = 0.0;
        for (auto const& [of, code] : distances_) {
            if (code == 0) {
                continue;
            }
            double const per_code = (negative_scale_ ? -1.0 : 1.0) / code;
            double const a = (of.low - offset) * per_code;
            double const b = (of.high - offset) * per_code;
            double const slack = std::fabs(offset * per_code) * 0x1p-48;
            if (double const low = std::fmin(a, b) - slack; low > scales.low) {
                scales.low = low;
                slope_of_low = -per_code;
            }
            if (double const high = std::fmax(a, b) + slack; high < scales.high) {
                scales.high = high;
                slope_of_high = -per_code;
            }
        }
        return {scales, slope_of_high - slope_of_low};
    }

    /// Moves an end of an interval of offsets to where there are scales, by Newton's steps: these never go beyond, as
    /// the width is concave. False where there are none.
    bool move_to_scales(double& offset, double direction) const {
        for (int steps = 0; steps < 64; ++steps) {
            auto const scales = scales_at(offset);
            double const next = offset - scales.width() / scales.slope;
            if (scales.width() >= 0.0 || next == offset) {
                return true;
            }
            if (!(scales.slope * direction > 0.0)) {
                return false;
            }
            offset = next;
        }
        return false;
    }

    /// Whether an offset and a scale give the values their codes: looks at the offset in the middle of those that do,
    /// then around it.
    bool fits_codes() {
        real_interval offsets = rounded_to<D>(origin());
        for (auto const& [of, code] : distances_) {
            if (code == 0) {
                offsets = {std::fmax(offsets.low, of.low), std::fmin(offsets.high, of.high)};
            }
        }
        if (!move_to_scales(offsets.low, 1.0) || !move_to_scales(offsets.high, -1.0)) {
            return false;
        }
        std::int32_t const middle = ordinal(scale_type(static_cast<float>(offsets.middle())));
        constexpr std::int32_t around = 8;  // f16 has eight values to one of bf16
        for (std::int32_t step = 0; step <= 2 * around; ++step) {
            auto const offset = from_ordinal<scale_type>(middle + (step % 2 == 0 ? step / 2 : -(step / 2 + 1)));
            if (offsets.contains(static_cast<float>(offset)) && fits_at(offset)) {
                return true;
            }
        }
        return false;
    }

    bool fits_at(scale_type offset) {
        auto const scales = scales_at(static_cast<float>(offset)).of;
        if (!(scales.low <= scales.high)) {
            return false;
        }
        std::int32_t const middle = ordinal(scale_type(static_cast<float>(scales.middle())));
        for (std::int32_t const step : {0, -1, 1}) {
            auto const size = static_cast<float>(from_ordinal<scale_type>(middle + step));
            if (size > 0.0f && scales.contains(size) &&
                reproduces(scale_type(negative_scale_ ? -size : size), offset)) {
                return true;
            }
        }
        return false;
    }

    std::span<float const> x_;
    group_range range_;
    std::vector<magnitude> magnitudes_;
    std::vector<distance> distances_;
    bool negative_scale_ = false;
    int looks_left_ = 0;
};

}  // namespace detail

}  // namespace nibble
