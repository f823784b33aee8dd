// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/error.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace nibble {

enum class gguf_type : std::uint32_t { u8, i8, u16, i16, u32, i32, f32, boolean, string, array, u64, i64, f64 };

/// Bytes of one value; 0 for strings and arrays, whose size is in the file.
constexpr std::uint64_t gguf_type_bytes(gguf_type type) {
    constexpr std::uint64_t bytes[]{1, 1, 2, 2, 4, 4, 4, 1, 0, 0, 8, 8, 8};
    return bytes[static_cast<std::uint32_t>(type)];
}

/// A little-endian number at any byte.
template <typename T>
T load_unaligned(std::byte const* from) {
    T value;
    std::memcpy(&value, from, sizeof value);
    return value;
}

/// One metadata pair, checked and left where it lies in the file.
struct gguf_value {
    std::string_view key;
    std::byte const* at = nullptr;  ///< the number, the string's text or the first element
    std::uint64_t count = 1;        ///< elements of an array, bytes of a string
    std::uint64_t offset = 0;       ///< of `at`, from the start of the file
    gguf_type type = gguf_type::u8;
    gguf_type element = gguf_type::u8;  ///< of an array

    /// An unsigned number from any integer type.
    std::uint64_t as_uint() const {
        auto const value =
            type == gguf_type::u64 ? load_unaligned<std::uint64_t>(at) : static_cast<std::uint64_t>(as_int());
        if (type != gguf_type::u64 && as_int() < 0) {
            fail("is negative; expected an unsigned integer");
        }
        return value;
    }
    std::int64_t as_int() const {
        switch (type) {
        case gguf_type::u8:
            return load_unaligned<std::uint8_t>(at);
        case gguf_type::i8:
            return load_unaligned<std::int8_t>(at);
        case gguf_type::u16:
            return load_unaligned<std::uint16_t>(at);
        case gguf_type::i16:
            return load_unaligned<std::int16_t>(at);
        case gguf_type::u32:
            return load_unaligned<std::uint32_t>(at);
        case gguf_type::i32:
            return load_unaligned<std::int32_t>(at);
        case gguf_type::i64:
            return load_unaligned<std::int64_t>(at);
        case gguf_type::u64:
            if (load_unaligned<std::uint64_t>(at) >> 63U) {
                fail("exceeds 2^63 - 1");
            }
            return load_unaligned<std::int64_t>(at);
        default:
            fail("is not an integer");
        }
    }
    double as_float() const {
        if (type == gguf_type::f32) {
            return static_cast<double>(load_unaligned<float>(at));
        }
        if (type == gguf_type::f64) {
            return load_unaligned<double>(at);
        }
        fail("is not a float");
    }
    bool as_bool() const {
        if (type != gguf_type::boolean) {
            fail("is not a bool");
        }
        return *at != std::byte{0};
    }
    std::string_view as_string() const {
        if (type != gguf_type::string) {
            fail("is not a string");
        }
        return {reinterpret_cast<char const*>(at), static_cast<std::size_t>(count)};
    }
    /// Element i of an array of numbers, as a value of its own.
    gguf_value operator[](std::uint64_t i) const {
        if (type != gguf_type::array || element == gguf_type::string) {
            fail("is not an array of numbers");
        }
        if (i >= count) {
            fail("has no element " + std::to_string(i));
        }
        auto const step = i * gguf_type_bytes(element);
        return {key, at + step, 1, offset + step, element, element};
    }
    /// The texts of an array of strings, which view the file.
    std::vector<std::string_view> as_strings() const {
        if (type != gguf_type::array || element != gguf_type::string) {
            fail("is not an array of strings");
        }
        std::vector<std::string_view> texts;
        texts.reserve(static_cast<std::size_t>(count));
        auto const* from = at;
        for (std::uint64_t i = 0; i < count; ++i) {
            auto const length = static_cast<std::size_t>(load_unaligned<std::uint64_t>(from));
            texts.emplace_back(reinterpret_cast<char const*>(from + 8), length);
            from += 8 + length;
        }
        return texts;
    }

private:
    [[noreturn]] void fail(std::string const& what) const;

public:
    gguf_value() = default;
    gguf_value(std::string_view k, std::byte const* a, std::uint64_t n, std::uint64_t o, gguf_type t, gguf_type e)
        : key(k), at(a), count(n), offset(o), type(t), element(e) {}
};

inline void gguf_value::fail(std::string const& what) const {
    throw error("metadata key '" + std::string(key.substr(0, 80)) + "' at byte " + std::to_string(offset) + " " + what);
}

}  // namespace nibble
