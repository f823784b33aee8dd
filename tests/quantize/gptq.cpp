// SPDX-License-Identifier: Apache-2.0
#include <nibble/quantize/gptq.hpp>
#include <nibble/scheme/name.hpp>
#include <nibble/tensor/thread_pool.hpp>

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <limits>
#include <numeric>
#include <random>
#include <span>
#include <support/factors.hpp>
#include <support/schemes.hpp>
#include <vector>

using namespace nibble;
using Catch::Matchers::ContainsSubstring;

namespace {

matrix<float> normal_matrix(std::size_t rows, std::size_t columns, unsigned seed) {
    std::mt19937 random(seed);
    std::normal_distribution<float> normal;
    matrix<float> x(rows, columns);
    for (std::size_t i = 0; i < rows * columns; ++i) {
        x.data()[i] = normal(random);
    }
    return x;
}

/// Inputs as a layer sees them: x[t, i] = Σ_f z[t, f] a[f, i] + noise, a few factors shared by all columns, whose sizes
/// differ by up to 16.
matrix<float> correlated(std::size_t tokens, std::size_t columns, unsigned seed) {
    std::size_t const factors = columns / 8;
    auto const z = normal_matrix(tokens, factors, seed);
    auto const a = normal_matrix(factors, columns, seed + 1);
    auto x = normal_matrix(tokens, columns, seed + 2);
    for (std::size_t t = 0; t < tokens; ++t) {
        for (std::size_t i = 0; i < columns; ++i) {
            for (std::size_t f = 0; f < factors; ++f) {
                x(t, i) += z(t, f) * a(f, i);
            }
            x(t, i) *= std::ldexp(1.0f, static_cast<int>(i % 5) - 2);
        }
    }
    return x;
}

second_moments moments_of(matrix<float> const& x) {
    second_moments h(x.columns());
    h.add(cpu{}, x);
    return h;
}

/// tr(D H Dᵀ) = Σ_t |x_t Dᵀ|², D = w − decode(q)
template <class Packed>
double output_error(matrix<float> const& w, Packed const& q, matrix<float> const& x) {
    auto const decoded = dequantize(cpu{}, q);
    double error = 0;
    for (std::size_t t = 0; t < x.rows(); ++t) {
        for (std::size_t row = 0; row < w.rows(); ++row) {
            double y = 0;
            for (std::size_t i = 0; i < w.columns(); ++i) {
                y += (static_cast<double>(w(row, i)) - static_cast<double>(decoded(row, i))) *
                     static_cast<double>(x(t, i));
            }
            error += y * y;
        }
    }
    return error;
}

/// The inverse of a symmetric positive definite matrix by Gauss and Jordan.
matrix<double> inverse(matrix<double> a) {
    std::size_t const n = a.rows();
    matrix<double> b(n, n);
    for (std::size_t i = 0; i < n; ++i) {
        b(i, i) = 1.0;
    }
    for (std::size_t p = 0; p < n; ++p) {
        double const pivot = a(p, p);
        for (std::size_t j = 0; j < n; ++j) {
            a(p, j) /= pivot;
            b(p, j) /= pivot;
        }
        for (std::size_t i = 0; i < n; ++i) {
            double const factor = a(i, p);
            for (std::size_t j = 0; j < n && i != p; ++j) {
                a(i, j) -= factor * a(p, j);
                b(i, j) -= factor * b(p, j);
            }
        }
    }
    return b;
}

/// Frantar et al., arXiv:2210.17323, equations (2) and (3), to the letter: after each column its error moves all
/// columns to come by the inverse of their moments, and a step of elimination takes the column out of that inverse.
template <class S>
packed_tensor<storage_of<S>> reference(matrix<float> const& w, second_moments const& h,
                                       feedback_options const& options) {
    std::size_t const k = w.columns();
    std::vector<std::size_t> order(k);
    std::iota(order.begin(), order.end(), std::size_t{0});
    if (options.order_by_diagonal) {
        std::sort(order.begin(), order.end(),
                  [&](auto a, auto b) { return h(a, a) != h(b, b) ? h(a, a) > h(b, b) : a < b; });
    }
    double mean = 0;
    double live = 0;
    for (std::size_t i = 0; i < k; ++i) {
        mean += h(i, i);
        live += h(i, i) > 0 ? 1 : 0;
    }
    mean /= live;
    matrix<double> a(k, k);
    for (std::size_t i = 0; i < k; ++i) {
        for (std::size_t j = 0; j < k; ++j) {
            a(i, j) = h(i, j) + (i == j ? options.damping * mean : 0.0);
        }
    }
    auto const first_inverse = inverse(a);
    packed_tensor<storage_of<S>> packed(w.rows(), k);
    constexpr std::size_t group = S::storage::group;
    std::size_t const width = group == 0 ? k : group;
    bool const fits = detail::has_groups_alone<S> && !options.order_by_diagonal;
    matrix<group_parameters<S>> given(w.rows(), (k + width - 1) / width);
    detail::for_each_group<S>(cpu{}, w, {}, {}, [&](detail::group_run<S> const& run) {
        std::copy(run.parameters.begin(), run.parameters.end(), &given(run.row, run.group));
    });
    for (std::size_t row = 0; row < w.rows(); ++row) {
        auto hinv = first_inverse;
        std::vector<double> v(w.row(row).begin(), w.row(row).end());
        auto const parameters = given.row(row);
        auto const fit = [&](std::size_t first) {
            if constexpr (detail::has_groups_alone<S>) {
                auto const end = std::min(first + width, k);
                std::vector<float> const values(v.begin() + static_cast<std::ptrdiff_t>(first),
                                                v.begin() + static_cast<std::ptrdiff_t>(end));
                detail::fit_block<S>([&](std::size_t) { return group_values{values, {}}; },
                                     parameters.subspan(first / width, 1), end - first < width, {});
            }
        };
        for (std::size_t const i : order) {
            if (fits && i % width == 0) {
                fit(i);
            }
            auto const& p = parameters[i / width];
            unsigned const code = encode<S>(static_cast<float>(v[i]), p);
            packed.set_code(row, i, code);
            packed.set_scale(row, i / width, p.scale, p.zero);
            double const error =
                (v[i] - static_cast<double>(storage_of<S>::decode(code, p.scale, p.zero))) / hinv(i, i);
            double const diagonal = hinv(i, i);
            std::vector<double> const column(hinv.row(i).begin(), hinv.row(i).end());
            for (std::size_t j = 0; j < k; ++j) {
                v[j] -= error * column[j];
                for (std::size_t l = 0; l < k; ++l) {
                    hinv(j, l) -= column[j] * column[l] / diagonal;
                }
            }
        }
    }
    return packed;
}

template <class S>
constexpr std::size_t columns_of = std::same_as<typename S::tail, reject_tail> ? whole_blocks<storage_of<S>>(96) : 150;

template <class S>
constexpr bool shares_scales = storage_of<S>::rows != 1 || has_matrix_scale<typename S::scale_type>;

}  // namespace

TEMPLATE_LIST_TEST_CASE("inputs that are not correlated give the bits of quantize", "[quantize]", some_schemes) {
    using S = TestType;
    std::size_t const k = columns_of<S>;
    auto w = normal_matrix(37, k, 1);
    std::fill_n(w.row(3).data(), k, 0.0f);
    std::fill_n(w.row(4).data(), k, -0.0f);
    matrix<float> x(k, k);  // XᵀX is diagonal
    for (std::size_t i = 0; i < k; ++i) {
        x(i, i) = static_cast<float>(1 + i % 9);
    }
    for (bool const ordered : {false, true}) {
        for (double const damping : {0.0, 0.01}) {
            CHECK(gptq<S>(cpu{}, w, moments_of(x), {.damping = damping, .order_by_diagonal = ordered}) ==
                  quantize<S>(cpu{}, w));
        }
    }
}

TEMPLATE_LIST_TEST_CASE("codes and scales are those of the published loop over an explicit inverse", "[quantize]",
                        some_schemes) {
    using S = TestType;
    std::size_t const k = columns_of<S>;
    auto const w = normal_matrix(5, k, 2);
    auto const h = moments_of(correlated(2 * k, k, 3));
    for (bool const ordered : {false, true}) {
        feedback_options const options{.order_by_diagonal = ordered};
        auto const codes = gptq<S>(cpu{}, w, h, options);
        CHECK(codes == reference<S>(w, h, options));
        CHECK(codes != quantize<S>(cpu{}, w));
    }
}

TEMPLATE_LIST_TEST_CASE("P19: codes do not depend on the number of threads, nor on the rows beside them", "[quantize]",
                        some_schemes) {
    using S = TestType;
    std::size_t const k = whole_blocks<storage_of<S>>(192);
    auto const w = normal_matrix(75, k, 4);
    auto const h = moments_of(correlated(100, k, 5));
    auto const alone = gptq<S>(cpu{}, w, h);
    for (std::size_t const threads : {2u, 5u}) {
        thread_pool pool(threads);
        CHECK(gptq<S>(cpu{pool}, w, h) == alone);
    }
    if constexpr (!shares_scales<S>) {
        auto const some = gptq<S>(cpu{}, {w.row(41).data(), 9, k}, h);
        for (std::size_t row = 0; row < 9; ++row) {
            for (std::size_t i = 0; i < k; ++i) {
                REQUIRE(some.decode(row, i) == alone.decode(41 + row, i));
            }
        }
    }
}

TEMPLATE_LIST_TEST_CASE("on correlated inputs the outputs are nearer than those of the nearest codes", "[quantize]",
                        some_schemes) {
    using S = TestType;
    for (unsigned const seed : {10u, 20u, 30u}) {
        std::size_t const k = whole_blocks<storage_of<S>>(96);
        auto const x = correlated(4 * k, k, seed);
        auto const w = normal_matrix(32, k, seed + 5);
        double const nearest = output_error(w, quantize<S>(cpu{}, w), x);
        for (bool const ordered : {false, true}) {
            double const error = output_error(w, gptq<S>(cpu{}, w, moments_of(x), {.order_by_diagonal = ordered}), x);
            UNSCOPED_INFO(name<S> << " seed " << seed << " ordered " << ordered << ": " << error / nearest);
            // One bit clips so much of what errors have moved that only scales of the weights as given help.
            CHECK((error < nearest || (S::info.bits == 1 && !ordered)));
        }
    }
}

TEST_CASE("codes that do not clip cost s² / 12 for each unit of tr(D)", "[quantize]") {
    using S = scheme<bits<8>, per_channel, scale_as<float>>;
    std::size_t const k = 96;
    auto const x = correlated(400, k, 40);
    auto w = normal_matrix(200, k, 41);
    for (std::size_t row = 0; row < w.rows(); ++row) {
        w(row, 0) = 8.0f;  // code 127 exactly; errors move the others, N(0, 1), by less than it takes to clip
    }
    auto const h = moments_of(x);
    matrix<double> a(k, k);
    for (std::size_t i = 0; i < k * k; ++i) {
        a.data()[i] = h(i / k, i % k);
    }
    double trace = 0;
    double squares = 0;
    for (std::size_t i = 1; i < k; ++i) {
        matrix<double> rest(k - i, k - i);
        for (std::size_t r = i; r < k; ++r) {
            std::copy_n(a.row(r).data() + i, k - i, rest.row(r - i).data());
        }
        double const d = 1.0 / inverse(rest)(0, 0);  // H[i, i] without what columns behind it make up for
        trace += d;
        squares += d * d;
    }
    double const step = 8.0 / 127.0;
    double const rows = 200;
    double const expected = rows * step * step / 12.0 * trace;
    double const error = output_error(w, gptq<S>(cpu{}, w, h, {.damping = 0}), x);
    // The square of a uniform error has 4 / 5 of its mean, squared, for variance: five standard deviations.
    CHECK(std::fabs(error / expected - 1.0) < 5.0 * std::sqrt(0.8 * squares / rows) / trace);
}

TEST_CASE("columns that are 0 in all inputs get the nearest codes and move no other", "[quantize]") {
    using S = scheme<bits<4>, per_channel>;
    auto const w = normal_matrix(9, 40, 6);
    auto x = correlated(90, 40, 7);
    std::vector<std::size_t> const dead{0, 17, 39};
    for (std::size_t t = 0; t < x.rows(); ++t) {
        for (std::size_t const i : dead) {
            x(t, i) = 0.0f;
        }
    }
    for (bool const ordered : {false, true}) {
        for (double const damping : {0.0, 0.01}) {
            auto const codes = gptq<S>(cpu{}, w, moments_of(x), {.damping = damping, .order_by_diagonal = ordered});
            auto const nearest = quantize<S>(cpu{}, w);
            for (std::size_t row = 0; row < w.rows(); ++row) {
                for (std::size_t const i : dead) {
                    CHECK(codes.code(row, i) == nearest.code(row, i));
                }
            }
            CHECK(codes == [&] {
                auto other = w;
                for (std::size_t row = 0; row < w.rows(); ++row) {
                    other(row, 17) = 0.0f;  // not the extreme of a row: the scale stays
                }
                auto changed = gptq<S>(cpu{}, other, moments_of(x), {.damping = damping, .order_by_diagonal = ordered});
                for (std::size_t row = 0; row < w.rows(); ++row) {
                    changed.set_code(row, 17, nearest.code(row, 17));
                }
                return changed;
            }());
        }
    }
    CHECK(gptq<S>(cpu{}, w, moments_of(matrix<float>(3, 40))) == quantize<S>(cpu{}, w));  // all of them
}

TEST_CASE("P9: a value that errors push beyond f32, or a scale beyond its type, is never infinite", "[quantize]") {
    auto w = normal_matrix(3, 64, 8);
    for (std::size_t i = 0; i < 3 * 64; ++i) {
        w.data()[i] = std::clamp(w.data()[i], -2.0f, 2.0f) * 1.6e38f;
    }
    auto const h = moments_of(correlated(90, 64, 9));
    auto const codes = gptq<scheme<bits<2>, narrow_range, per_group<16>, scale_as<float>>>(cpu{}, w, h);
    auto const decoded = dequantize(cpu{}, codes);
    float largest = 0.0f;
    for (std::size_t i = 0; i < 3 * 64; ++i) {
        REQUIRE(std::isfinite(decoded.data()[i]));
        largest = std::max(largest, std::fabs(decoded.data()[i]));
    }
    CHECK(largest == (std::numeric_limits<float>::max)());
    CHECK_THROWS_WITH((gptq<scheme<bits<4>, scale_as<f16>>>(cpu{}, w, h)),
                      ContainsSubstring("beyond the range of f16"));
}

TEST_CASE("groups whose scale becomes 0 are counted", "[quantize]") {
    auto w = normal_matrix(3, 64, 8);
    std::fill_n(w.row(1).data(), 32, 1e-40f);
    quantize_statistics statistics;
    auto const codes = gptq<scheme<bits<4>, per_group<32>, scale_as<f16>, codes_from_unrounded>>(
        cpu{}, w, moments_of(correlated(90, 64, 9)), {}, &statistics);
    CHECK(statistics.underflowed_groups == 1);
    CHECK(codes.decode(1, 5) == 0.0f);
}

TEST_CASE("P5: what gptq cannot use is an error that says why", "[quantize]") {
    auto const w = normal_matrix(3, 64, 8);
    auto const h = moments_of(correlated(90, 64, 9));
    CHECK_THROWS_WITH(gptq<int4_g32>(cpu{}, w, moments_of(correlated(90, 63, 9))),
                      ContainsSubstring("64 columns") && ContainsSubstring("63;"));
    auto bad = w;
    bad(2, 61) = std::numeric_limits<float>::infinity();
    CHECK_THROWS_WITH(gptq<int4_g32>(cpu{}, bad, h), ContainsSubstring("element [2, 61]"));
    CHECK_THROWS_WITH(gptq<q4_0>(cpu{}, normal_matrix(2, 40, 1), moments_of(correlated(90, 40, 9))),
                      ContainsSubstring("not a whole number of blocks"));
}

TEST_CASE("P15: no row and no column are no codes", "[quantize]") {
    CHECK(gptq<int4_g32>(cpu{}, matrix<float>(0, 64), moments_of(correlated(90, 64, 9))).rows() == 0);
    CHECK(gptq<int4_g32>(cpu{}, matrix<float>(3, 0), second_moments()).rows() == 3);
}
