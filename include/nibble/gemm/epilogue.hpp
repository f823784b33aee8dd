// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace nibble {

// An epilogue is a callable float(float y, std::size_t row, std::size_t column) on each element of a product.

struct identity {
    float operator()(float y, std::size_t, std::size_t) const { return y; }
};

/// y + bias[column], one rounding.
struct add_bias {
    float const* bias;

    float operator()(float y, std::size_t, std::size_t column) const { return y + bias[column]; }
};

}  // namespace nibble
