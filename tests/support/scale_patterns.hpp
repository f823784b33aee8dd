// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/float_bits.hpp>
#include <nibble/scheme/scale_type.hpp>
#include <nibble/scheme/symmetry.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <type_traits>

/// The values of a scale type by number: every bit pattern of one or two bytes; of f32 every upper half, with lower
/// halves of few and of many bits; of two levels every super scale, with the small scales in turn.
template <class T>
constexpr std::size_t pattern_count() {
    if constexpr (nibble::is_two_level<T>) {
        return pattern_count<typename T::super_type>();
    } else {
        return sizeof(T) == 1 ? 256 : 65536;
    }
}

template <class T>
T scale_pattern(std::size_t i, std::size_t group) {
    if constexpr (nibble::is_two_level<T>) {
        using fine = typename T::fine_type;
        std::size_t const count = std::size_t{1} << nibble::width_of<fine>;
        return {fine::from_bits(static_cast<std::uint8_t>((i * (T::groups + (T::groups == 0)) + group) % count)),
                scale_pattern<typename T::super_type>(i, 0)};
    } else if constexpr (std::is_same_v<T, float>) {
        constexpr std::uint32_t lower[] = {0, 0xffff, 0x5555, 1};
        return nibble::detail::float_of(static_cast<std::uint32_t>(i) << 16 | lower[i % 4]);
    } else {
        return T::from_bits(static_cast<decltype(T{}.bits)>(i));
    }
}

/// A zero that goes with a scale: every zero point in turn; offsets of either sign, up to the range of the group.
template <class St>
typename St::zero_type zero_pattern(std::size_t i, [[maybe_unused]] typename St::scale_type scale) {
    if constexpr (St::has_zero_point) {
        return static_cast<std::uint8_t>(i % (1u << St::bits));
    } else if constexpr (St::has_offset) {
        constexpr float shares[] = {0.0f, -1.0f, -0.46f, 0.3f, -0.003f};
        float const unit = static_cast<float>(1 << St::bits) * shares[i % 5];
        if constexpr (nibble::is_two_level<typename St::zero_type>) {
            using super = typename St::zero_type::super_type;
            return {scale.fine, super(shares[i % 5] * static_cast<float>(scale.super))};
        } else {
            return typename St::zero_type(unit * static_cast<float>(scale));
        }
    } else {
        return {};
    }
}
