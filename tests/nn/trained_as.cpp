// SPDX-License-Identifier: Apache-2.0
#include <nibble/nn/recipes.hpp>
#include <nibble/nn/trained_as.hpp>
#include <nibble/quantize/quantize_at.hpp>
#include <nibble/tensor/repack.hpp>
#include <nibble/tensor/thread_pool.hpp>

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>
#include <nn/layers.hpp>

#include <cstddef>
#include <cstdint>
#include <vector>

using namespace nibble;

namespace {

constexpr random_key key{.seed = 3, .step = 5, .tensor = 7};
constexpr activation_kind kinds[]{activation_kind::f32, activation_kind::bf16, activation_kind::int8};

template <class T>
trained_matrix weights(std::size_t rows = 20, std::size_t columns = 96) {
    trained_matrix w{nibble_test::random_matrix(rows, columns, 0.7f)};
    w.learned = trained_as<T>.initial(cpu{}, w.values);
    return w;
}

/// Is not what a fit would choose, so that what is learned is seen to count.
void move(matrix<float>& learned, float factor, float by = 0) {
    for (std::size_t i = 0; i < learned.rows() * learned.columns(); ++i) {
        learned.data()[i] = factor * learned.data()[i] + by;
    }
}

using noisy = scheme<bits<4>, per_group<32>, scale_as<f16>, stochastic<8>, straight_through<clip_inclusive>>;
using learned = with_learned_scale<int4_g32>;
using shifted = scheme<bits<4>, asymmetric, per_group<32>, scale_as<bf16>, learned_step<>>;

}  // namespace

TEMPLATE_TEST_CASE("rows of a matrix in training are those of the whole", "[nn]", float, bf16, f16, int4_g32, q4_0,
                   int8_channel, noisy, learned, shifted) {
    auto const w = weights<TestType>();
    auto const seen = trained_as<TestType>.see(cpu{}, activation_kind::f32, w, key);
    auto const whole = seen->values(cpu{});
    std::vector<std::uint32_t> const ids{19, 0, 7, 19};
    matrix<float> rows(ids.size(), w.values.columns());
    thread_pool pool(3);
    trained_as<TestType>.rows(cpu(pool), w, ids, key, rows);
    for (std::size_t t = 0; t < ids.size(); ++t) {
        CHECK(nibble_test::same_bits(rows.row(t), whole.row(ids[t])));
    }
}

TEMPLATE_TEST_CASE("values in training are those of the packed matrix, whatever the activations", "[nn]", int4_g32,
                   q4_0, int8_channel, noisy) {
    auto const w = weights<TestType>();
    auto const packed = detail::quantize<TestType>(cpu{}, w.values, key, {});
    auto const expected = dequantize(cpu{}, packed);
    for (auto const kind : kinds) {
        auto const seen = trained_as<TestType>.see(cpu{}, kind, w, key);
        CHECK(nibble_test::same_bits(nibble_test::elements(expected),
                                     {seen->values(cpu{}).data(), w.values.rows() * w.values.columns()}));
    }
}

TEMPLATE_TEST_CASE("codes are chosen under what is learned, and are none of a fit", "[nn]", learned, shifted) {
    auto w = weights<TestType>();
    move(w.learned.scale, 1.3f);
    if (w.learned.zero.rows() != 0) {
        move(w.learned.zero, 0, 6.0f);
    }
    auto const expected =
        dequantize(cpu{}, quantize_at<TestType>(cpu{}, w.values, w.learned.scale, w.learned.zero, w.learned.step));
    CHECK_FALSE(nibble_test::same_bits(expected, dequantize(cpu{}, quantize<TestType>(cpu{}, w.values))));
    for (auto const kind : kinds) {
        auto const seen = trained_as<TestType>.see(cpu{}, kind, w, key);
        CHECK(nibble_test::same_bits(nibble_test::elements(expected),
                                     {seen->values(cpu{}).data(), w.values.rows() * w.values.columns()}));
    }
}

TEMPLATE_TEST_CASE("products in training are the packed kernel's where activations are rounded", "[nn]", int4_g32, q4_0,
                   int8_channel) {
    auto const w = weights<TestType>();
    auto const x = nibble_test::random_matrix(5, w.values.columns(), 2.0f, 9);
    auto const panels = repack(cpu{}, quantize<TestType>(cpu{}, w.values));
    for (auto const kind : {activation_kind::bf16, activation_kind::int8}) {
        matrix<float> y(x.rows(), w.values.rows()), expected(x.rows(), w.values.rows());
        trained_as<TestType>.see(cpu{}, kind, w, key)->product(cpu{}, x, y);
        linear(cpu{}, kind, x, panels, expected);
        CHECK(nibble_test::same_bits(y, expected));
    }
}

TEST_CASE("a learned matrix has the packed kernel's products too", "[nn]") {
    auto w = weights<learned>();
    move(w.learned.scale, 1.3f);
    auto const x = nibble_test::random_matrix(5, w.values.columns(), 2.0f, 9);
    auto const panels = repack(cpu{}, quantize_at<learned>(cpu{}, w.values, w.learned.scale));
    matrix<float> y(x.rows(), w.values.rows());
    trained_as<learned>.see(cpu{}, activation_kind::int8, w, key)->product(cpu{}, x, y);
    CHECK(nibble_test::same_bits(y, gemm<int8_activations>(cpu{}, x, panels)));
}

TEST_CASE("products in training are dense where activations are f32", "[nn]") {
    auto const w = weights<int4_g32>();
    auto const x = nibble_test::random_matrix(5, w.values.columns(), 2.0f, 9);
    matrix<float> y(x.rows(), w.values.rows()), expected(x.rows(), w.values.rows());
    trained_as<int4_g32>.see(cpu{}, activation_kind::f32, w, key)->product(cpu{}, x, y);
    auto const values = fake_quantize<int4_g32>(cpu{}, w.values);
    dense_product(cpu{}, x, operand::as_is, values, operand::transposed, expected);
    CHECK(nibble_test::same_bits(y, expected));
}

TEST_CASE("a product sees activations as its kernel rounds them", "[nn]") {
    auto const x = nibble_test::random_matrix(5, 96, 2.0f, 9);
    matrix<float> scratch;
    auto const seen = [&](activation_kind kind) {
        auto const view = trained_as<int4_g32>.activations(cpu{}, kind, x, scratch);
        return std::vector<float>(view.data(), view.data() + view.rows() * view.columns());
    };
    CHECK(nibble_test::same_bits(seen(activation_kind::f32), nibble_test::elements(x)));
    CHECK(nibble_test::same_bits(seen(activation_kind::bf16), nibble_test::elements(rounded_to<bf16>(cpu{}, x))));
    CHECK(nibble_test::same_bits(seen(activation_kind::int8),
                                 nibble_test::elements(int8_activation_values<storage_of<int4_g32>>(cpu{}, x))));
}
