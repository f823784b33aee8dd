// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/io/mapped_file.hpp>
#include <nibble/io/safetensors.hpp>
#include <nibble/io/xxh64.hpp>
#include <nibble/numeric/error.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

namespace nibble::gemma3 {

namespace detail {

inline constexpr std::string_view no_checksum = "0000000000000000";

inline std::string hexadecimal(std::uint64_t value) {
    std::array<char, 16> digits{};
    auto const end = std::to_chars(digits.data(), digits.data() + digits.size(), value, 16).ptr;
    auto const count = static_cast<std::size_t>(end - digits.data());
    return std::string(no_checksum.substr(count)).append(digits.data(), count);
}

/// The shortest text that means this number and no other.
template <class Number>
std::string text_of_number(Number value) {
    std::array<char, 32> text{};
    return {text.data(), std::to_chars(text.data(), text.data() + text.size(), value).ptr};
}

inline std::optional<std::uint64_t> whole_number(std::string_view text) {
    std::uint64_t value = 0;
    auto const [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
    return failed == std::errc{} && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

/// A file that is whole: it tiles its tensors, and its checksum is that of its bytes.
class state_file {
public:
    explicit state_file(std::filesystem::path path) : path_(std::move(path)), bytes_(path_) {
        try {
            file_ = safetensors_file::parse(bytes_.bytes(), {.tensors = std::size_t{1} << 16});
        } catch (error const& e) {
            refuse(std::string(e.what()) + "; go on from an older checkpoint");
        }
        static_assert(std::endian::native == std::endian::little);
        std::uint64_t header = 0;
        std::memcpy(&header, bytes_.bytes().data(), sizeof header);
        std::string_view const text(reinterpret_cast<char const*>(bytes_.bytes().data()), 8 + header);
        for (auto const& [key, value] : file_.metadata()) {
            metadata_.emplace(key, value);
        }
        for (auto const& entry : file_.entries()) {
            tensors_.emplace(entry.name, &entry);
        }
        constexpr std::string_view key = "\"checksum\":\"";
        auto const stated = find("checksum");
        auto const at = stated ? text.find(std::string(key).append(*stated) + '"') : text.npos;
        if (at == text.npos || stated->size() != no_checksum.size()) {
            refuse("no checksum of a training checkpoint is in its metadata; give a file that training has saved");
        }
        auto const is = checksum(at + key.size());
        if (is != *stated) {
            refuse("the checksum is " + nibble::detail::in_message(*stated) + ", but its bytes have " + is +
                   "; the file is damaged, go on from an older checkpoint");
        }
    }

    std::size_t facts() const { return metadata_.size(); }
    std::size_t tensors() const { return tensors_.size(); }
    safetensors_entry const& tensor(std::string const& name) const {
        auto const at = tensors_.find(name);
        if (at == tensors_.end()) {
            refuse("tensor '" + name + "' is missing; resume with the program that saved it");
        }
        return *at->second;
    }
    std::optional<std::string_view> find(std::string_view key) const {
        auto const at = metadata_.find(key);
        return at == metadata_.end() ? std::nullopt : std::optional(at->second);
    }
    std::uint64_t count(std::string_view key) const {
        auto const text = find(key);
        auto const value = text ? whole_number(*text) : std::nullopt;
        if (!value) {
            refuse("its metadata state no number of '" + std::string(key) + "'; go on from an older checkpoint");
        }
        return *value;
    }
    /// f(part) for parts of a tensor's bytes in sequence, none of which stay in memory.
    template <class F>
    void read(safetensors_entry const& tensor, F&& f) const {
        bytes_.read_once(tensor.bytes, f);
    }

    [[noreturn]] void refuse(std::string const& why) const { throw error(path_.string() + ": " + why + "."); }

private:
    /// Of the whole file, with zeros for the digits of the checksum, which are at `at`.
    std::string checksum(std::size_t at) const {
        auto const all = bytes_.bytes();
        xxh64 hash;
        hash.add(all.first(at));
        hash.add(std::as_bytes(std::span(no_checksum)));
        bytes_.read_once(all.subspan(at + no_checksum.size()), [&](auto part) { hash.add(part); });
        return hexadecimal(hash.value());
    }

    std::filesystem::path path_;
    mapped_file bytes_;
    safetensors_file file_;
    std::map<std::string_view, std::string_view> metadata_;
    std::map<std::string_view, safetensors_entry const*> tensors_;
};

}  // namespace detail

}  // namespace nibble::gemma3
