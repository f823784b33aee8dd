// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/bf16.hpp>
#include <nibble/numeric/e4m3.hpp>
#include <nibble/numeric/e8m0.hpp>
#include <nibble/numeric/f16.hpp>
#include <nibble/numeric/fine_code.hpp>
#include <nibble/numeric/multiply.hpp>
#include <nibble/scheme/axis.hpp>

#include <array>
#include <concepts>
#include <cstddef>
#include <string_view>

namespace nibble {

/// Whether T can be the small number of a two-level scale.
template <class T>
inline constexpr bool is_fine = false;
template <int Bits>
inline constexpr bool is_fine<unsigned_code<Bits>> = true;
template <int Bits>
inline constexpr bool is_fine<signed_code<Bits>> = true;
template <>
inline constexpr bool is_fine<e4m3> = true;

/// A scale in two levels: a small number a group, times a float that `Groups` neighbouring groups of a row share (a
/// super-block), or with Groups = 0 the whole matrix.  s = fine · super,  exact where Super is f16: a product of at
/// most 11 + 8 bits.
template <class Fine, class Super, std::size_t Groups>
struct two_level {
    static_assert(is_fine<Fine> &&
                      (std::same_as<Super, float> || std::same_as<Super, f16> || std::same_as<Super, bf16>),
                  "nibble: two_level<Fine, Super, Groups> needs Fine to be unsigned_code<Bits>, signed_code<Bits> or "
                  "e4m3, and Super to be float, f16 or bf16");
    using fine_type = Fine;
    using super_type = Super;
    static constexpr std::size_t groups = Groups;

    Fine fine{};
    Super super{};

    NIBBLE_HD constexpr explicit operator float() const {
        return multiply(static_cast<float>(fine), static_cast<float>(super));
    }
    friend constexpr bool operator==(two_level const&, two_level const&) = default;
};

template <class T>
inline constexpr bool is_two_level = false;
template <class Fine, class Super, std::size_t Groups>
inline constexpr bool is_two_level<two_level<Fine, Super, Groups>> = true;

/// Whether the whole matrix shares a part of its scales.
template <class T>
inline constexpr bool has_matrix_scale = false;
template <class Fine, class Super>
inline constexpr bool has_matrix_scale<two_level<Fine, Super, 0>> = true;

/// Bits of the small number of a two-level scale.
template <class Fine>
inline constexpr int width_of = Fine::width;
template <>
inline constexpr int width_of<e4m3> = 8;

/// The word of a scale type; empty where there is none.
template <class T>
inline constexpr std::string_view scale_type_name{};
template <>
inline constexpr std::string_view scale_type_name<float> = "f32";
template <>
inline constexpr std::string_view scale_type_name<f16> = "f16";
template <>
inline constexpr std::string_view scale_type_name<bf16> = "bf16";
template <>
inline constexpr std::string_view scale_type_name<e8m0> = "e8m0";
template <>
inline constexpr std::string_view scale_type_name<e4m3> = "e4m3";
template <int Bits>
inline constexpr std::string_view scale_type_name<unsigned_code<Bits>> =
    std::string_view("u1u2u3u4u5u6u7u8").substr(2 * (Bits - 1), 2);
template <int Bits>
inline constexpr std::string_view scale_type_name<signed_code<Bits>> =
    std::string_view("s1s2s3s4s5s6s7s8").substr(2 * (Bits - 1), 2);

namespace detail {

/// "fine_super_groups", or "fine_super" where the whole matrix shares.
template <class TwoLevel>
struct two_level_name {
    static constexpr auto text = [] {
        std::array<char, 24> to{};
        std::size_t length = 0;
        auto const write = [&](std::string_view word) {
            for (char const c : word) {
                to[length++] = c;
            }
        };
        write(scale_type_name<typename TwoLevel::fine_type>);
        write("_");
        write(scale_type_name<typename TwoLevel::super_type>);
        if constexpr (constexpr std::size_t groups = TwoLevel::groups; groups != 0) {
            write("_");
            std::size_t unit = 1;
            while (groups / unit >= 10) {
                unit *= 10;
            }
            for (; unit != 0; unit /= 10) {
                to[length++] = static_cast<char>('0' + groups / unit % 10);
            }
        }
        return to;
    }();
};

}  // namespace detail

template <class Fine, class Super, std::size_t Groups>
inline constexpr std::string_view scale_type_name<two_level<Fine, Super, Groups>> =
    detail::two_level_name<two_level<Fine, Super, Groups>>::text.data();

/// Scales are stored as T: float, f16, bf16, e8m0, e4m3, or two_level<Fine, Super, Groups>.
template <class T>
struct scale_as {
    static_assert(!scale_type_name<T>.empty() && (!is_fine<T> || std::same_as<T, e4m3>),
                  "nibble: scale_as<T> needs T to be float, f16, bf16, e8m0, e4m3 or two_level<Fine, Super, Groups>");
    using axis = axis::scale_type;
    using type = T;
    static constexpr std::string_view name = scale_type_name<T>;
};

}  // namespace nibble
