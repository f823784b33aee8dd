// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/vectorized.hpp>
#include <nibble/quantize/fit.hpp>
#include <nibble/quantize/fit_super_block.hpp>
#include <nibble/quantize/group.hpp>
#include <nibble/scheme/scale_type.hpp>
#include <nibble/scheme/value_rule.hpp>

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <type_traits>

namespace nibble::detail {

/// The super scale that the whole matrix shares, where it does.
template <class ScaleType>
struct shared_scale {};
template <class Fine, class Super, std::size_t Groups>
struct shared_scale<two_level<Fine, Super, Groups>> {
    std::optional<Super> super;
};

/// Parameters of the groups of a block, whose values read(g) gives; `ends_ragged` where the last has fewer columns than
/// the scheme's groups.
template <quantization_scheme S, class Read>
void fit_block(Read const& read, std::span<group_parameters<S>> to, bool ends_ragged,
               [[maybe_unused]] shared_scale<typename S::scale_type> const& shared) {
    constexpr bool by_value = value_rule<typename S::scale_rule, S>;
    constexpr std::size_t most = S::storage::group == 0 ? 1 : S::storage::block / S::storage::group;
    using wanted = std::conditional_t<by_value, group_fit, group_range>;
    std::array<wanted, most> wants;
    for (std::size_t g = 0; g < to.size(); ++g) {
        if constexpr (by_value) {
            wants[g] = S::scale_rule::template fit<S>(read(g));
        } else {
            vectorized([&, values = read(g).values] { wants[g] = range_of(values); });
        }
    }
    std::span<wanted const> const all(wants.data(), to.size());
    if constexpr (is_two_level<typename S::scale_type> && by_value) {
        fit_super_block<S>(all, to, shared.super);
    } else if constexpr (is_two_level<typename S::scale_type>) {
        fit_super_block<S>(all, to, ends_ragged, shared.super);
    } else if constexpr (by_value) {
        to[0] = store_fit<S>(wants[0]);
    } else {
        to[0] = fit_group<S>(wants[0], ends_ragged);
    }
}

}  // namespace nibble::detail
