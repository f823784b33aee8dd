// SPDX-License-Identifier: Apache-2.0
#include <nibble/gemm/dense_product.hpp>
#include <nibble/tensor/thread_pool.hpp>

#include <catch2/catch_test_macros.hpp>
#include <nn/layers.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <string>
#include <vector>

using nibble::cpu;
using nibble::matrix;
using nibble::operand;
using nibble_test::same_bits;

namespace {

#if defined(NIBBLE_CBLAS)
constexpr bool own_order = false;
#else
constexpr bool own_order = true;
#endif

/// Factors of a product [m, k] · [k, n] as they lie in memory, and what is added to.
struct operands {
    operand op_a, op_b;
    std::size_t m, n, k;
    matrix<float> a, b, c;

    operands(bool transpose_a, bool transpose_b, std::size_t rows, std::size_t columns, std::size_t depth)
        : op_a(transpose_a ? operand::transposed : operand::as_is),
          op_b(transpose_b ? operand::transposed : operand::as_is), m(rows), n(columns), k(depth),
          a(nibble_test::random_matrix(transpose_a ? k : m, transpose_a ? m : k, 1.0f, 3)),
          b(nibble_test::random_matrix(transpose_b ? n : k, transpose_b ? k : n, 8.0f, 5)),
          c(nibble_test::random_matrix(m, n, 2.0f, 7)) {}

    float left(std::size_t i, std::size_t p) const { return op_a == operand::transposed ? a(p, i) : a(i, p); }
    float right(std::size_t p, std::size_t j) const { return op_b == operand::transposed ? b(j, p) : b(p, j); }

    matrix<float> product(cpu where, bool add, nibble::isa set = nibble::best_isa()) const {
        auto result = c;
        dense_product(where, a, op_a, b, op_b, result, add, set);
        return result;
    }

    /// The order that dense_product promises.
    float by_definition(std::size_t i, std::size_t j, bool add) const {
        float result = c(i, j);
        for (std::size_t first = 0; first < k; first += 256) {
            float sum = 0;
            for (std::size_t p = first; p < std::min(first + 256, k); ++p) {
                sum = std::fma(left(i, p), right(p, j), sum);
            }
            result = add || first != 0 ? result + sum : sum;
        }
        return result;
    }

    /// |result − exact| over the bound that dense_product promises.
    double error(float result, std::size_t i, std::size_t j, bool add) const {
        double exact = add ? static_cast<double>(c(i, j)) : 0.0;
        double size = std::fabs(exact);
        for (std::size_t p = 0; p < k; ++p) {
            double const term = static_cast<double>(left(i, p)) * static_cast<double>(right(p, j));
            exact += term;
            size += std::fabs(term);
        }
        // CBLAS may add in any order: then every term may see all k roundings, those of the products, and one of c.
        double const roundings = own_order ? static_cast<double>(std::min<std::size_t>(k, 256) + (k + 255) / 256)
                                           : static_cast<double>(k + 2);
        double const gamma = roundings * 0x1p-24 / (1 - roundings * 0x1p-24);
        double const reference = static_cast<double>(k + 1) * 0x1p-53 * size;  // what the sum in double may be off
        return std::fabs(static_cast<double>(result) - exact) /
               (gamma * size + reference + static_cast<double>(k) * 0x1p-149);
    }
};

}  // namespace

TEST_CASE("dense_product is the sum of products within its bound, in the order it promises, in all eight forms") {
    struct shape {
        std::size_t m, n, k;
    };
    for (auto const [m, n, k] : {shape{1, 1, 1}, shape{12, 32, 256}, shape{13, 17, 257}, shape{5, 3, 1000},
                                 shape{50, 260, 31}, shape{2, 49, 513}, shape{25, 16, 2}}) {
        for (unsigned form = 0; form < 8; ++form) {
            bool const add = form >= 4;
            operands const x((form & 1) != 0, (form & 2) != 0, m, n, k);
            for (auto const set : supported_sets()) {
                CAPTURE(m, n, k, form, static_cast<int>(set));
                auto const y = x.product(cpu{}, add, set);
                double worst = 0;
                std::size_t other_bits = 0;
                for (std::size_t i = 0; i < m; ++i) {
                    for (std::size_t j = 0; j < n; ++j) {
                        float const expected = x.by_definition(i, j, add);
                        other_bits += same_bits({&y(i, j), 1}, {&expected, 1}) ? 0 : 1;
                        worst = std::max(worst, x.error(y(i, j), i, j, add));
                    }
                }
                CHECK(worst <= 1);
                CHECK((!own_order || other_bits == 0));
            }
        }
    }
}

TEST_CASE("dense_product has the same bits for 1, 2 and 5 threads, also where its factors take several pieces") {
    operands const wide(false, true, 7, 1100, 300);
    operands const tall(true, false, 1000, 9, 300);
    for (operands const* const x : {&wide, &tall}) {
        for (bool const add : {false, true}) {
            auto const expected = x->product(cpu{}, add);
            for (std::size_t const threads : {1u, 2u, 5u}) {
                nibble::thread_pool pool(threads);
                CHECK(same_bits(x->product(cpu(pool), add), expected));
            }
            if (own_order) {
                for (std::size_t i = 0; i < x->m; i += 3) {
                    for (std::size_t j = 0; j < x->n; ++j) {
                        float const promised = x->by_definition(i, j, add);
                        REQUIRE(same_bits({&expected(i, j), 1}, {&promised, 1}));
                    }
                }
            }
        }
    }
}

TEST_CASE("multiply_block is the product of blocks within larger matrices, and writes its block alone") {
    constexpr std::size_t stride = 40;
    operands const x(false, false, 9, 21, 30);
    auto const expected = x.product(cpu{}, false);
    for (unsigned form = 0; form < 4; ++form) {
        bool const transpose_a = (form & 1) != 0;
        bool const transpose_b = (form & 2) != 0;
        matrix<float> a(stride, stride);
        matrix<float> b(stride, stride);
        for (std::size_t p = 0; p < x.k; ++p) {
            for (std::size_t i = 0; i < x.m; ++i) {
                (transpose_a ? a(1 + p, 2 + i) : a(1 + i, 2 + p)) = x.left(i, p);
            }
            for (std::size_t j = 0; j < x.n; ++j) {
                (transpose_b ? b(3 + j, 4 + p) : b(3 + p, 4 + j)) = x.right(p, j);
            }
        }
        matrix<float> c(stride, stride);
        nibble::detail::multiply_block(transpose_a, transpose_b, x.m, x.n, x.k, &a(1, 2), stride, &b(3, 4), stride,
                                       &c(5, 6), stride, false);
        for (std::size_t i = 0; i < stride; ++i) {
            for (std::size_t j = 0; j < stride; ++j) {
                bool const inside = i >= 5 && i < 5 + x.m && j >= 6 && j < 6 + x.n;
                float const value = inside ? expected(i - 5, j - 6) : 0.0f;
                REQUIRE((own_order || !inside ? same_bits({&c(i, j), 1}, {&value, 1})
                                              : x.error(c(i, j), i - 5, j - 6, false) <= 1));
            }
        }
    }
}

TEST_CASE("dense_product passes NaN to its row and column alone, and does not read what it overwrites") {
    for (auto const set : supported_sets()) {
        operands x(false, true, 20, 40, 30);
        std::fill_n(x.c.data(), 20 * 40, std::numeric_limits<float>::quiet_NaN());
        x.a(3, 7) = std::numeric_limits<float>::quiet_NaN();
        x.b(33, 9) = std::numeric_limits<float>::quiet_NaN();
        auto const y = x.product(cpu{}, false, set);
        for (std::size_t i = 0; i < 20; ++i) {
            for (std::size_t j = 0; j < 40; ++j) {
                REQUIRE(std::isnan(y(i, j)) == (i == 3 || j == 33));
            }
        }
    }
}

TEST_CASE("P15: a dense product without terms is zero, or adds nothing, and empty ones are taken") {
    operands const x(false, false, 3, 4, 0);
    CHECK(same_bits(x.product(cpu{}, false), matrix<float>(3, 4)));
    CHECK(same_bits(x.product(cpu{}, true), x.c));
    CHECK_NOTHROW(operands(false, false, 0, 4, 5).product(cpu{}, false));
    CHECK_NOTHROW(operands(true, true, 3, 0, 5).product(cpu{}, true));
}

TEST_CASE("dense_product refuses shapes that disagree and a result within a factor, and leaves it as it was") {
    operands const x(false, true, 3, 4, 5);
    auto const untouched = nibble_test::random_matrix(4, 3, 1.0f);
    auto c = untouched;
    CHECK_THROWS_AS(dense_product(cpu{}, x.a, x.op_a, x.b, x.op_b, c), nibble::error);
    CHECK_THROWS_AS(dense_product(cpu{}, x.a, x.op_a, x.b, operand::as_is, c), nibble::error);
    CHECK(same_bits(c, untouched));
    auto square = nibble_test::random_matrix(4, 4, 1.0f);
    auto const before = square;
    CHECK_THROWS_AS(dense_product(cpu{}, square, operand::as_is, before, operand::as_is, square), nibble::error);
    CHECK_THROWS_AS(dense_product(cpu{}, before, operand::as_is, square, operand::as_is, square), nibble::error);
    CHECK(same_bits(square, before));
    for (auto const set : {nibble::isa::avx2, nibble::isa::avx512, nibble::isa::avx512_bf16}) {
        if (!nibble::supports(set)) {
            CHECK_THROWS_AS(dense_product(cpu{}, before, operand::as_is, before, operand::as_is, square, false, set),
                            nibble::error);
        }
    }
}
