// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/gelu.hpp>  // gelu_tanh is an epilogue too
#include <nibble/tensor/matrix.hpp>

#include <cstddef>
#include <tuple>

namespace nibble {

// An epilogue is a callable float(float y, std::size_t row, std::size_t column) on each element of a product, before it
// is stored. Several in sequence: epilogue{add_bias{b}, gelu_tanh, multiply_by{up}}.

struct identity {
    float operator()(float y, std::size_t, std::size_t) const { return y; }
};

/// y + bias[column], one rounding.
struct add_bias {
    float const* bias;

    float operator()(float y, std::size_t, std::size_t column) const { return y + bias[column]; }
};

/// y + x[row, column], one rounding: the residual stream takes a product.
struct add_residual {
    matrix_view<float const> x;

    float operator()(float y, std::size_t row, std::size_t column) const { return y + x(row, column); }
};

/// y · factor, one rounding.
struct scale_by {
    float factor;

    float operator()(float y, std::size_t, std::size_t) const { return y * factor; }
};

/// y · x[row, column], one rounding: with gelu_tanh in front of it, GeGLU over the rows of another product.
struct multiply_by {
    matrix_view<float const> x;

    float operator()(float y, std::size_t row, std::size_t column) const { return y * x(row, column); }
};

/// Its parts in sequence, from left to right.
template <class... Parts>
struct epilogue {
    explicit epilogue(Parts... in_order) : parts(in_order...) {}

    float operator()(float y, std::size_t row, std::size_t column) const {
        return std::apply(
            [&](auto const&... part) {
                ((y = part(y, row, column)), ...);
                return y;
            },
            parts);
    }

    std::tuple<Parts...> parts;
};

}  // namespace nibble
