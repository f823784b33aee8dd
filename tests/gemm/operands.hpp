// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/tensor/cpu_panel.hpp>
#include <nibble/tensor/matrix.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <support/factors.hpp>

struct random_numbers {
    std::uint64_t state = 1;
    unsigned next() {
        state = state * 6364136223846793005u + 1442695040888963407u;
        return static_cast<unsigned>(state >> 40);
    }
    float real() { return static_cast<float>(static_cast<int>(next() % 20001) - 10000) / 4096.0f; }
};

inline nibble::matrix<float> some_activations(std::size_t m, std::size_t k) {
    nibble::matrix<float> x(m, k);
    random_numbers random;
    for (std::size_t i = 0; i < m * k; ++i) {
        x.data()[i] = random.real();
    }
    return x;
}

template <class St>
nibble::cpu_panel_weights<St> some_weights(std::size_t n, std::size_t k) {
    nibble::cpu_panel_weights<St> w(n, k);
    random_numbers random{7};
    for (std::size_t row = 0; row < n; ++row) {
        for (std::size_t column = 0; column < k; ++column) {
            unsigned const code = random.next() % (1u << St::bits);
            bool const is_finite = std::isfinite(St::grid::level(code));  // e4m3 and e5m2 have codes that are not
            w.set(row, column, is_finite ? code : code - 8);
        }
        for (std::size_t g = 0; g < w.groups(); ++g) {
            float const zero =
                St::has_zero_point ? static_cast<float>(random.next() % (1u << St::bits)) : random.real();
            w.set_scale(row, g, a_factor<typename St::scale_type>(std::fabs(random.real()) + 0.01f),
                        a_factor<typename St::zero_type>(zero));
        }
    }
    return w;
}

inline bool same_bits(nibble::matrix<float> const& a, nibble::matrix<float> const& b) {
    return a.rows() == b.rows() && a.columns() == b.columns() &&
           (a.rows() * a.columns() == 0 || std::memcmp(a.data(), b.data(), a.rows() * a.columns() * 4) == 0);
}
