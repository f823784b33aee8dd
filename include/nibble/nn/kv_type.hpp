// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/bf16.hpp>
#include <nibble/numeric/error.hpp>
#include <nibble/numeric/f16.hpp>
#include <nibble/scheme/compose.hpp>
#include <nibble/scheme/presets.hpp>

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace nibble {

/// What keys and values are kept as, chosen at run time. int8 is the scheme int8_token: a scale a head and token.
enum class kv_type : std::uint8_t { f32, f16, bf16, int8 };

inline constexpr std::array<std::string_view, 4> kv_type_names{"f32", "f16", "bf16", "int8"};

constexpr std::string_view name_of(kv_type type) { return kv_type_names[static_cast<std::size_t>(type)]; }

/// Throws nibble::error for a word that names none.
inline kv_type parse_kv_type(std::string_view word) {
    for (std::size_t i = 0; i < kv_type_names.size(); ++i) {
        if (kv_type_names[i] == word) {
            return static_cast<kv_type>(i);
        }
    }
    throw error("'" + std::string(word) +
                "' is not a type that keys and values are kept as; choose f32, f16, bf16 or int8.");
}

/// Whether a recipe may keep keys and values as T.
template <class T>
inline constexpr bool keeps_kv =
    std::same_as<T, float> || std::same_as<T, f16> || std::same_as<T, bf16> || std::same_as<T, int8_token>;

/// The kv_type of what a recipe says.
template <class T>
    requires(keeps_kv<T>)
inline constexpr kv_type kv_type_of = std::same_as<T, float>  ? kv_type::f32
                                      : std::same_as<T, f16>  ? kv_type::f16
                                      : std::same_as<T, bf16> ? kv_type::bf16
                                                              : kv_type::int8;

}  // namespace nibble
