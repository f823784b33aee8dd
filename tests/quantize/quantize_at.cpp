// SPDX-License-Identifier: Apache-2.0
#include <nibble/quantize/quantize.hpp>
#include <nibble/quantize/quantize_at.hpp>
#include <nibble/scheme/compose.hpp>
#include <nibble/tensor/thread_pool.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cstddef>
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
