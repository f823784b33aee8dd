// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/float_bits.hpp>
#include <nibble/quantize/exactness.hpp>
#include <nibble/quantize/group.hpp>
#include <nibble/scheme/scale.hpp>

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>

namespace nibble::detail {

/// Laws are checked on 16 groups chosen to break what can break: scales of one bit and of all bits, of both ends of
/// their type and among its subnormals; for a rule that gives them, negative ones. Schemes of more than 64 codes take
/// eight of them.
inline constexpr std::size_t law_cases = 16;
template <quantization_scheme S>
inline constexpr std::size_t case_count = S::qmax - S::qmin < 64 ? law_cases : law_cases / 2;
template <quantization_scheme S>
constexpr std::size_t case_number(std::size_t i) {
    constexpr std::array<std::size_t, 8> some{0, 2, 6, 7, 9, 12, 14, 15};
    return case_count<S> == law_cases ? i : some[i];
}

/// A scale type as sign, exponent field and mantissa of `mantissa` bits; `top` is the largest field.
template <class T>
struct scale_layout;
template <>
struct scale_layout<float> {
    static constexpr unsigned mantissa = 23, bias = 127, top = 254;
    static constexpr float from_bits(std::uint32_t bits) { return float_of(bits); }
};
template <>
struct scale_layout<bf16> {
    static constexpr unsigned mantissa = 7, bias = 127, top = 254;
    static constexpr bf16 from_bits(std::uint32_t bits) { return bf16::from_bits(static_cast<std::uint16_t>(bits)); }
};
template <>
struct scale_layout<f16> {
    static constexpr unsigned mantissa = 10, bias = 15, top = 30;
    static constexpr f16 from_bits(std::uint32_t bits) { return f16::from_bits(static_cast<std::uint16_t>(bits)); }
};
template <>
struct scale_layout<e4m3> {
    static constexpr unsigned mantissa = 3, bias = 7, top = 14;
    static constexpr e4m3 from_bits(std::uint32_t bits) { return e4m3::from_bits(static_cast<std::uint8_t>(bits)); }
};

/// Scale number i: at most 2^-headroom times the largest f32, and 2^-margin times the largest of its type.
template <class T>
struct law_scale {
    static constexpr T of(std::size_t i, unsigned headroom, unsigned margin = 0) {
        using layout = scale_layout<T>;
        constexpr unsigned ones = (1u << layout::mantissa) - 1u;
        constexpr std::array<unsigned, 8> mantissas{
            0, 1, ones, ones / 3, 1u << (layout::mantissa - 1), ones - 1, 3u << (layout::mantissa - 2), ones * 3 / 11};
        unsigned const top = (std::min)(layout::top - margin, 254 - headroom);
        std::array<unsigned, 8> const fields{1, 1, 0, 0, 0, top, top, layout::bias - 5};
        std::array<unsigned, 8> const others{0, ones, 1, ones, 3, 0, ones, ones - 2};
        unsigned const field = i < 8 ? layout::bias : fields[i - 8];
        unsigned const mantissa = i < 8 ? mantissas[i] : others[i - 8];
        return layout::from_bits(field << layout::mantissa | mantissa);
    }
};
template <>
struct law_scale<e8m0> {
    static constexpr e8m0 of(std::size_t i, unsigned headroom, unsigned = 0) {
        std::array<unsigned, 16> const fields{0,   1,   2,   30,  60,  90,  120, 126,
                                              127, 128, 140, 160, 190, 210, 220, 254 - headroom};
        return e8m0::from_bits(static_cast<std::uint8_t>(fields[i] < 254 - headroom ? fields[i] : 254 - headroom));
    }
};
template <int Bits>
struct law_scale<unsigned_code<Bits>> {
    static constexpr unsigned_code<Bits> of(std::size_t i, unsigned, unsigned = 0) {
        constexpr unsigned most = (1u << Bits) - 1u;
        return unsigned_code<Bits>::from_bits(
            static_cast<std::uint8_t>(i % 2 == 0 ? most - i / 2 % most : 1 + i % most));
    }
};
template <int Bits>
struct law_scale<signed_code<Bits>> {
    static constexpr signed_code<Bits> of(std::size_t i, unsigned, unsigned = 0) {
        return signed_code<Bits>::from_bits(law_scale<unsigned_code<Bits>>::of(i, 0).bits);
    }
};
template <class Fine, class Super, std::size_t Groups>
struct law_scale<two_level<Fine, Super, Groups>> {
    static constexpr two_level<Fine, Super, Groups> of(std::size_t i, unsigned headroom, unsigned = 0) {
        return {law_scale<Fine>::of(i * 5 % law_cases, 0), law_scale<Super>::of(i, headroom + 9)};
    }
};

template <class T>
constexpr T negated(T x) {
    if constexpr (is_two_level<T>) {
        return {x.fine, negated(x.super)};
    } else if constexpr (std::same_as<T, float>) {
        return -x;
    } else {
        return T(-static_cast<float>(x));
    }
}

/// What group i is stored with and its codes are chosen by. Where codes come from the unrounded scale, that is one
/// which rounds to the stored; an offset is at most as large as the range of the group.
template <quantization_scheme S>
constexpr group_parameters<S> law_case(std::size_t i) {
    using T = typename S::scale_type;
    constexpr float reach = S::high > -S::low ? S::high : -S::low;
    constexpr unsigned headroom = (bits_of(reach) >> 23 > 127 ? (bits_of(reach) >> 23) - 127 : 0) + 3;
    group_parameters<S> p;
    p.scale = law_scale<T>::of(i, headroom, S::storage::has_offset ? headroom : 0u);
    if constexpr (std::same_as<typename S::scale_rule, signed_extreme>) {
        p.scale = i % 3 == 1 ? negated(p.scale) : p.scale;
    }
    auto const s = static_cast<float>(p.scale);
    p.step = s;
    float drift = 1.0f;
    if constexpr (std::same_as<typename S::codes_from, codes_from_unrounded>) {
        constexpr float share = 0.9f * float_of(static_cast<std::uint32_t>(126 - precision_of<T>) << 23);
        drift = i >= 10 && i <= 12 ? 1.0f : i % 2 == 0 ? 1.0f + share : 1.0f - share;
        p.step = s * drift;
    }
    if constexpr (S::storage::has_zero_point) {
        constexpr auto most = static_cast<unsigned>(S::qmax);
        std::array<unsigned, 5> const zeros{0, most, most / 2, most / 2 + 1, 1};
        p.zero = static_cast<std::uint8_t>(zeros[i % 5]);
    } else if constexpr (S::storage::has_offset && is_two_level<T>) {
        p.zero = {law_scale<typename T::fine_type>::of(i * 7 % law_cases, 0), negated(p.scale.super)};
    } else if constexpr (S::storage::has_offset) {
        std::array<float, 4> const shares{0.0f, -1.0f, -0.4375f, 0x1.8p-16f};
        p.zero = T(s * (S::high - S::low) * shares[i % 4]);
    }
    if constexpr (S::storage::has_offset) {
        p.origin = static_cast<float>(p.zero) * drift;
    }
    return p;
}

/// The values that group i spans: its scale is near 1, and exact or not, or between two values of its type; the larger
/// side is the negative, the positive or neither, or all values have one sign.
template <quantization_scheme S>
constexpr group_range law_range(std::size_t i) {
    constexpr float reach = S::is_symmetric ? (S::high > -S::low ? S::high : -S::low) : S::high - S::low;
    std::array<float, 16> const sizes{1.0f,     1.00390625f, 1.0019532f,  1.9999999f,  1.3333334f, 0.7142857f,
                                      1.1f,     0.9375f,     1.00195312f, 1.00048828f, 1.4142135f, 1.6180340f,
                                      0.57721f, 1.2345678f,  1.75f,       1.8477591f};
    float const m = reach * sizes[i];
    std::array<group_range, 8> const shapes{{
        {-m, m, -m},
        {-m, m, m},
        {-m, 0.8f * m, -m},
        {-0.93f * m, m, m},
        {0.3f * m, m, m},
        {-m, -0.1f * m, -m},
        {-0.5f * m, m, m},
        {-m, 0.03f * m, -m},
    }};
    return shapes[i * 3 % 8];
}

}  // namespace nibble::detail
