// SPDX-License-Identifier: Apache-2.0
// A product with packed weights: quantize once, repack for this machine, multiply.
#include <nibble/nibble.hpp>
#include <nibble/tensor/thread_pool.hpp>

#include <cmath>
#include <cstring>
#include <iostream>

namespace nb = nibble;

int main() {
    nb::matrix<float> w(48, 256);  // [n, k]
    nb::matrix<float> x(5, 256);   // [m, k]
    for (std::size_t i = 0; i < 48 * 256; ++i) {
        w.data()[i] = std::sin(static_cast<float>(i));
        x.data()[i % (5 * 256)] = std::cos(static_cast<float>(i));
    }
    //! [product]
    nb::thread_pool pool(2);  // yours, not a hidden global
    auto const packed = nb::repack(nb::cpu{pool}, nb::quantize<nb::int4_g128>(nb::cpu{pool}, w));
    auto const y = nb::gemm<nb::int8_activations>(nb::cpu{pool}, x, packed);  // y[m, n]
    auto const alone = nb::gemm<nb::int8_activations>(nb::cpu{}, x, packed);  // the same bits
    //! [product]
    std::cout << "y[0, 0] = " << y(0, 0) << '\n';
    return std::memcmp(y.data(), alone.data(), y.rows() * y.columns() * sizeof(float)) == 0 ? 0 : 1;
}
