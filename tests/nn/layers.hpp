// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/tensor/matrix.hpp>

#include <support/instruction_sets.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

/// What the tests of layers share: inputs, and whether results have the same bits.
namespace nibble_test {

inline constexpr double unit_roundoff = 0x1p-24;

/// count numbers of 22 significant bits within ±size.
inline std::vector<float> random_floats(std::size_t count, float size, std::uint64_t seed = 1) {
    std::vector<float> result(count);
    for (float& x : result) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        x = size * static_cast<float>(static_cast<std::int64_t>(seed >> 41) - 0x400000) * 0x1p-22f;
    }
    return result;
}

inline nibble::matrix<float> random_matrix(std::size_t rows, std::size_t columns, float size, std::uint64_t seed = 1) {
    nibble::matrix<float> result(rows, columns);
    auto const values = random_floats(rows * columns, size, seed);
    if (!values.empty()) {
        std::memcpy(result.data(), values.data(), values.size() * sizeof(float));
    }
    return result;
}

/// Equal bits, any NaN being equal to any other.
inline bool same_bits(std::span<float const> a, std::span<float const> b) {
    for (std::size_t i = 0; i < a.size() && a.size() == b.size(); ++i) {
        if (std::memcmp(&a[i], &b[i], sizeof(float)) != 0 && !(std::isnan(a[i]) && std::isnan(b[i]))) {
            return false;
        }
    }
    return a.size() == b.size();
}

inline std::span<float const> elements(nibble::matrix<float> const& m) { return {m.data(), m.rows() * m.columns()}; }

inline bool same_bits(nibble::matrix<float> const& a, nibble::matrix<float> const& b) {
    return a.rows() == b.rows() && same_bits(elements(a), elements(b));
}

}  // namespace nibble_test
