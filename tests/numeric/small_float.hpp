// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "ulp.hpp"

#include <nibble/numeric/bf16.hpp>
#include <nibble/numeric/f16.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cmath>
#include <cstdint>

namespace nibble_test {

/// A small float type by its definition.
struct small_float_definition {
    int mantissa_bits;
    int bias;
    unsigned finite;  // magnitude codes 0 … finite − 1 are finite

    [[nodiscard]] double value(unsigned code) const {
        auto const exponent = static_cast<int>(code >> mantissa_bits);
        double const fraction = std::ldexp(static_cast<double>(code & ((1u << mantissa_bits) - 1u)), -mantissa_bits);
        return exponent == 0 ? std::ldexp(fraction, 1 - bias) : std::ldexp(1.0 + fraction, exponent - bias);
    }

    /// Exact: few significant bits.
    [[nodiscard]] double middle_above(unsigned code) const { return (value(code) + value(code + 1)) / 2; }

    /// The finite code nearest to x >= 0, of two the even one: as many codes are passed as middles lie below x.
    [[nodiscard]] unsigned nearest(float x) const {
        unsigned code = 0;
        for (unsigned i = 0; i + 1 < finite; ++i) {
            double const middle = middle_above(i);
            bool const passed = static_cast<double>(x) > middle || (static_cast<double>(x) == middle && i % 2 == 1);
            code += passed ? 1 : 0;
        }
        return code;
    }
};

/// visit(x) for x >= 0: every bf16 and f16, infinity too, and every middle between two neighbours and its own
/// neighbours among the floats.
template <class Visit>
void visit_magnitudes(small_float_definition definition, Visit visit) {
    for (unsigned bits = 0; bits <= 0x7f80u; ++bits) {
        visit(static_cast<float>(nibble::bf16::from_bits(static_cast<std::uint16_t>(bits))));
    }
    for (unsigned bits = 0; bits <= 0x7c00u; ++bits) {
        visit(static_cast<float>(nibble::f16::from_bits(static_cast<std::uint16_t>(bits))));
    }
    for (unsigned code = 0; code < definition.finite; ++code) {  // the last one reaches beyond the largest value
        auto const middle = static_cast<float>(definition.middle_above(code));
        visit(std::nextafter(middle, 0.0f));
        visit(middle);
        visit(std::nextafter(middle, infinity));
    }
    for (std::uint64_t bits = 0; bits <= 0x7f800000u; bits += 10007) {
        visit(from_bits(static_cast<std::uint32_t>(bits)));
    }
}

/// Both signs of every finite code of T have their value, and are the codes of it.
template <class T>
void check_values(small_float_definition definition, unsigned sign_bit) {
    for (unsigned code = 0; code < definition.finite; ++code) {
        auto const positive = T::from_bits(static_cast<std::uint8_t>(code));
        auto const negative = T::from_bits(static_cast<std::uint8_t>(code | sign_bit));
        auto const x = static_cast<float>(positive);
        REQUIRE(static_cast<double>(x) == definition.value(code));
        REQUIRE(to_bits(static_cast<float>(negative)) == to_bits(-x));
        REQUIRE(T(x) == positive);
        REQUIRE(T(-x) == negative);
    }
    REQUIRE(static_cast<double>(T::largest) == definition.value(definition.finite - 1));
}

/// T(x) is the nearest finite code for x and −x.
template <class T>
void check_nearest(small_float_definition definition, unsigned sign_bit) {
    visit_magnitudes(definition, [&](float x) {
        unsigned const nearest = definition.nearest(x);
        REQUIRE(T(x).bits == nearest);
        REQUIRE(T(-x).bits == (nearest | sign_bit));
    });
}

}  // namespace nibble_test
