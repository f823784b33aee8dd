// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/scheme/compose.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <span>
#include <type_traits>

namespace nibble {

/// What codes of one group are chosen with and decoded by.
template <quantization_scheme S>
struct group_parameters {
    typename S::storage::scale_type scale{};  ///< as stored
    typename S::storage::zero_type zero{};    ///< as stored
    float step = 0;            ///< what codes divide by: the stored or the unrounded scale; 0 for a group of one value
    float origin = 0;          ///< what codes subtract first: the offset, else 0
    bool underflowed = false;  ///< a scale that is not 0 became 0 in its storage type
    bool wide = false;         ///< x − origin is beyond the range of f32 for some x of the group
};

namespace detail {

/// Loops over values take this many at a time.
inline constexpr std::size_t lanes = 16;

/// f(0) … f(Count − 1), not unrolled: of a loop with a constant count, compilers make vector code.
template <std::size_t Count = lanes, class F>
[[gnu::always_inline]] inline void for_each_lane(F const& f) {
#pragma GCC unroll 1
    for (std::size_t lane = 0; lane < Count; ++lane) {
        f(lane);
    }
}

/// f(lane, other) that takes what lane `other` has into `lane`: halves, quarters, … until lane 0 has it all.
template <class F>
[[gnu::always_inline]] inline void fold_lanes(F const& f) {
    auto const half = [&]<std::size_t Half>(std::integral_constant<std::size_t, Half>) {
        for_each_lane<Half>([&](std::size_t lane) { f(lane, lane + Half); });
    };
    half(std::integral_constant<std::size_t, lanes / 2>{});
    half(std::integral_constant<std::size_t, lanes / 4>{});
    half(std::integral_constant<std::size_t, lanes / 8>{});
    half(std::integral_constant<std::size_t, lanes / 16>{});
}

inline group_range range_of(std::span<float const> x) {
    group_range r;
    if (x.empty()) {
        return r;
    }
    float least[lanes];
    float most[lanes];
    std::fill_n(least, lanes, x[0]);
    std::fill_n(most, lanes, x[0]);
    auto const widen = [&](std::size_t lane, float low, float high) {
        least[lane] = low < least[lane] ? low : least[lane];
        most[lane] = high > most[lane] ? high : most[lane];
    };
    std::size_t i = 0;
    for (; i + lanes <= x.size(); i += lanes) {
        for_each_lane([&](std::size_t lane) { widen(lane, x[i + lane], x[i + lane]); });
    }
    for (; i < x.size(); ++i) {
        widen(0, x[i], x[i]);
    }
    fold_lanes([&](std::size_t lane, std::size_t other) { widen(lane, least[other], most[other]); });
    // Lanes lose the order of equal values, which shows where their signs differ: zeros, and extremes of both signs.
    auto const first_of_size = [&](float size) {
        return *std::find_if(x.begin(), x.end(), [&](float v) { return std::fabs(v) == size; });
    };
    r.min = least[0] == 0.0f ? first_of_size(0.0f) : least[0];
    r.max = most[0] == 0.0f ? first_of_size(0.0f) : most[0];
    if (r.max != -r.min) {
        r.extreme = r.max > -r.min ? r.max : r.min;
    } else if (r.max != 0.0f) {
        r.extreme = first_of_size(r.max);
    }
    return r;
}

}  // namespace detail

}  // namespace nibble
