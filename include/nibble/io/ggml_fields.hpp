// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/f16.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace nibble {

/// The one order of bits of ggml's blocks: fields of `Width` bits, n = 8 / Width of them in a byte, runs of `Run`
/// neighbouring elements in neighbouring bytes.
///   element e lies in byte (e / (n · Run)) · Run + e mod Run, from bit Width · (e / Run mod n) on
template <int Width, std::size_t Run>
struct ggml_fields {
    static_assert(Width == 1 || Width == 2 || Width == 4 || Width == 8);
    static constexpr std::size_t in_a_byte = 8 / Width;
    static constexpr unsigned mask = (1u << Width) - 1u;

    static std::uint8_t get(std::byte const* from, std::size_t e) {
        return static_cast<std::uint8_t>(static_cast<unsigned>(from[byte_of(e)]) >> shift_of(e) & mask);
    }
    /// The other fields of the byte stay.
    static void set(std::byte* to, std::size_t e, std::uint8_t value) {
        std::byte& b = to[byte_of(e)];
        unsigned const others = static_cast<unsigned>(b) & ~(mask << shift_of(e));
        b = static_cast<std::byte>(others | (value & mask) << shift_of(e));
    }

    /// Element e becomes bits [at, at + Width) of code e, whose other bits stay.
    template <std::size_t Count>
    static void read(std::byte const* from, std::array<std::uint8_t, Count>& codes, int at = 0) {
        static_assert(Count % (in_a_byte * Run) == 0, "the last byte would be filled in part");
        std::array<std::uint8_t, Count / in_a_byte> bytes;
        std::memcpy(bytes.data(), from, bytes.size());
        for (std::size_t b = 0; b < bytes.size(); b += Run) {
            for (std::size_t k = 0; k < in_a_byte; ++k) {
                for (std::size_t i = 0; i < Run; ++i) {
                    std::uint8_t& code = codes[in_a_byte * b + k * Run + i];
                    unsigned const field = bytes[b + i] >> (Width * static_cast<int>(k)) & mask;
                    code = static_cast<std::uint8_t>((code & ~(mask << at)) | field << at);
                }
            }
        }
    }
    /// Bits [at, at + Width) of code e become element e.
    template <std::size_t Count>
    static void write(std::byte* to, std::array<std::uint8_t, Count> const& codes, int at = 0) {
        static_assert(Count % (in_a_byte * Run) == 0, "the last byte would be filled in part");
        std::array<std::uint8_t, Count / in_a_byte> bytes{};
        for (std::size_t b = 0; b < bytes.size(); b += Run) {
            for (std::size_t k = 0; k < in_a_byte; ++k) {
                for (std::size_t i = 0; i < Run; ++i) {
                    unsigned const field = static_cast<unsigned>(codes[in_a_byte * b + k * Run + i]) >> at & mask;
                    bytes[b + i] = static_cast<std::uint8_t>(bytes[b + i] | field << (Width * static_cast<int>(k)));
                }
            }
        }
        std::memcpy(to, bytes.data(), bytes.size());
    }

private:
    static constexpr std::size_t byte_of(std::size_t e) { return e / (in_a_byte * Run) * Run + e % Run; }
    static constexpr int shift_of(std::size_t e) { return Width * static_cast<int>(e / Run % in_a_byte); }
};

namespace detail {

inline f16 load_f16(std::byte const* from) {
    f16 h;
    std::memcpy(&h, from, sizeof h);
    return h;
}
inline void store_f16(std::byte* to, f16 h) { std::memcpy(to, &h, sizeof h); }

}  // namespace detail

}  // namespace nibble
