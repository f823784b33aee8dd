// SPDX-License-Identifier: Apache-2.0
// A scheme of your own: quantize a matrix with it and look at what was lost.
#include <nibble/nibble.hpp>

#include <cmath>
#include <cstring>
#include <iostream>

namespace nb = nibble;

//! [scheme]
// A scheme is a type. Policies come in any order; what is left out has a default.
using w4g32 = nb::scheme<nb::bits<4>, nb::per_group<32>, nb::scale_as<nb::f16>>;
static_assert(nb::bits_per_weight<w4g32> == 4.5);  // 4 + 16 / 32

bool what_you_train_is_what_you_run(nb::matrix<float> const& w) {
    auto const packed = nb::quantize<w4g32>(nb::cpu{}, w);        // codes and scales
    auto const run = nb::dequantize(nb::cpu{}, packed);           // what a product sees
    auto const trained = nb::fake_quantize<w4g32>(nb::cpu{}, w);  // what training sees
    return std::memcmp(run.data(), trained.data(), w.rows() * w.columns() * sizeof(float)) == 0;
}
//! [scheme]

int main() {
    nb::matrix<float> w(16, 100);  // the last group of each row has 4 columns
    for (std::size_t row = 0; row < w.rows(); ++row) {
        for (std::size_t column = 0; column < w.columns(); ++column) {
            w(row, column) = std::sin(static_cast<float>(row * 100 + column));
        }
    }
    auto const packed = nb::quantize<w4g32>(nb::cpu{}, w);
    std::cout << nb::name<w4g32>() << ": " << w.rows() * w.columns() * sizeof(float) << " bytes became "
              << packed.bytes() << '\n';
    return what_you_train_is_what_you_run(w) ? 0 : 1;
}
