// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/scheme/scale_type.hpp>
#include <nibble/scheme/symmetry.hpp>

#include <cstddef>
#include <type_traits>

/// A scale or zero near x, which is positive for a type without a sign: of any type that a storage has.
template <class T>
T a_factor(float x) {
    if constexpr (nibble::is_two_level<T>) {
        typename T::fine_type const fine(7.0f);
        return {fine, typename T::super_type(x / static_cast<float>(fine))};
    } else if constexpr (std::is_same_v<T, nibble::no_zero>) {
        return {};
    } else {
        return static_cast<T>(x);
    }
}

/// How many columns of `St` at least `count` are whole blocks.
template <class St>
constexpr std::size_t whole_blocks(std::size_t count) {
    return St::block == 0 ? count : (count + St::block - 1) / St::block * St::block;
}
