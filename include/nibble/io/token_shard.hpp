// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/io/atomic_file.hpp>
#include <nibble/io/mapped_file.hpp>
#include <nibble/io/xxh64.hpp>
#include <nibble/numeric/error.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nibble {

namespace detail {

/// The front of a token shard, little-endian, 32 bytes:
///   0   8 bytes  "nibbleid"
///   8   u32      version, 1
///   12  u32      vocabulary: every id is less
///   16  u64      count of ids
///   24  u64      XXH64 of the ids and then of bytes 0 to 23
/// The ids follow, u16 where the vocabulary is at most 65,536, else u32; nothing follows them.
struct token_shard_header {
    std::array<char, 8> magic{'n', 'i', 'b', 'b', 'l', 'e', 'i', 'd'};
    std::uint32_t version = 1;
    std::uint32_t vocabulary = 0;
    std::uint64_t count = 0;
    std::uint64_t checksum = 0;

    static constexpr std::size_t hashed = 24;
    std::size_t id_bytes() const { return vocabulary <= 0x10000 ? 2 : 4; }
};
static_assert(sizeof(token_shard_header) == 32 && std::endian::native == std::endian::little);

}  // namespace detail

/// Writes a token shard in a stream. The file appears whole, by commit(), or not at all.
class token_shard_writer {
public:
    /// Throws nibble::error for a vocabulary of no ids, and for what atomic_file refuses.
    token_shard_writer(std::filesystem::path const& path, std::uint32_t vocabulary) : path_(path), file_(path) {
        if (vocabulary == 0) {
            throw error(path.string() + ": a token shard needs a vocabulary of one id or more.");
        }
        header_.vocabulary = vocabulary;
        file_.write(std::as_bytes(std::span(&header_, 1)));
    }

    /// Appends. Throws nibble::error for an id outside the vocabulary, having written none of `ids`.
    void write(std::span<std::uint32_t const> ids) {
        auto const wrong = std::ranges::find_if(ids, [&](auto id) { return id >= header_.vocabulary; });
        if (wrong != ids.end()) {
            throw error(path_.string() + ": token " +
                        std::to_string(header_.count + static_cast<std::uint64_t>(wrong - ids.begin())) + " is id " +
                        std::to_string(*wrong) + ", not below the " + std::to_string(header_.vocabulary) +
                        " of the vocabulary; are these another model's tokens?");
        }
        if (header_.id_bytes() == 4) {
            append(std::as_bytes(ids));
        } else {
            std::array<std::uint16_t, 4096> narrow;
            for (auto rest = ids; !rest.empty();) {
                auto const part = rest.first((std::min)(rest.size(), narrow.size()));
                std::ranges::transform(part, narrow.begin(), [](auto id) { return static_cast<std::uint16_t>(id); });
                append(std::as_bytes(std::span(narrow).first(part.size())));
                rest = rest.subspan(part.size());
            }
        }
        header_.count += ids.size();
    }

    /// The file has its name and is on the disk when this returns; nothing can be written any more.
    void commit() {
        auto const front = std::as_bytes(std::span(&header_, 1));
        hash_.add(front.first(header_.hashed));
        header_.checksum = hash_.value();
        file_.overwrite(0, front);
        file_.commit();
    }

private:
    void append(std::span<std::byte const> bytes) {
        hash_.add(bytes);
        file_.write(bytes);
    }

    std::filesystem::path path_;
    atomic_file file_;
    detail::token_shard_header header_;
    xxh64 hash_;
};

/// The ids of a token shard, mapped. Opening reads the file once, against its checksum, and keeps none of it in memory.
///   error  nibble::error with the file and the byte for anything but a whole file of a token_shard_writer: another
///          magic, version or size, an id outside the vocabulary, bytes that differ from the checksum
class token_shard {
public:
    explicit token_shard(std::filesystem::path const& path, file_mode mode = file_mode::map)
        : path_(path.string()), file_(path, mode) {
        auto const bytes = file_.bytes();
        if (bytes.size() < sizeof header_) {
            refuse(bytes.size(), "the file ends inside the header of a token shard, which has 32 bytes");
        }
        std::memcpy(&header_, bytes.data(), sizeof header_);
        if (header_.magic != detail::token_shard_header().magic) {
            refuse(0, "this is no token shard, which begins with 'nibbleid'");
        }
        if (header_.version != 1) {
            refuse(8, "the version is " + std::to_string(header_.version) + "; version 1 can be read");
        }
        if (header_.vocabulary == 0) {
            refuse(12, "the vocabulary has no ids");
        }
        ids_ = bytes.subspan(sizeof header_);
        if (ids_.size() % header_.id_bytes() != 0 || ids_.size() / header_.id_bytes() != header_.count) {
            refuse(16, std::to_string(header_.count) + " ids of " + std::to_string(header_.id_bytes()) +
                           " bytes should follow the header, but " + std::to_string(ids_.size()) + " bytes do");
        }
        verify();
    }

    std::uint32_t vocabulary() const noexcept { return header_.vocabulary; }
    std::uint64_t size() const noexcept { return header_.count; }

    /// to[i] = id number first + i. Throws nibble::error where the shard ends before.
    void read(std::uint64_t first, std::span<std::uint32_t> to) const {
        if (first > size() || to.size() > size() - first) {
            throw error(path_ + ": tokens " + std::to_string(first) + " to " + std::to_string(first + to.size()) +
                        " were asked for, but there are " + std::to_string(size()) + "; ask for fewer.");
        }
        copy(first, to);
    }

private:
    void copy(std::uint64_t first, std::span<std::uint32_t> to) const {
        auto const from = ids_.subspan(static_cast<std::size_t>(first) * header_.id_bytes());
        if (header_.id_bytes() == 4) {
            std::copy_n(from.begin(), to.size_bytes(), std::as_writable_bytes(to).begin());
            return;
        }
        for (std::size_t i = 0; i < to.size(); ++i) {
            std::uint16_t id;
            std::memcpy(&id, from.data() + i * sizeof id, sizeof id);
            to[i] = id;
        }
    }

    void verify() const {
        xxh64 hash;
        std::vector<std::uint32_t> some(std::size_t{1} << 16);
        for (std::uint64_t done = 0; done < size();) {
            auto const count = static_cast<std::size_t>((std::min)(std::uint64_t{some.size()}, size() - done));
            auto const part = std::span(some).first(count);
            copy(done, part);
            auto const wrong = std::ranges::find_if(part, [&](auto id) { return id >= vocabulary(); });
            if (wrong != part.end()) {
                auto const at = done + static_cast<std::uint64_t>(wrong - part.begin());
                refuse(sizeof header_ + at * header_.id_bytes(),
                       "token " + std::to_string(at) + " is id " + std::to_string(*wrong) + ", not below the " +
                           std::to_string(vocabulary()) + " of the vocabulary");
            }
            auto const bytes =
                ids_.subspan(static_cast<std::size_t>(done) * header_.id_bytes(), count * header_.id_bytes());
            hash.add(bytes);
            file_.drop(bytes);
            done += count;
        }
        hash.add(file_.bytes().first(header_.hashed));
        if (hash.value() != header_.checksum) {
            refuse(24, "the checksum is " + std::to_string(header_.checksum) + ", but the file has " +
                           std::to_string(hash.value()));
        }
    }

    [[noreturn]] void refuse(std::uint64_t at, std::string const& why) const {
        throw error(path_ + ": byte " + std::to_string(at) + ": " + why + "; make the token shard again.");
    }

    std::string path_;
    mapped_file file_;
    detail::token_shard_header header_;
    std::span<std::byte const> ids_;
};

}  // namespace nibble
