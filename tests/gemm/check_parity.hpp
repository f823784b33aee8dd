// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/gemm.hpp>
#include <nibble/quantize.hpp>
#include <nibble/tensor/repack.hpp>

#include <catch2/catch_test_macros.hpp>

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#include <support/factors.hpp>
#include <support/scale_patterns.hpp>

namespace nibble {

struct counts {
    std::uint64_t decoded = 0;    ///< a code under a scale, by the packed tensor and by each instruction set
    std::uint64_t quantized = 0;  ///< a value, by fake_quantize and by the packed tensor
    std::uint64_t refused = 0;    ///< values whose scale quantize says is beyond its type
};

inline bool same_bits(float a, float b) { return std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b); }

/// Codes that quantizers write, and those that only files have; of a float format, the finite ones.
template <class St>
std::vector<std::uint8_t> finite_codes() {
    std::vector<std::uint8_t> codes;
    for (unsigned code = 0; code < 1u << St::bits; ++code) {
        if (std::isfinite(St::grid::level(code))) {
            codes.push_back(static_cast<std::uint8_t>(code));
        }
    }
    return codes;
}

template <class S>
auto quantized(matrix_view<float const> x) {
    if constexpr (rounds_at_random<S>) {
        return std::pair(quantize<S>(cpu{}, x, random_key{1, 2, 3}), fake_quantize<S>(cpu{}, x, random_key{1, 2, 3}));
    } else {
        return std::pair(quantize<S>(cpu{}, x), fake_quantize<S>(cpu{}, x));
    }
}

/// Every code under every `stride`-th scale from `first` on. A row has one pattern (rows that share a scale: each).
template <class S>
counts check_parity(std::size_t first, std::size_t stride) {
    using St = storage_of<S>;
    using T = typename St::scale_type;
    auto const codes = finite_codes<St>();
    std::size_t const k = whole_blocks<St>(codes.size());
    std::size_t const sharing = St::rows == 0 ? 2 : St::rows;
    bool const one_pattern = St::rows == 0 || has_matrix_scale<T>;
    std::size_t const rows = one_pattern ? sharing : 256 / sharing * sharing;
    matrix<float> unit(k, k);
    for (std::size_t c = 0; c < k; ++c) {
        unit(c, c) = 1.0f;
    }
    counts count;
    std::vector<std::uint8_t> row_codes(k);
    for (std::size_t c = 0; c < k; ++c) {
        row_codes[c] = codes[c % codes.size()];
    }
    std::size_t next = first;
    while (next < pattern_count<T>()) {
        packed_tensor<St> packed(rows, k);
        std::size_t used = 0;
        for (; used + sharing <= rows && next < pattern_count<T>(); next += stride) {
            bool finite = true;
            for (std::size_t g = 0; g < packed.groups(); ++g) {
                T const scale = scale_pattern<T>(next, g);
                auto const zero = zero_pattern<St>(next, scale);
                for (auto const code : codes) {
                    finite = finite && std::fabs(St::decode(code, scale, zero)) < 0x1p126f;
                }
                packed.set_scale(used, g, scale, zero);
            }
            for (std::size_t r = used; r < used + sharing; ++r) {
                packed.set_codes(r, 0, row_codes);
            }
            used += finite ? sharing : 0;
        }
        if (used == 0) {
            break;
        }
        // The rows behind `used` may have a scale that is not finite; nothing looks at them.
        auto const values = dequantize(cpu{}, packed);
        std::vector<std::uint8_t> read(k);
        for (std::size_t row = 0; row < used; ++row) {
            packed.codes(row, 0, read);
            bool same = read == row_codes;
            for (std::size_t c = 0; c < k; ++c) {
                std::size_t const g = packed.group_of(c);
                float const value = St::decode(row_codes[c], packed.scale(row, g), packed.zero(row, g));
                same = same && same_bits(values(row, c), value);
            }
            if (!same) {
                FAIL("row " << row << " is not unpacked as it was packed");
            }
        }
        matrix_view<float const> const some(values.data(), used, k);
        auto const panels = repack(cpu{}, packed);
        for (isa const set : {isa::scalar, isa::avx2, isa::avx512}) {
            if (!supports(set)) {
                continue;
            }
            auto const y = gemm(cpu{}, unit, panels, identity{}, set);
            for (std::size_t c = 0; c < k; ++c) {
                for (std::size_t row = 0; row < used; ++row) {
                    if (y(c, row) != some(row, c)) {  // of a zero the sign is lost: a sum begins at +0
                        FAIL("kernel " << static_cast<int>(set) << " decodes [" << row << ", " << c << "] as "
                                       << y(c, row) << " instead of " << some(row, c));
                    }
                }
            }
        }
        count.decoded += used / sharing * codes.size();
        try {
            auto const [stored, seen] = quantized<S>(some);
            auto const back = dequantize(cpu{}, stored);
            REQUIRE(std::memcmp(back.data(), seen.data(), used * k * sizeof(float)) == 0);
            count.quantized += used * k;
        } catch (error const&) {  // a row whose scale overflows: the rows one by one
            for (std::size_t row = 0; row < used; row += sharing) {
                matrix_view<float const> const one(some.row(row).data(), sharing, k);
                try {
                    auto const [stored, seen] = quantized<S>(one);
                    auto const back = dequantize(cpu{}, stored);
                    REQUIRE(std::memcmp(back.data(), seen.data(), sharing * k * sizeof(float)) == 0);
                    count.quantized += sharing * k;
                } catch (error const&) {
                    count.refused += sharing * k;
                }
            }
        }
    }
    return count;
}

}  // namespace nibble
