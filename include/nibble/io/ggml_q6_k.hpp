// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/f16.hpp>
#include <nibble/scheme/presets.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace nibble {

/// A matrix as ggml's Q6_K blocks of 256 codes in 210 bytes owned by someone else, which may start at any address:
///   low 4 bits [128], high 2 bits [64], int8 scales [16], f16 scale
///   element e = 128h + 32c + l: low bits in byte 64h + 32(c mod 2) + l, its low half for c < 2; high bits in byte
///   32h + l from bit 2c on
///   value   d · scales[e / 16] · (code − 32), the product of the scales exact in f32
///   source  ggml, ggml-common.h and ggml-quants.c
class ggml_q6_k {
public:
    using storage = storage_of<q6_k_decoded>;
    static constexpr std::size_t count = 256;
    static constexpr std::size_t bytes = 210;

    /// columns is a multiple of 256; `data` holds rows * columns / 256 blocks.
    ggml_q6_k(std::byte const* data, std::size_t rows, std::size_t columns)
        : data_(data), rows_(rows), columns_(columns) {}

    std::size_t rows() const { return rows_; }
    std::size_t columns() const { return columns_; }
    std::size_t groups() const { return columns_ / storage::group; }

    float scale(std::size_t row, std::size_t group) const {
        std::byte const* const block = at(row, group * storage::group);
        f16 d;
        std::memcpy(&d, block + 208, sizeof d);
        auto const fine = static_cast<std::int8_t>(block[192 + group % (count / storage::group)]);
        return static_cast<float>(d) * static_cast<float>(fine);
    }
    no_zero zero(std::size_t, std::size_t) const { return {}; }

    void codes(std::size_t row, std::size_t first, std::span<std::uint8_t> to) const {
        for (std::size_t i = 0; i < to.size(); ++i) {
            std::byte const* const block = at(row, first + i);
            std::size_t const e = (first + i) % count;
            std::size_t const h = e / 128;
            std::size_t const c = e % 128 / 32;
            std::size_t const l = e % 32;
            auto const low = static_cast<unsigned>(block[64 * h + 32 * (c % 2) + l]) >> (c < 2 ? 0 : 4) & 15u;
            auto const high = static_cast<unsigned>(block[128 + 32 * h + l]) >> (2 * c) & 3u;
            to[i] = static_cast<std::uint8_t>(low | high << 4);
        }
    }

private:
    std::byte const* at(std::size_t row, std::size_t column) const {
        return data_ + (row * (columns_ / count) + column / count) * bytes;
    }

    std::byte const* data_;
    std::size_t rows_;
    std::size_t columns_;
};

}  // namespace nibble
