// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/error.hpp>
#include <nibble/numeric/gelu.hpp>  // gelu_tanh is an epilogue too
#include <nibble/numeric/multiply.hpp>
#include <nibble/tensor/matrix.hpp>

#include <cstddef>
#include <span>
#include <string>
#include <tuple>

namespace nibble {

// An epilogue is a callable float(float y, std::size_t row, std::size_t column) on each element of a product, before it
// is stored. Several in sequence: epilogue{add_bias{b}, gelu_tanh, multiply_by{up}}. One that reads operands of its own
// has require(rows, columns), which throws nibble::error where they do not cover a result of that shape.

namespace detail {

inline void require_shape(matrix_view<float const> x, std::size_t rows, std::size_t columns) {
    if (x.rows() != rows || x.columns() != columns) {
        throw error("An epilogue got an operand of " + std::to_string(x.rows()) + " x " + std::to_string(x.columns()) +
                    " for a product of " + std::to_string(rows) + " x " + std::to_string(columns) +
                    "; the two have to be equal.");
    }
}

/// Calls require(rows, columns) of an epilogue that has it.
template <class Epilogue>
void require(Epilogue const& part, [[maybe_unused]] std::size_t rows, [[maybe_unused]] std::size_t columns) {
    if constexpr (requires { part.require(rows, columns); }) {
        part.require(rows, columns);
    }
}

}  // namespace detail

struct identity {
    float operator()(float y, std::size_t, std::size_t) const { return y; }
};

/// y + bias[column], one rounding.
struct add_bias {
    std::span<float const> bias;

    void require(std::size_t, std::size_t columns) const {
        if (bias.size() != columns) {
            throw error("An epilogue got " + std::to_string(bias.size()) + " biases for " + std::to_string(columns) +
                        " outputs; give one for each.");
        }
    }
    float operator()(float y, std::size_t, std::size_t column) const { return y + bias[column]; }
};

/// y + x[row, column], one rounding: the residual stream takes a product.
struct add_residual {
    matrix_view<float const> x;

    void require(std::size_t rows, std::size_t columns) const { detail::require_shape(x, rows, columns); }
    float operator()(float y, std::size_t row, std::size_t column) const { return y + x(row, column); }
};

/// y · factor, one rounding.
struct scale_by {
    float factor;

    float operator()(float y, std::size_t, std::size_t) const { return multiply(y, factor); }
};

/// y · x[row, column], one rounding: with gelu_tanh in front of it, GeGLU over the rows of another product.
struct multiply_by {
    matrix_view<float const> x;

    void require(std::size_t rows, std::size_t columns) const { detail::require_shape(x, rows, columns); }
    float operator()(float y, std::size_t row, std::size_t column) const { return multiply(y, x(row, column)); }
};

/// Its parts in sequence, from left to right.
template <class... Parts>
struct epilogue {
    explicit epilogue(Parts... in_order) : parts(in_order...) {}

    void require(std::size_t rows, std::size_t columns) const {
        std::apply([&](auto const&... part) { (detail::require(part, rows, columns), ...); }, parts);
    }
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
