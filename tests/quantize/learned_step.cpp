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

TEST_CASE("LSQ begins with twice the mean magnitude over the root of the highest code, for each group", "[quantize]") {
    using S = scheme<bits<3>, per_group<2>, learned_step<>>;  // Qp = 3
    matrix<float> w(2, 5);
    w(0, 0) = -1;
    w(0, 1) = 3;
    w(1, 4) = -5;  // a group of one
    auto const s = initial_step<S>(cpu{}, w);
    REQUIRE(s.rows() == 2);
    REQUIRE(s.columns() == 3);
    CHECK(s(0, 0) == static_cast<float>(4.0 / std::sqrt(3.0)));
    CHECK(s(0, 1) == 0.0f);
    CHECK(s(1, 2) == static_cast<float>(10.0 / std::sqrt(3.0)));

    auto const all = initial_step<scheme<bits<3>, per_tensor>>(cpu{}, w);
    REQUIRE(all.rows() * all.columns() == 1);
    CHECK(all(0, 0) == static_cast<float>(2.0 * 9.0 / 10.0 / std::sqrt(3.0)));
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

/// Whether quantize_at, given the parameters that quantize fitted, gives what quantize gives.
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
    return quantize_at<S>(cpu{}, w, scale, zero) == fitted && quantize_at<S>(cpu{pool}, w, scale, zero) == fitted;
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
