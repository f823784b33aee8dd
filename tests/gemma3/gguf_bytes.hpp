// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/io/gguf.hpp>

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

/// A GGUF file in memory: pairs by key, and one f32 matrix token_embd.weight of zeros.
struct gguf_bytes {
    std::map<std::string, std::string, std::less<>> pairs;  ///< type and value of a key, as they lie in a file
    std::uint64_t rows = 1;
    std::uint64_t columns = 1;
    std::string text;

    template <class T>
    static void append(std::string& to, T value) {
        to.append(reinterpret_cast<char const*>(&value), sizeof value);
    }
    static void append_text(std::string& to, std::string_view value) {
        append(to, std::uint64_t{value.size()});
        to += value;
    }

    template <class T>
    void set(std::string_view key, nibble::gguf_type type, T value) {
        std::string bytes;
        append(bytes, static_cast<std::uint32_t>(type));
        append(bytes, value);
        pairs.insert_or_assign(std::string(key), bytes);
    }
    void set(std::string_view key, std::uint32_t value) { set(key, nibble::gguf_type::u32, value); }
    void set(std::string_view key, float value) { set(key, nibble::gguf_type::f32, value); }
    void set(std::string_view key, std::string_view value) {
        std::string bytes;
        append(bytes, static_cast<std::uint32_t>(nibble::gguf_type::string));
        append_text(bytes, value);
        pairs.insert_or_assign(std::string(key), bytes);
    }
    void set(std::string_view key, std::vector<bool> const& values) {
        std::string bytes;
        append(bytes, static_cast<std::uint32_t>(nibble::gguf_type::array));
        append(bytes, static_cast<std::uint32_t>(nibble::gguf_type::boolean));
        append(bytes, std::uint64_t{values.size()});
        for (bool const value : values) {
            bytes += value ? '\1' : '\0';
        }
        pairs.insert_or_assign(std::string(key), bytes);
    }

    /// The parsed file, which views `text`.
    nibble::gguf_file file() {
        text = "GGUF";
        append(text, std::uint32_t{3});
        append(text, std::uint64_t{1});
        append(text, std::uint64_t{pairs.size()});
        for (auto const& [key, value] : pairs) {
            append_text(text, key);
            text += value;
        }
        append_text(text, "token_embd.weight");
        append(text, std::uint32_t{2});
        append(text, columns);
        append(text, rows);
        append(text, std::uint32_t{0});
        append(text, std::uint64_t{0});
        text.resize((text.size() + 31) / 32 * 32 + static_cast<std::size_t>(rows * columns) * sizeof(float));
        return nibble::gguf_file::parse(std::as_bytes(std::span(text)));
    }
};
