// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/gemm/dense_product.hpp>
#include <nibble/nn/linear.hpp>
#include <nibble/tensor/backend.hpp>
#include <nibble/tensor/matrix.hpp>

#include <optional>
#include <utility>

namespace nibble {

/// The stored values ŵ of a matrix, made for the products of one layer.
class seen_weight {
public:
    virtual ~seen_weight() = default;
    /// y = x · ŵᵀ
    virtual void product(cpu where, matrix_view<float const> x, matrix_view<float> y) const = 0;
    /// ŵ [n, k]
    virtual matrix_view<float const> values(cpu where) = 0;
};

namespace detail {

/// ŵ as values alone.
class seen_values : public seen_weight {
public:
    explicit seen_values(matrix<float> w) : own_(std::move(w)), view_(own_) {}
    explicit seen_values(matrix_view<float const> w) : view_(w) {}
    void product(cpu where, matrix_view<float const> x, matrix_view<float> y) const override {
        dense_product(where, x, operand::as_is, view_, operand::transposed, y);
    }
    matrix_view<float const> values(cpu /*where*/) override { return view_; }

private:
    matrix<float> own_;
    matrix_view<float const> view_;
};

/// ŵ as the kernels read it, from a matrix that has the values.
template <class Panels, class Source>
class seen_panels : public seen_weight {
public:
    seen_panels(activation_kind kind, Panels panels, Source source)
        : kind_(kind), panels_(std::move(panels)), source_(std::move(source)) {}
    void product(cpu where, matrix_view<float const> x, matrix_view<float> y) const override {
        linear(where, kind_, x, panels_, y);
    }
    matrix_view<float const> values(cpu where) override {
        if (!values_) {
            values_ = source_(where);
        }
        return *values_;
    }

private:
    activation_kind kind_;
    Panels panels_;
    Source source_;
    std::optional<matrix<float>> values_;
};

}  // namespace detail

}  // namespace nibble
