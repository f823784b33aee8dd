// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/quantize/quantize.hpp>
#include <nibble/scheme.hpp>
#include <nibble/scheme/rules.hpp>

#include <cmath>
#include <cstddef>
#include <random>
#include <span>
#include <vector>

enum class shape { normal, laplace, outliers };
inline constexpr shape all_shapes[] = {shape::normal, shape::laplace, shape::outliers};

/// Rows of values: N(0, 1), Laplace, or N(0, 1) with one value of 128 ten times as large.
inline nibble::matrix<float> values_of(shape which, std::size_t rows, std::size_t columns, unsigned seed = 1) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal;
    std::exponential_distribution<float> exponential;
    nibble::matrix<float> x(rows, columns);
    for (std::size_t row = 0; row < rows; ++row) {
        for (float& v : x.row(row)) {
            v = normal(random);
            float const size = exponential(random);
            bool const rare = random() % 128 == 0;
            v = which == shape::laplace ? std::copysign(size, v) : which == shape::outliers && rare ? 10.0f * v : v;
        }
    }
    return x;
}

/// Positive numbers that vary by a factor of up to 2^12.
inline std::vector<float> importance_of(std::size_t columns, unsigned seed = 2) {
    std::mt19937 random(seed);
    std::uniform_real_distribution<float> exponent(-6.0f, 6.0f);
    std::vector<float> importance(columns);
    for (float& w : importance) {
        w = std::exp2(exponent(random));
    }
    return importance;
}

/// √(Σ w · |x − x̂|²) of each row, x̂ being what S makes of it.
template <class S>
std::vector<double> errors(nibble::matrix<float> const& x, std::span<float const> importance = {}) {
    auto const result = nibble::fake_quantize<S>(nibble::cpu{}, x, {.importance = importance});
    std::vector<double> errors(x.rows());
    for (std::size_t row = 0; row < x.rows(); ++row) {
        double sum = 0;
        for (std::size_t i = 0; i < x.columns(); ++i) {
            double const d = static_cast<double>(x(row, i)) - static_cast<double>(result(row, i));
            sum += (importance.empty() ? 1.0 : static_cast<double>(importance[i])) * d * d;
        }
        errors[row] = std::sqrt(sum);
    }
    return errors;
}

/// What rounding x̂ to f32 can add to an error: x̂ is off by 2^-24 of itself, and no more than twice as large as x.
inline double rounding_of(nibble::matrix<float> const& x, std::size_t row, std::span<float const> importance = {}) {
    double sum = 0;
    for (std::size_t i = 0; i < x.columns(); ++i) {
        double const v = static_cast<double>(x(row, i));
        sum += (importance.empty() ? 1.0 : static_cast<double>(importance[i])) * v * v;
    }
    return 0x1p-22 * std::sqrt(sum);
}

/// Squared error under S over that under Other.
template <class S, class Other>
double error_ratio(nibble::matrix<float> const& x, std::span<float const> importance = {}) {
    auto const of = [](std::vector<double> const& errors) {
        double sum = 0;
        for (double const e : errors) {
            sum += e * e;
        }
        return sum;
    };
    return of(errors<S>(x, importance)) / of(errors<Other>(x, importance));
}

/// With scales in f32, one a row unless the policies say otherwise.
template <class... Policies>
using exact = nibble::scheme<nibble::scale_as<float>, Policies...>;

template <class S>
nibble::group_fit fit_of(std::span<float const> x, std::span<float const> importance = {}) {
    return S::scale_rule::template fit<S>({x, importance});
}
