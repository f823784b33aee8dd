// SPDX-License-Identifier: Apache-2.0
#include <nibble/gemm/gemm.hpp>
#include <nibble/numeric/bf16.hpp>
#include <nibble/numeric/e8m0.hpp>
#include <nibble/numeric/f16.hpp>
#include <nibble/tensor/thread_pool.hpp>

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <gemm/operands.hpp>
#include <limits>
#include <tensor/stub_storage.hpp>
#include <vector>

namespace {

using nibble::bf16;
using nibble::bf16_activations;
using nibble::cpu;
using nibble::dense_panels;
using nibble::isa;
using nibble::matrix;
using nibble::matrix_view;

matrix<float> rounded(matrix<float> x) {
    for (std::size_t i = 0; i < x.rows() * x.columns(); ++i) {
        x.data()[i] = static_cast<float>(bf16(x.data()[i]));
    }
    return x;
}

template <class T>
dense_panels<T> some_dense(std::size_t n, std::size_t k) {
    random_numbers random{3};
    std::vector<T> values(n * k);
    for (T& v : values) {
        v = static_cast<T>(random.real());
    }
    dense_panels<T> w(n, k);
    w.set_panels(reinterpret_cast<std::byte const*>(values.data()), 0, w.panels());
    return w;
}

/// A weight as scale * code + offset, the code with its zero subtracted.
struct affine {
    float code;
    float scale;
    float offset;
};

template <class St>
affine at(nibble::cpu_panel_weights<St> const& w, std::size_t row, std::size_t column) {
    std::size_t const g = nibble::cpu_panel<St>::group_of(column);
    auto code = static_cast<int>(w.code(row, column)) - St::bias;
    float offset = 0.0f;
    if constexpr (std::is_integral_v<typename St::zero_type>) {
        code -= w.zero(row, g);
    } else if constexpr (!std::is_empty_v<typename St::zero_type>) {
        offset = static_cast<float>(w.zero(row, g));
    }
    return {static_cast<float>(code), static_cast<float>(w.scale(row, g)), offset};
}
template <class T>
affine at(dense_panels<T> const& w, std::size_t row, std::size_t column) {
    return {w.decode(row, column), 1.0f, 0.0f};
}

template <class W>
std::size_t group_of(W const& w) {
    if constexpr (nibble::is_dense<W>) {
        return w.k();
    } else {
        return W::storage::group == 0 ? w.k() : W::storage::group;
    }
}

template <class W>
constexpr bool has_offset() {
    if constexpr (nibble::is_dense<W>) {
        return false;
    } else {
        return !std::is_integral_v<typename W::zero_type> && !std::is_empty_v<typename W::zero_type>;
    }
}

/// The definition of the family of pairs; x is rounded already, no number is subnormal.
template <class W>
float pairs_reference(matrix_view<float const> x, std::size_t row, W const& w, std::size_t column) {
    float acc = 0.0f;
    std::size_t const group = group_of(w);
    for (std::size_t begin = 0; begin < w.k(); begin += group) {
        std::size_t const end = std::min(begin + group, w.k());
        affine const first = at(w, column, begin);
        for (std::size_t piece = begin; piece < end; piece += 32) {
            float dot = 0.0f;
            for (std::size_t c = piece; c < std::min(piece + 32, end); c += 2) {
                if (c + 1 < end) {
                    dot = std::fma(x(row, c + 1), at(w, column, c + 1).code, dot);
                }
                dot = std::fma(x(row, c), at(w, column, c).code, dot);
            }
            acc = std::fma(first.scale, dot, acc);
        }
        if (has_offset<W>()) {
            float sum = 0.0f;
            for (std::size_t c = begin; c < end; ++c) {
                sum += x(row, c);
            }
            acc = std::fma(first.offset, sum, acc);
        }
    }
    return acc;
}

template <class W>
void check_definition(W const& w, std::size_t m) {
    auto const x = some_activations(m, w.k());
    auto const exact = rounded(x);
    matrix<float> expected(m, w.n());
    for (std::size_t i = 0; i < m; ++i) {
        for (std::size_t j = 0; j < w.n(); ++j) {
            expected(i, j) = pairs_reference(exact, i, w, j);
        }
    }
    CAPTURE(m, w.n(), w.k());
    CHECK(same_bits(nibble::gemm<bf16_activations>(cpu{}, x, w, nibble::identity{}, isa::avx512_bf16), expected));
}

double gamma(std::size_t roundings) {
    double const error = static_cast<double>(roundings) * 0x1p-24;
    return error / (1.0 - error);
}

/// Both families against the exact value and each other, with the bounds that bf16_activations states.
template <class W>
void check_bounds(matrix<float> const& x, W const& w) {
    auto const exact_x = rounded(x);
    std::size_t const group = group_of(w);
    std::size_t const groups = (w.k() + group - 1) / group;
    std::size_t const last = w.k() - (groups - 1) * group;
    std::size_t const pieces = (groups - 1) * ((group + 31) / 32) + (last + 31) / 32;
    std::size_t const pair_roundings =
        has_offset<W>() ? std::max<std::size_t>(32, group) + pieces + groups : 32 + pieces;
    std::size_t const chain_roundings = (w.k() + 3) / 4 + 3;
    auto const chains = nibble::gemm<bf16_activations>(cpu{}, x, w, nibble::identity{}, isa::scalar);
    auto const pairs = nibble::gemm<bf16_activations>(cpu{}, x, w, nibble::identity{}, isa::avx512_bf16);
    double worst = 0;
    for (std::size_t i = 0; i < x.rows(); ++i) {
        for (std::size_t j = 0; j < w.n(); ++j) {
            long double exact = 0;
            double size = 0;
            double small = 0;
            for (std::size_t c = 0; c < w.k(); ++c) {
                affine const weight = at(w, j, c);
                double const a = exact_x(i, c);
                double const product = static_cast<double>(weight.code) * weight.scale;
                exact += static_cast<long double>(a) * (product + static_cast<long double>(weight.offset));
                size += std::fabs(a) * (std::fabs(product) + std::fabs(static_cast<double>(weight.offset)));
                small += std::fabs(a) + std::fabs(product) + weight.scale +
                         std::fabs(static_cast<double>(weight.offset)) + 1.0;
            }
            double const pair_bound = gamma(pair_roundings) * size + 0x1p-126 * small;
            double const chain_bound = gamma(chain_roundings) * size + 0x1p-126 * small;
            auto const pair_error = static_cast<double>(std::fabs(pairs(i, j) - exact));
            auto const chain_error = static_cast<double>(std::fabs(chains(i, j) - exact));
            double const between = std::fabs(static_cast<double>(pairs(i, j)) - chains(i, j));
            worst = std::max(
                {worst, pair_error / pair_bound, chain_error / chain_bound, between / (pair_bound + chain_bound)});
        }
    }
    CAPTURE(w.n(), w.k());
    CHECK(worst <= 1.0);
}

/// Values from 2^-span to 2^span, so that sums cancel and round.
matrix<float> wide_activations(std::size_t m, std::size_t k, int span) {
    matrix<float> x = some_activations(m, k);
    random_numbers random{11};
    for (std::size_t i = 0; i < m * k; ++i) {
        x.data()[i] =
            std::ldexp(x.data()[i], static_cast<int>(random.next() % (2u * static_cast<unsigned>(span))) - span);
    }
    return x;
}

}  // namespace

#define NEEDS_PAIRS()                                                                                                  \
    if (!nibble::supports(isa::avx512_bf16)) {                                                                         \
        SKIP("this machine has no AVX512_BF16");                                                                       \
    }                                                                                                                  \
    static_assert(true)

TEMPLATE_TEST_CASE("products of pairs of packed codes equal the triple loop bit for bit", "",
                   (stub<1, 32, nibble::f16>), (stub<2, 32, float>), (stub<3, 16, nibble::f16, std::uint8_t>),
                   (stub<4, 32, nibble::f16>), (stub<4, 16, float, float>), (stub<4, 0, bf16, bf16>),
                   (stub<5, 48, nibble::e8m0>), (stub<6, 256, bf16>), (stub<7, 128, float, std::uint8_t>),
                   (stub<8, 0, float>), (stub<8, 64, float, std::uint8_t>), (stub<8, 32, nibble::f16, nibble::f16>)) {
    NEEDS_PAIRS();
    check_definition(some_weights<TestType>(37, 301), 7);
    check_definition(some_weights<TestType>(32, 64), 4);
    check_definition(some_weights<TestType>(16, 32), 1);
    check_definition(some_weights<TestType>(50, 257), 1);
    check_definition(some_weights<TestType>(1, 3), 2);
    check_definition(some_weights<TestType>(33, 1), 3);
    check_definition(some_weights<TestType>(50, 272), 13);
}

TEST_CASE("products of pairs of bf16 weights equal the triple loop bit for bit") {
    NEEDS_PAIRS();
    for (std::size_t const k : {1u, 2u, 3u, 31u, 32u, 33u, 64u, 301u}) {
        for (std::size_t const m : {1u, 2u, 3u, 4u, 5u, 11u}) {
            check_definition(some_dense<bf16>(37, k), m);
        }
    }
}

TEMPLATE_TEST_CASE("bf16 activations are f32 activations after one rounding where no pairs are multiplied", "", float,
                   nibble::f16, bf16) {
    auto const w = some_dense<TestType>(40, 97);
    auto const packed = some_weights<stub<4, 32, nibble::f16>>(40, 97);
    auto const x = some_activations(5, 97);
    for (isa const set : {isa::scalar, isa::avx2, isa::avx512, isa::avx512_bf16}) {
        if (nibble::supports(set)) {
            CAPTURE(static_cast<int>(set));
            bool const pairs = set == isa::avx512_bf16;
            if (!pairs || !std::is_same_v<TestType, bf16>) {
                CHECK(same_bits(nibble::gemm<bf16_activations>(cpu{}, x, w, nibble::identity{}, set),
                                nibble::gemm(cpu{}, rounded(x), w, nibble::identity{}, set)));
            }
            if (!pairs) {
                CHECK(same_bits(nibble::gemm<bf16_activations>(cpu{}, x, packed, nibble::identity{}, set),
                                nibble::gemm(cpu{}, rounded(x), packed, nibble::identity{}, set)));
            }
        }
    }
}

TEMPLATE_TEST_CASE("both families stay within their bounds of the exact product and so of each other", "",
                   (stub<3, 16, nibble::f16, std::uint8_t>), (stub<4, 32, nibble::f16>), (stub<4, 0, bf16, bf16>),
                   (stub<7, 128, float, std::uint8_t>), (stub<8, 0, float>), (stub<8, 32, nibble::f16, nibble::f16>)) {
    NEEDS_PAIRS();
    for (std::size_t const k : {1u, 2u, 67u, 1152u}) {
        for (int const span : {1, 30}) {
            check_bounds(wide_activations(3, k, span), some_weights<TestType>(17, k));
            check_bounds(wide_activations(3, k, span), some_dense<bf16>(17, k));
        }
    }
}

TEST_CASE("the family of pairs takes subnormal numbers for 0 and stays within its bound") {
    NEEDS_PAIRS();
    auto const dense = some_dense<bf16>(3, 40);
    auto const packed = some_weights<stub<8, 32, float, float>>(3, 40);
    matrix<float> tiny(2, 40);
    matrix<float> around(2, 40);
    for (std::size_t i = 0; i < 80; ++i) {
        tiny.data()[i] = 0x1p-127f;
        around.data()[i] = std::ldexp(1.0f + static_cast<float>(i % 5) / 8, -130 + static_cast<int>(i % 9));
    }
    auto const y = nibble::gemm<bf16_activations>(cpu{}, tiny, dense, nibble::identity{}, isa::avx512_bf16);
    auto const z = nibble::gemm<bf16_activations>(cpu{}, tiny, packed, nibble::identity{}, isa::avx512_bf16);
    for (std::size_t j = 0; j < 3; ++j) {
        CHECK((y(0, j) == 0.0f && z(1, j) == 0.0f));
    }
    check_bounds(tiny, dense);
    check_bounds(tiny, packed);
    check_bounds(around, dense);
    check_bounds(around, packed);
}

TEST_CASE("a NaN or an infinity in a row makes every result of the row NaN or infinite, and no other") {
    auto const dense = some_dense<bf16>(35, 77);
    auto const packed = some_weights<stub<4, 32, nibble::f16>>(35, 77);
    auto const offset = some_weights<stub<4, 16, float, float>>(35, 77);
    for (isa const set : {isa::scalar, isa::avx512_bf16}) {
        for (std::size_t m = 1; m <= 6 && nibble::supports(set); ++m) {
            for (float const bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
                auto x = some_activations(m, 77);
                x(m - 1, 76) = bad;
                for (auto const& y : {nibble::gemm<bf16_activations>(cpu{}, x, dense, nibble::identity{}, set),
                                      nibble::gemm<bf16_activations>(cpu{}, x, packed, nibble::identity{}, set),
                                      nibble::gemm<bf16_activations>(cpu{}, x, offset, nibble::identity{}, set)}) {
                    for (std::size_t i = 0; i < m; ++i) {
                        for (std::size_t j = 0; j < 35; ++j) {
                            REQUIRE(std::isfinite(y(i, j)) == (i != m - 1));
                            REQUIRE((i != m - 1 || !std::isnan(bad) || std::isnan(y(i, j))));
                        }
                    }
                }
            }
        }
    }
}

namespace {

template <class W>
void check_rows_alone(W const& w) {
    for (std::size_t m = 1; m <= 9; ++m) {
        auto const x = some_activations(m, w.k());
        auto const y = nibble::gemm<bf16_activations>(cpu{}, x, w);
        for (std::size_t i = 0; i < m; ++i) {
            matrix_view<float const> const row(x.row(i).data(), 1, w.k());
            auto const alone = nibble::gemm<bf16_activations>(cpu{}, row, w);
            REQUIRE(std::memcmp(alone.data(), y.row(i).data(), w.n() * sizeof(float)) == 0);
        }
    }
}

template <class W>
void check_threads(W const& w) {
    auto const x = some_activations(9, w.k());
    auto const y = nibble::gemm<bf16_activations>(cpu{}, x, w);
    for (std::size_t threads = 1; threads <= 8; ++threads) {
        nibble::thread_pool pool(threads);
        CHECK(same_bits(nibble::gemm<bf16_activations>(cpu(pool), x, w), y));
    }
}

}  // namespace

TEST_CASE("with bf16 activations a row of a batch has the bits of the row alone, for 1 to 9 rows") {
    check_rows_alone(some_dense<bf16>(70, 165));
    check_rows_alone(some_weights<stub<3, 16, nibble::f16, std::uint8_t>>(70, 165));
    check_rows_alone(some_weights<stub<4, 32, nibble::f16>>(70, 165));
    check_rows_alone(some_weights<stub<8, 0, float, float>>(70, 165));
}

TEST_CASE("with bf16 activations 1 to 8 threads give the same bits") {
    check_threads(some_dense<bf16>(301, 95));
    check_threads(some_weights<stub<4, 32, nibble::f16>>(301, 95));
    check_threads(some_weights<stub<8, 0, float, float>>(301, 95));
}
