// SPDX-License-Identifier: Apache-2.0
#include <nibble/quantize/learned_step.hpp>
#include <nibble/quantize/quantize.hpp>
#include <nibble/scheme/compose.hpp>
#include <nibble/tensor/thread_pool.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cmath>
#include <cstddef>
#include <limits>
#include <string>

using namespace nibble;

namespace {

matrix<float> ramp(std::size_t rows, std::size_t columns) {
    matrix<float> w(rows, columns);
    for (std::size_t i = 0; i < rows * columns; ++i) {
        w.data()[i] = (static_cast<float>(i * 37 % 101) - 50.0f) / 64.0f;
    }
    return w;
}

template <class F>
std::string refusal(F const& f) {
    try {
        f();
    } catch (error const& e) {
        return e.what();
    }
    return "";
}

}  // namespace

TEST_CASE("a step of 3 bits or more begins where it clips nothing, for each group", "[quantize]") {
    using S = scheme<bits<3>, per_group<2>, learned_step<>>;  // high = 3
    matrix<float> w(2, 5);
    w(0, 0) = -1;
    w(0, 1) = 3;
    w(1, 4) = -5;  // a group of one
    auto const s = initial_step<S>(cpu{}, w);
    REQUIRE(s.rows() == 2);
    REQUIRE(s.columns() == 3);
    CHECK(s(0, 0) == 1.0f);
    CHECK(s(0, 1) == 0.0f);
    CHECK(s(1, 2) == 5.0f / 3.0f);

    auto const all = initial_step<scheme<bits<3>, per_tensor>>(cpu{}, w);
    REQUIRE(all.rows() * all.columns() == 1);
    CHECK(all(0, 0) == 5.0f / 3.0f);
}

TEST_CASE("a step of 2 bits begins at the least error of 64, and is positive", "[quantize]") {
    using S = scheme<bits<2>, per_group<35>, scale_as<float>, learned_step<>>;  // -2 to 1
    auto const w = ramp(3, 70);
    auto const s = initial_step<S>(cpu{}, w);
    for (std::size_t row = 0; row < 3; ++row) {
        for (std::size_t g = 0; g < 2; ++g) {
            auto const group = w.row(row).subspan(g * 35, 35);
            float largest = 0;
            for (float const x : group) {
                largest = std::fmax(largest, std::fabs(x));
            }
            auto const error = [&](double scale) {
                double sum = 0;
                for (float const x : group) {
                    double const code = std::fmin(std::fmax(std::nearbyint(static_cast<double>(x) / scale), -2.0), 1.0);
                    sum += (static_cast<double>(x) - code * scale) * (static_cast<double>(x) - code * scale);
                }
                return sum;
            };
            REQUIRE(s(row, g) > 0);
            for (int t = 1; t <= 64; ++t) {
                // Scales are rounded to f32, which moves a sum of 35 squares below 1 by less than 2^-18.
                CHECK(error(static_cast<double>(s(row, g))) <= error(static_cast<double>(largest) * t / 64) + 0x1p-18);
            }
        }
    }
    CHECK(initial_step<S>(cpu{}, matrix<float>(1, 35))(0, 0) == 0.0f);
}

TEST_CASE("a step that an update made too small, negative or NaN is set to the least", "[quantize]") {
    matrix<float> s(1, 4);
    s(0, 0) = -0.5f;
    s(0, 1) = 0.5f;
    s(0, 2) = std::numeric_limits<float>::quiet_NaN();
    keep_positive(s, 0.25f);
    CHECK(s(0, 0) == 0.25f);
    CHECK(s(0, 1) == 0.5f);
    CHECK(s(0, 2) == 0.25f);
    CHECK(s(0, 3) == 0.25f);
}

namespace {

/// Whether quantize_at and fake_quantize_at, given the parameters that quantize fitted, give what quantize gives.
template <class S>
bool agrees_with_quantize() {
    auto const w = ramp(5, 70);
    auto const fitted = quantize<S>(cpu{}, w);
    detail::scale_blocks<S> const blocks{w.rows(), w.columns()};
    matrix<float> scale(blocks.scale_rows(), blocks.groups());
    matrix<float> zero = S::is_symmetric ? matrix<float>{} : scale;
    for (std::size_t i = 0; i < scale.rows(); ++i) {
        for (std::size_t g = 0; g < scale.columns(); ++g) {
            scale(i, g) = static_cast<float>(fitted.scale(i * blocks.height(), g));
            if constexpr (!S::is_symmetric) {
                zero(i, g) = static_cast<float>(fitted.zero(i * blocks.height(), g));
            }
        }
    }
    thread_pool pool(2);
    return quantize_at<S>(cpu{}, w, scale, zero) == fitted && quantize_at<S>(cpu{pool}, w, scale, zero) == fitted &&
           fake_quantize_at<S>(cpu{pool}, w, scale, zero) == dequantize(cpu{}, fitted);
}

}  // namespace

TEST_CASE("codes at the parameters that quantize fits are those of quantize", "[quantize]") {
    CHECK(agrees_with_quantize<scheme<bits<4>, per_group<32>>>());
    CHECK(agrees_with_quantize<scheme<bits<8>, per_channel, scale_as<float>>>());
    CHECK(agrees_with_quantize<scheme<bits<4>, per_tensor>>());
    CHECK(agrees_with_quantize<scheme<bits<4>, asymmetric, per_group<32>, reciprocal>>());
    CHECK(agrees_with_quantize<scheme<bits<3>, asymmetric_offset, per_group<32>, scale_as<f16>>>());
}

TEST_CASE("with steps beside the scales, steps choose the codes and scales decode them", "[quantize]") {
    using S = scheme<bits<4>, per_channel, scale_as<float>, dual_scale<>>;
    matrix<float> w(1, 2);
    w(0, 0) = 3;
    w(0, 1) = -1;
    matrix<float> scale(1, 1);
    matrix<float> step(1, 1);
    scale(0, 0) = 10;
    step(0, 0) = 1;
    auto const wq = quantize_at<S>(cpu{}, w, scale, {}, step);
    CHECK(wq.decode(0, 0) == 30);
    CHECK(wq.decode(0, 1) == -10);
    CHECK(fake_quantize_at<S>(cpu{}, w, scale, {}, step) == dequantize(cpu{}, wq));
}

TEST_CASE("parameters of another shape and scales beyond their type are refused", "[quantize]") {
    using S = scheme<bits<4>, per_group<32>, scale_as<f16>>;
    auto const w = ramp(2, 64);
    CHECK(refusal([&] { quantize_at<S>(cpu{}, w, matrix<float>(2, 1)); }).find("need 2 x 2") != std::string::npos);
    CHECK(refusal([&] { quantize_at<S>(cpu{}, w, matrix<float>(2, 2), matrix<float>(2, 2)); }).find("stores none") !=
          std::string::npos);
    CHECK(refusal([&] { quantize_at<S>(cpu{}, w, matrix<float>(2, 2), {}, matrix<float>(1, 2)); }).find("steps") !=
          std::string::npos);
    matrix<float> large(2, 2);
    large(1, 0) = 1e6f;
    CHECK(refusal([&] { quantize_at<S>(cpu{}, w, large); }).find("of group [1, 0]") != std::string::npos);
}
