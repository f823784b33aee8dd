// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/quantize/fit.hpp>
#include <nibble/quantize/group.hpp>
#include <nibble/quantize/store_scale.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <span>

namespace nibble {

namespace detail {

/// The fine part that goes with `super` for the wanted value: of an integer, the least that reaches it.
template <class T>
constexpr T with_fine(float wanted, typename T::super_type super) {
    using fine = typename T::fine_type;
    float const unit = static_cast<float>(super);
    T result{{}, super};
    if (unit == 0.0f || wanted == 0.0f) {
        result.fine = fine(0.0f);
    } else if constexpr (std::same_as<fine, e4m3>) {
        result.fine = store_scale<e4m3>(wanted / unit);
    } else {
        result.fine = fine(round_away_from_zero::round(wanted / unit));
    }
    return result;
}

template <class Fine>
inline constexpr float largest_fine = static_cast<float>(Fine::highest);
template <>
inline constexpr float largest_fine<e4m3> = e4m3::largest;

/// The super part by which the largest fine part reaches `most`, which may be negative.
template <class T>
constexpr typename T::super_type super_for(float most) {
    using super = typename T::super_type;
    float const s = most / largest_fine<typename T::fine_type>;
    if (beyond_range<super>(s)) {
        refuse_range<super>("scale", s);
    }
    return most == 0.0f
               ? super(0.0f)
               : store_scale<super>(s == 0.0f ? std::copysign(std::numeric_limits<float>::denorm_min(), most) : s);
}

/// The part that the scales of a matrix or a super-block share, the wanted scale of largest magnitude being `most`.
template <quantization_scheme S>
constexpr typename S::scale_type::super_type super_of(float most) {
    if constexpr (super_parameter_rule<typename S::scale_rule, S>) {
        return S::scale_rule::template super<S>(most);
    } else {
        return super_for<typename S::scale_type>(most);
    }
}

/// The scales of a super-block from the wanted ones.
template <quantization_scheme S>
constexpr void store_scales(std::span<float const> wanted, std::span<group_parameters<S>> to,
                            std::optional<typename S::scale_type::super_type> given) {
    using T = typename S::scale_type;
    if constexpr (requires(std::span<T> scales) { S::scale_rule::store_scales(wanted, scales); }) {
        static_assert(T::groups != 0,
                      "nibble: ggml's rules store the scales of super-blocks; give two_level a number of groups");
        std::array<T, (std::max)(T::groups, std::size_t{1})> scales;
        S::scale_rule::store_scales(wanted, std::span<T>(scales).first(to.size()));
        for (std::size_t g = 0; g < to.size(); ++g) {
            to[g].scale = scales[g];
        }
    } else {
        auto const super = given ? *given : super_for<T>(extreme_of(wanted));
        for (std::size_t g = 0; g < to.size(); ++g) {
            to[g].scale = with_fine<T>(wanted[g], super);
        }
    }
    for (std::size_t g = 0; g < to.size(); ++g) {
        float const stored = static_cast<float>(to[g].scale);
        to[g].step = stored == 0.0f || std::same_as<typename S::codes_from, codes_from_stored> ? stored : wanted[g];
        to[g].underflowed = stored == 0.0f && wanted[g] != 0.0f;
    }
}

/// The offsets of a super-block from the wanted ones; no offset is above the wanted.
template <quantization_scheme S>
constexpr void store_offsets(std::span<float const> wanted, std::span<group_parameters<S>> to) {
    using T = typename S::storage::zero_type;
    if constexpr (requires(std::span<T> offsets) { S::scale_rule::store_offsets(wanted, offsets); }) {
        std::array<T, (std::max)(T::groups, std::size_t{1})> offsets;
        S::scale_rule::store_offsets(wanted, std::span<T>(offsets).first(to.size()));
        for (std::size_t g = 0; g < to.size(); ++g) {
            to[g].zero = offsets[g];
        }
    } else {
        auto const super = super_for<T>(extreme_of(wanted));
        for (std::size_t g = 0; g < to.size(); ++g) {
            to[g].zero = with_fine<T>(wanted[g], super);
        }
    }
    for (std::size_t g = 0; g < to.size(); ++g) {
        to[g].origin = static_cast<float>(to[g].zero);
    }
}

}  // namespace detail

/// Scales and zeros of the groups that share a super scale.
///   super    = the wanted scale of largest magnitude / the largest fine number, rounded to its type; or `given`, where
///              the whole matrix shares one
///   fine     = wanted / super: of an integer the least that reaches the wanted scale, of e4m3 the nearest
///   ends_ragged  the last group has fewer columns than the scheme's groups
///   error    throws nibble::error where a super scale is beyond the range of its type
template <quantization_scheme S>
constexpr void fit_super_block(std::span<group_range const> ranges, std::span<group_parameters<S>> to,
                               bool ends_ragged = false, std::optional<typename S::scale_type::super_type> given = {}) {
    constexpr std::size_t most = (std::max)(S::scale_type::groups, std::size_t{1});
    std::array<group_range, most> widened;
    std::array<float, most> wanted{};
    std::span const some(wanted.data(), ranges.size());
    for (std::size_t g = 0; g < ranges.size(); ++g) {
        widened[g] = detail::widen<S>(ranges[g], ends_ragged && g + 1 == ranges.size());
        to[g] = {};
    }
    if constexpr (S::storage::has_offset) {
        for (std::size_t g = 0; g < ranges.size(); ++g) {
            wanted[g] = widened[g].min;
        }
        detail::store_offsets<S>(some, to);
        for (std::size_t g = 0; g < ranges.size(); ++g) {
            widened[g].min = to[g].origin;
            to[g].wide = std::isinf(widened[g].max - to[g].origin);
        }
    }
    for (std::size_t g = 0; g < ranges.size(); ++g) {
        wanted[g] = S::scale_rule::scale(widened[g], S::low, S::high);
    }
    if constexpr (super_parameter_rule<typename S::scale_rule, S>) {
        auto const super = given ? *given : detail::super_of<S>(detail::extreme_of(some));
        for (std::size_t g = 0; g < ranges.size(); ++g) {
            to[g] = detail::take_stored<S>(S::scale_rule::template parameters<S>(widened[g], super), widened[g]);
        }
        return;
    }
    detail::store_scales<S>(some, to, given);
    for (std::size_t g = 0; g < ranges.size(); ++g) {
        if constexpr (S::storage::has_zero_point) {
            to[g].zero = to[g].step == 0.0f ? std::uint8_t{0} : detail::zero_point<S>(widened[g].min, to[g].step);
        }
        detail::require_finite_codes<S>(to[g], wanted[g]);
    }
}

/// The same where a rule has chosen scales and origins.
template <quantization_scheme S>
constexpr void fit_super_block(std::span<group_fit const> fits, std::span<group_parameters<S>> to,
                               std::optional<typename S::scale_type::super_type> given = {}) {
    constexpr std::size_t most = (std::max)(S::scale_type::groups, std::size_t{1});
    std::array<float, most> wanted{};
    std::span const some(wanted.data(), fits.size());
    std::fill(to.begin(), to.end(), group_parameters<S>{});
    if constexpr (S::storage::has_offset) {
        std::transform(fits.begin(), fits.end(), some.begin(),
                       [](group_fit fit) { return (std::min)(fit.origin, 0.0f); });
        detail::store_offsets<S>(some, to);
    }
    std::transform(fits.begin(), fits.end(), some.begin(), [](group_fit fit) { return fit.scale; });
    detail::store_scales<S>(some, to, given);
    for (std::size_t g = 0; g < fits.size(); ++g) {
        if constexpr (S::storage::has_zero_point) {
            to[g].zero = to[g].step == 0.0f ? std::uint8_t{0} : detail::zero_point<S>(fits[g].origin, to[g].step);
        }
        to[g].wide = S::storage::has_offset;
        detail::require_finite_codes<S>(to[g], wanted[g]);
    }
}

}  // namespace nibble
