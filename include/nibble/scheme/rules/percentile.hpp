// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/scheme/axis.hpp>
#include <nibble/scheme/rules/fraction.hpp>
#include <nibble/scheme/rules/trial.hpp>

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <vector>

namespace nibble {

/// s = |x| / qmax of the k-th smallest |x|, k = ceil(n · Num / Den): the least magnitude that a share Num / Den of the
/// n values does not exceed. It clips the rest, and does not ask for importance. A magnitude of 0 gives way to the
/// largest, so that only an all-zero group is taken for one.
///   when to use which: a group needs more than Den / (Den − Num) values for anything to be clipped
template <int Num, int Den>
struct percentile {
    static_assert(Num <= Den, "nibble: percentile<Num, Den> is a share of the values; it needs Num <= Den");
    using axis = axis::scale_rule;
    static constexpr auto text = detail::fraction<Num, Den>::name("p");
    static constexpr std::string_view name = text.data();

    template <class S>
    static group_fit fit(group_values group) {
        std::vector<float> sizes(group.values.begin(), group.values.end());
        std::for_each(sizes.begin(), sizes.end(), [](float& x) { x = x < 0 ? -x : x; });
        std::size_t const n = sizes.size();
        constexpr std::size_t num = Num;
        constexpr std::size_t den = Den;
        std::size_t const rank = n / den * num + (n % den * num + den - 1) / den;
        auto const at = sizes.begin() + static_cast<std::ptrdiff_t>(rank - 1);
        std::nth_element(sizes.begin(), at, sizes.end());
        float const size = *at > 0.0f ? *at : *std::max_element(at, sizes.end());
        return {size == 0.0f ? 0.0f : detail::to_scale(static_cast<double>(size) / static_cast<double>(S::high)), 0.0f};
    }
};

}  // namespace nibble
