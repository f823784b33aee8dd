// SPDX-License-Identifier: Apache-2.0
#include <nibble/quantize/gradient.hpp>
#include <nibble/quantize/quantize.hpp>
#include <nibble/quantize/quantize_at.hpp>
#include <nibble/scheme/compose.hpp>
#include <nibble/tensor/thread_pool.hpp>

#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

using namespace nibble;

namespace {

matrix<float> row(std::vector<float> const& values) {
    matrix<float> m(1, values.size());
    std::copy(values.begin(), values.end(), m.data());
    return m;
}

matrix<float> wave(std::size_t rows, std::size_t columns, float size) {
    matrix<float> w(rows, columns);
    for (std::size_t i = 0; i < rows * columns; ++i) {
        w.data()[i] = size * std::sin(static_cast<float>(i) * 1.7f);
    }
    return w;
}

template <class S>
auto at_unit_step(matrix<float> const& w) {
    matrix<float> scale(1, 1);
    scale(0, 0) = 1;
    return quantize_at<S>(cpu{}, w, scale);
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

using unit = scheme<bits<4>, per_channel, scale_as<float>>;

}  // namespace

TEST_CASE("each mask lets its elements pass, at a step of 1", "[quantize]") {
    auto const w = row({-9.0f, -8.5f, -8.25f, -8.0f, 0.3f, 7.0f, 7.25f, 7.5f, 2.5f});
    auto const ones = row({1, 1, 1, 1, 1, 1, 1, 1, 1});
    auto const wq = at_unit_step<unit>(w);
    auto const passed = [&]<class Mask>(Mask) {
        return quantization_gradient<unit, straight_through<Mask>>(cpu{}, w, wq, ones).dw;
    };
    CHECK(passed(pass_through{}) == ones);
    CHECK(passed(clip_after_rounding{}) == row({0, 1, 1, 1, 1, 1, 1, 0, 1}));
    CHECK(passed(clip_inclusive{}) == row({0, 0, 0, 1, 1, 1, 0, 0, 1}));
    CHECK(passed(clip_strict{}) == row({0, 0, 0, 0, 1, 0, 0, 0, 1}));
    CHECK(passed(within_bound<>{}) == row({0, 0, 0, 0, 1, 0, 0, 0, 0}));
}

TEST_CASE("what a policy does not learn stays empty", "[quantize]") {
    auto const w = wave(1, 8, 3.0f);
    auto const g = quantization_gradient<unit>(cpu{}, w, quantize<unit>(cpu{}, w), w);
    CHECK(g.dw == w);
    CHECK(g.dscale.rows() + g.dstep.rows() + g.dzero.rows() == 0);
}

TEST_CASE("the gradient of a learned step is γ · Σ dvalue · (q − v), or q where it is clipped", "[quantize]") {
    using S = scheme<bits<4>, per_channel, scale_as<float>, learned_step<>>;
    auto const w = row({-20.0f, 0.25f, 1.75f, 20.0f});
    auto const g = quantization_gradient<S>(cpu{}, w, at_unit_step<S>(w), row({1, 2, 4, 8}));
    CHECK(g.dw == row({0, 2, 4, 0}));
    double const sum = 1 * -8 + 2 * -0.25 + 4 * 0.25 + 8 * 7;
    CHECK(g.dscale(0, 0) == static_cast<float>(sum * static_cast<double>(normalised_per_step::factor(4, 7))));
}

TEST_CASE("the extreme value also gets the gradient of the scale that follows it, the first of a tie", "[quantize]") {
    using S = scheme<bits<4>, per_channel, scale_as<float>, dynamic_scale<>>;
    auto const w = row({0.25f, -7.0f, 7.0f, 1.75f});
    auto const g = quantization_gradient<S>(cpu{}, w, quantize<S>(cpu{}, w), row({1, 2, 4, 8}));
    double const dscale = 1 * -0.25 + 8 * 0.25;  // −7 and 7 are on the grid, where q = v
    CHECK(g.dw == row({1, static_cast<float>(2 - dscale / 7), 4, 8}));
}

TEST_CASE("a group of scale 0 lets the gradient pass and has none for its scale", "[quantize]") {
    using S = scheme<bits<4>, per_group<4>, learned_step<>>;
    auto const zeros = matrix<float>(1, 4);
    auto const ones = row({1, 1, 1, 1});
    auto const g = quantization_gradient<S>(cpu{}, zeros, quantize<S>(cpu{}, zeros), ones);
    CHECK(g.dw == ones);
    CHECK(g.dscale(0, 0) == 0.0f);
    CHECK(quantization_gradient<S, dynamic_scale<>>(cpu{}, zeros, quantize<S>(cpu{}, zeros), ones).dw == ones);
    CHECK(quantization_gradient<S, dual_scale<>>(cpu{}, zeros, quantize<S>(cpu{}, zeros), ones).dw == ones);
}

namespace {

template <class S>
void require_same_for_any_threads() {
    auto const w = wave(37, 150, 1.0f);
    auto const dvalue = wave(37, 150, 0.3f);
    auto const wq = quantize<S>(cpu{}, w);
    auto const alone = quantization_gradient<S>(cpu{}, w, wq, dvalue);
    for (std::size_t const threads : {2u, 3u, 7u}) {
        thread_pool pool(threads);
        auto const together = quantization_gradient<S>(cpu{pool}, w, wq, dvalue);
        REQUIRE(together.dw == alone.dw);
        REQUIRE(together.dscale == alone.dscale);
        REQUIRE(together.dstep == alone.dstep);
        REQUIRE(together.dzero == alone.dzero);
    }
}

}  // namespace

TEST_CASE("gradients have the same bits for any number of threads", "[quantize]") {
    require_same_for_any_threads<scheme<bits<4>, per_group<32>, learned_step<>>>();
    require_same_for_any_threads<scheme<bits<4>, per_tensor, learned_step<>>>();
    require_same_for_any_threads<scheme<bits<4>, per_tensor, dynamic_scale<>>>();
    require_same_for_any_threads<scheme<bits<8>, asymmetric, learned_step_and_offset<>>>();
    require_same_for_any_threads<scheme<bits<3>, asymmetric_offset, per_group<64>, learned_step_and_offset<>>>();
    require_same_for_any_threads<scheme<bits<4>, dual_scale<>>>();
}

TEST_CASE("matrices that do not belong together are refused", "[quantize]") {
    auto const w = wave(2, 8, 1.0f);
    auto const wq = quantize<unit>(cpu{}, w);
    CHECK(refusal([&] { quantization_gradient<unit>(cpu{}, wave(2, 7, 1.0f), wq, w); }).find("codes of 2 x 8") !=
          std::string::npos);
    CHECK(refusal([&] { quantization_gradient<unit>(cpu{}, w, wq, wave(1, 8, 1.0f)); }).find("gradient of 1 x 8") !=
          std::string::npos);
    CHECK(refusal([&] { quantization_gradient<unit>(cpu{}, w, wq, w, matrix<float>(2, 1)); }).find("leave them out") !=
          std::string::npos);
    CHECK(refusal([&] {
              quantization_gradient<unit, dual_scale<>>(cpu{}, w, wq, w, matrix<float>(1, 1));
          }).find("scales of 2 x 1") != std::string::npos);
}

namespace {

/// The lines of tests/golden/gradients.txt, which tests/golden/make_gradients.py wrote: a word, and floats as bits.
class golden {
public:
    explicit golden(std::string const& wanted) : file_(NIBBLE_SOURCE_DIR "/tests/golden/gradients.txt") {
        REQUIRE(file_);
        std::string word;
        while (file_ >> word && word != wanted) {
        }
        REQUIRE(word == wanted);
    }

    matrix<float> next(std::size_t rows, std::size_t columns) {
        matrix<float> m(rows, columns);
        std::string name;
        file_ >> name;
        for (std::size_t i = 0; i < rows * columns; ++i) {
            std::string word;
            REQUIRE(file_ >> word);
            m.data()[i] = std::bit_cast<float>(static_cast<std::uint32_t>(std::stoul(word, nullptr, 16)));
        }
        return m;
    }

private:
    std::ifstream file_;
};

/// PyTorch adds 24 terms in f32, each of at most 4 · 10, and multiplies by γ.
void require_near(matrix<float> const& a, matrix<float> const& b) {
    REQUIRE(a.rows() * a.columns() == b.rows() * b.columns());
    float const bound = 24 * (24 * 4 * 10) * 0x1p-24f * normalised_per_step::factor(24, 15);
    for (std::size_t i = 0; i < a.rows() * a.columns(); ++i) {
        CHECK(std::fabs(a.data()[i] - b.data()[i]) <= bound);
    }
}

constexpr std::size_t golden_rows = 4;
constexpr std::size_t golden_columns = 24;

}  // namespace

TEST_CASE("gradients are PyTorch's: fake_quantize_per_channel_affine", "[quantize]") {
    using S = scheme<bits<4>, per_channel, scale_as<float>, reciprocal>;
    golden file("fake_quantize_per_channel_affine");
    auto const w = file.next(golden_rows, golden_columns);
    auto const scale = file.next(golden_rows, 1);
    auto const dvalue = file.next(golden_rows, golden_columns);
    auto const value = file.next(golden_rows, golden_columns);
    auto const dw = file.next(golden_rows, golden_columns);
    auto const wq = quantize_at<S>(cpu{}, w, scale);
    CHECK(dequantize(cpu{}, wq) == value);
    CHECK(quantization_gradient<S>(cpu{}, w, wq, dvalue).dw == dw);
}

TEST_CASE("gradients are PyTorch's: a learnable scale, and one with a learnable zero point", "[quantize]") {
    using S = scheme<bits<4>, per_channel, scale_as<float>, reciprocal, asymmetric, zero_before_rounding,
                     learned_step_and_offset<clip_after_rounding>>;
    golden file("fake_quantize_learnable_per_channel_affine");
    auto const w = file.next(golden_rows, golden_columns);
    auto const scale = file.next(golden_rows, 1);
    auto const zero = file.next(golden_rows, 1);
    auto const dvalue = file.next(golden_rows, golden_columns);
    auto const value = file.next(golden_rows, golden_columns);
    auto const dw = file.next(golden_rows, golden_columns);
    auto const dscale = file.next(golden_rows, 1);
    auto const dzero = file.next(golden_rows, 1);
    auto const wq = quantize_at<S>(cpu{}, w, scale, zero);
    CHECK(dequantize(cpu{}, wq) == value);
    auto const g = quantization_gradient<S>(cpu{}, w, wq, dvalue);
    CHECK(g.dw == dw);
    require_near(g.dscale, dscale);
    require_near(g.dzero, dzero);
}
