// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace nibble {

/// XXH64 with seed 0: a 64-bit hash that finds accidents, not forgeries. Bytes may come in any pieces.
///   source  Yann Collet, "xxHash fast digest algorithm", version 0.1.1, doc/xxhash_spec.md of the xxHash project
class xxh64 {
public:
    void add(std::span<std::byte const> bytes) {
        length_ += bytes.size();
        if (held_ != 0) {
            std::size_t const count = (std::min)(stripe - held_, bytes.size());
            std::copy_n(bytes.begin(), count, hold_.begin() + static_cast<std::ptrdiff_t>(held_));
            held_ += count;
            bytes = bytes.subspan(count);
            if (held_ < stripe) {
                return;
            }
            take_stripe(hold_.data());
            held_ = 0;
        }
        for (; bytes.size() >= stripe; bytes = bytes.subspan(stripe)) {
            take_stripe(bytes.data());
        }
        std::copy(bytes.begin(), bytes.end(), hold_.begin());
        held_ = bytes.size();
    }

    /// The hash of all bytes so far.
    std::uint64_t value() const {
        std::uint64_t hash = prime5;
        if (length_ >= stripe) {
            hash =
                std::rotl(lanes_[0], 1) + std::rotl(lanes_[1], 7) + std::rotl(lanes_[2], 12) + std::rotl(lanes_[3], 18);
            for (std::uint64_t const lane : lanes_) {
                hash = (hash ^ round(0, lane)) * prime1 + prime4;
            }
        }
        hash += length_;
        std::size_t at = 0;
        for (; at + 8 <= held_; at += 8) {
            hash = std::rotl(hash ^ round(0, load<std::uint64_t>(hold_.data() + at)), 27) * prime1 + prime4;
        }
        if (at + 4 <= held_) {
            hash = std::rotl(hash ^ load<std::uint32_t>(hold_.data() + at) * prime1, 23) * prime2 + prime3;
            at += 4;
        }
        for (; at < held_; ++at) {
            hash = std::rotl(hash ^ std::to_integer<std::uint64_t>(hold_[at]) * prime5, 11) * prime1;
        }
        hash = (hash ^ hash >> 33) * prime2;
        hash = (hash ^ hash >> 29) * prime3;
        return hash ^ hash >> 32;
    }

private:
    static constexpr std::uint64_t prime1 = 0x9e3779b185ebca87;
    static constexpr std::uint64_t prime2 = 0xc2b2ae3d27d4eb4f;
    static constexpr std::uint64_t prime3 = 0x165667b19e3779f9;
    static constexpr std::uint64_t prime4 = 0x85ebca77c2b2ae63;
    static constexpr std::uint64_t prime5 = 0x27d4eb2f165667c5;
    static constexpr std::size_t stripe = 32;

    template <class T>
    static std::uint64_t load(std::byte const* from) {
        static_assert(std::endian::native == std::endian::little, "words of XXH64 are little-endian");
        T word;
        std::memcpy(&word, from, sizeof word);
        return word;
    }
    static std::uint64_t round(std::uint64_t lane, std::uint64_t word) {
        return std::rotl(lane + word * prime2, 31) * prime1;
    }
    void take_stripe(std::byte const* from) {
        for (std::size_t i = 0; i < lanes_.size(); ++i) {
            lanes_[i] = round(lanes_[i], load<std::uint64_t>(from + 8 * i));
        }
    }

    std::array<std::uint64_t, 4> lanes_{prime1 + prime2, prime2, 0, 0 - prime1};
    std::array<std::byte, stripe> hold_{};  // bytes that are no whole stripe yet
    std::size_t held_ = 0;
    std::uint64_t length_ = 0;
};

}  // namespace nibble
