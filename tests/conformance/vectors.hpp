// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/float_bits.hpp>
#include <nibble/numeric/random.hpp>
#include <nibble/quantize.hpp>
#include <nibble/scheme/parse.hpp>
#include <nibble/scheme/preset_list.hpp>
#include <nibble/tensor.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// The vectors that docs/conformance.md describes: what quantizing some matrices under a scheme gives, in JSON.
namespace conformance {

using namespace nibble;

/// The value of element i, of those of the case called `name`.
struct input {
    std::string_view name;
    float (*value)(std::uint64_t i);
};

/// [-1, 1) in steps of 2^-23.
inline float uniform(std::uint64_t i) {
    return static_cast<float>(static_cast<std::int32_t>(random_bits({.seed = 2026}, i)) >> 8) * 0x1p-23f;
}

inline constexpr std::array inputs{
    input{"random", uniform},
    input{"outliers", [](std::uint64_t i) { return uniform(i) * (i % 37 == 5 ? 64.0f : 1.0f); }},
    input{"negative", [](std::uint64_t i) { return uniform(i) < 0 ? uniform(i) : -uniform(i); }},
    input{"halves", [](std::uint64_t i) { return (static_cast<float>(i * 7 % 33) - 16.0f) / 2.0f; }},
    input{"integers", [](std::uint64_t i) { return static_cast<float>(i * 5 % 16) - 8.0f; }},
    input{"extremes", [](std::uint64_t i) { return i % 3 == 0   ? 1.0f
                                                   : i % 3 == 1 ? -1.0f
                                                                : uniform(i); }},
    input{"one value", [](std::uint64_t) { return 1.5f; }},
    input{"zeros", [](std::uint64_t i) { return i % 2 == 0 ? 0.0f : -0.0f; }},
    input{"zeros and one", [](std::uint64_t i) { return i % 61 == 7 ? uniform(i) : -0.0f; }},
    input{"small", [](std::uint64_t i) { return uniform(i) * 0x1p-20f; }},
    input{"subnormal", [](std::uint64_t i) { return uniform(i) * 0x1p-127f; }},
    input{"large", [](std::uint64_t i) { return uniform(i) * 0x1p15f; }},
    input{"huge", [](std::uint64_t i) { return uniform(i) * 0x1p127f; }},
};

/// `value` in base 16, two digits a byte of Word.
template <class Word>
std::string hex(Word value) {
    std::string text(2 * sizeof(Word) + 2, '"');
    for (std::size_t i = 0; i < 2 * sizeof(Word); ++i) {
        text[2 * sizeof(Word) - i] = "0123456789abcdef"[static_cast<std::uint64_t>(value) >> (4 * i) & 15u];
    }
    return text;
}

/// A scale or zero: the bits of its type, of two_level those of both parts; a zero point as a number.
template <class T>
std::string factor(T x) {
    if constexpr (is_two_level<T>) {
        return "[" + factor(x.fine) + ", " + factor(x.super) + "]";
    } else if constexpr (std::is_same_v<T, float>) {
        return hex(detail::bits_of(x));
    } else if constexpr (std::is_same_v<T, std::uint8_t>) {
        return std::to_string(x);
    } else {
        return hex(x.bits);
    }
}

/// "name": [text(0), … text(count − 1)]
template <class Text>
std::string list(std::string_view name, std::size_t count, Text const& text) {
    std::string all = "\"" + std::string(name) + "\": [";
    for (std::size_t i = 0; i < count; ++i) {
        all += (i == 0 ? "" : ", ") + text(i);
    }
    return all + "]";
}

template <quantization_scheme S>
std::string case_of(input const& in, std::size_t rows, std::size_t columns) {
    matrix<float> x(rows, columns);
    for (std::size_t i = 0; i < rows * columns; ++i) {
        x.data()[i] = in.value(i);
    }
    auto const bits_at = [](matrix<float> const& m) {
        return [&m](std::size_t i) { return hex(detail::bits_of(m.data()[i])); };
    };
    std::string text = "{\"name\": \"" + std::string(in.name) + "\", \"rows\": " + std::to_string(rows) +
                       ", \"columns\": " + std::to_string(columns) + ",\n   " + list("x", rows * columns, bits_at(x)) +
                       ",\n   ";
    try {
        auto const packed = quantize<S>(cpu{}, x);
        std::size_t const groups = packed.groups();
        text += list("codes", rows * columns,
                     [&](std::size_t i) { return std::to_string(packed.code(i / columns, i % columns)); });
        text += ",\n   " + list("scales", rows * groups,
                                [&](std::size_t i) { return factor(packed.scale(i / groups, i % groups)); });
        if constexpr (S::storage::has_zero) {
            text += ",\n   " + list("zeros", rows * groups,
                                    [&](std::size_t i) { return factor(packed.zero(i / groups, i % groups)); });
        }
        text += ",\n   " + list("decoded", rows * columns, bits_at(dequantize(cpu{}, packed)));
    } catch (error const&) {
        text += "\"refused\": true";
    }
    return text + "}";
}

/// The file of one preset.
template <quantization_scheme S>
std::string vectors_of(std::string_view name) {
    constexpr std::size_t block = S::storage::block == 0 ? 40 : S::storage::block;
    constexpr bool takes_ragged_rows = !std::is_same_v<typename S::tail, reject_tail>;
    std::string text = "{\"schema\": \"nibble-vectors 1\", \"preset\": \"" + std::string(name) + "\", \"scheme\": \"" +
                       nibble::name<S>() + "\",\n \"bits\": " + std::to_string(S::storage::bits) +
                       ", \"rows\": " + std::to_string(S::storage::rows) +
                       ", \"group\": " + std::to_string(S::storage::group) + ",\n \"cases\": [\n";
    for (input const& in : inputs) {
        text += "  " + case_of<S>(in, 2, block * (block < 64 ? 2 : 1)) + ",\n";
    }
    text += "  " + case_of<S>({"random, three rows", uniform}, 3, takes_ragged_rows ? block + block / 3 : block);
    return text + "\n ]}\n";
}

}  // namespace conformance
