// SPDX-License-Identifier: Apache-2.0
#include <nibble/gemm/gemm.hpp>
#include <nibble/numeric/bf16.hpp>
#include <nibble/numeric/e8m0.hpp>
#include <nibble/numeric/f16.hpp>
#include <nibble/scheme/presets.hpp>
#include <nibble/tensor/thread_pool.hpp>

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>
#include <gemm/operands.hpp>
#include <tensor/stub_storage.hpp>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <vector>

namespace {

using nibble::cpu;
using nibble::f32_activations;
using nibble::int8_activations;
using nibble::isa;
using nibble::matrix;

constexpr isa sets[] = {isa::scalar, isa::avx2, isa::avx512, isa::avx512_bf16};

template <class St>
int number_of(unsigned code) {
    constexpr nibble::integer_levels levels = St::grid::integers;
    return levels.has_table ? levels.table[code] : static_cast<int>(code);
}

/// The definition of the integer path: a loop over n, m and segments, with quotients rounded by nearbyint.
template <class St>
float int8_reference(nibble::matrix_view<float const> x, std::size_t row, nibble::cpu_panel_weights<St> const& w,
                     std::size_t column) {
    constexpr nibble::integer_levels levels = St::grid::integers;
    float acc = 0.0f;
    std::size_t const group = St::group == 0 ? w.k() : St::group;
    for (std::size_t begin = 0; begin < w.k();) {
        std::size_t const end = std::min({begin + 128, (begin / group + 1) * group, w.k()});
        float absmax = 0.0f;
        for (std::size_t c = begin; c < end; ++c) {
            absmax = std::max(absmax, std::fabs(x(row, c)));
        }
        float const s = absmax / 127.0f;
        int dot = 0;
        int sum = 0;
        for (std::size_t c = begin; c < end && s >= std::numeric_limits<float>::min(); ++c) {
            int const code = static_cast<int>(std::clamp(std::nearbyint(x(row, c) / s), -127.0f, 127.0f));
            dot += code * number_of<St>(w.code(column, c));
            sum += code;
        }
        float const xs = s >= std::numeric_limits<float>::min() ? s : 0.0f;
        std::size_t const g = begin / group;
        int zero = levels.bias;
        if constexpr (St::has_zero_point) {
            zero = w.zero(column, g);
        }
        float const product = levels.unit * static_cast<float>(w.scale(column, g)) * xs;
        acc = std::fma(static_cast<float>(levels.factor * dot - zero * sum), product, acc);
        if constexpr (St::has_offset) {
            float const xsum = xs * static_cast<float>(sum);
            acc = std::fma(static_cast<float>(w.zero(column, g)), xsum, acc);
        }
        begin = end;
    }
    return acc;
}

template <class St>
float f32_reference(nibble::matrix_view<float const> x, std::size_t row, nibble::cpu_panel_weights<St> const& w,
                    std::size_t column) {
    float chain[4] = {};
    for (std::size_t c = 0; c < w.k(); ++c) {
        chain[c % 4] = std::fma(x(row, c), w.decode(column, c), chain[c % 4]);
    }
    return (chain[0] + chain[1]) + (chain[2] + chain[3]);
}

template <class St>
void check_against_definition(std::size_t m, std::size_t n, std::size_t k) {
    auto const x = some_activations(m, k);
    auto const w = some_weights<St>(n, k);
    matrix<float> as_int8(m, n);
    matrix<float> as_f32(m, n);
    for (std::size_t i = 0; i < m; ++i) {
        for (std::size_t j = 0; j < n; ++j) {
            as_f32(i, j) = f32_reference(x, i, w, j);
            if constexpr (nibble::integer_grid<typename St::grid>) {
                as_int8(i, j) = int8_reference(x, i, w, j);
            } else {
                as_int8(i, j) = as_f32(i, j);
            }
        }
    }
    for (isa const set : sets) {
        if (nibble::supports(set)) {
            CAPTURE(static_cast<int>(set), m, n, k);
            CHECK(same_bits(nibble::gemm<int8_activations>(cpu{}, x, w, nibble::identity{}, set), as_int8));
            CHECK(same_bits(nibble::gemm<f32_activations>(cpu{}, x, w, nibble::identity{}, set), as_f32));
        }
    }
}

}  // namespace

TEMPLATE_TEST_CASE("both products equal the triple loop bit for bit on every instruction set", "",
                   (stub<1, 32, nibble::f16>), (stub<2, 32, float>), (stub<3, 16, nibble::f16, std::uint8_t>),
                   (stub<4, 32, nibble::f16>), (stub<4, 0, nibble::bf16, nibble::bf16>), (stub<5, 48, nibble::e8m0>),
                   (stub<6, 256, nibble::bf16>), (stub<7, 128, float, std::uint8_t>), (stub<8, 0, float>),
                   (stub<8, 32, nibble::f16, nibble::f16>), nibble::storage_of<nibble::q2_k>,
                   nibble::storage_of<nibble::q3_k>, nibble::storage_of<nibble::q4_k>, nibble::storage_of<nibble::q6_k>,
                   nibble::storage_of<nibble::tq2_0>, nibble::storage_of<nibble::iq4_nl>,
                   nibble::storage_of<nibble::mxfp4>, nibble::storage_of<nibble::nvfp4>,
                   nibble::storage_of<nibble::nf4_g64>,
                   (nibble::storage_of<nibble::scheme<nibble::bits<1>, nibble::mid_rise, nibble::per_group<32>>>),
                   (nibble::storage_of<nibble::scheme<nibble::bits<5>, nibble::mid_rise, nibble::per_group<48>>>),
                   (nibble::storage_of<nibble::scheme<nibble::bits<4>, nibble::asymmetric_middle>>),
                   (nibble::storage_of<nibble::scheme<nibble::e4m3, nibble::per_group<16>>>),
                   (nibble::storage_of<nibble::scheme<nibble::e5m2, nibble::scale_as<nibble::e4m3>>>)) {
    check_against_definition<TestType>(7, 37, 301);
    check_against_definition<TestType>(1, 16, 32);
    check_against_definition<TestType>(2, 1, 3);
    check_against_definition<TestType>(13, 50, 256);
}

TEST_CASE("P15: m, n or k of 0 is a product of that shape, and k = 0 gives the epilogue of 0") {
    using storage = stub<4, 32, nibble::f16>;
    for (std::size_t const m : {0u, 3u}) {
        for (std::size_t const n : {0u, 5u}) {
            std::vector<float> const bias(n, 2.5f);
            for (std::size_t const k : {0u, 40u}) {
                auto const x = some_activations(m, k);
                auto const w = some_weights<storage>(n, k);
                auto const y = nibble::gemm<int8_activations>(cpu{}, x, w, nibble::add_bias{bias});
                auto const z = nibble::gemm(cpu{}, x, w, nibble::add_bias{bias});
                CHECK((y.rows() == m && y.columns() == n && z.rows() == m && z.columns() == n));
                if (k == 0 && m != 0 && n != 0) {
                    CHECK((y(m - 1, n - 1) == 2.5f && z(m - 1, n - 1) == 2.5f));
                }
            }
        }
    }
}

TEST_CASE("a row of a batch has the bits of the row alone, for 1 to 9 rows") {
    auto const w = some_weights<stub<4, 32, nibble::f16>>(70, 164);
    for (isa const set : sets) {
        for (std::size_t m = 1; m <= 9 && nibble::supports(set); ++m) {
            auto const x = some_activations(m, 164);
            auto const as_int8 = nibble::gemm<int8_activations>(cpu{}, x, w, nibble::identity{}, set);
            auto const as_f32 = nibble::gemm(cpu{}, x, w, nibble::identity{}, set);
            for (std::size_t i = 0; i < m; ++i) {
                nibble::matrix_view<float const> const row(x.row(i).data(), 1, 164);
                auto const int8_alone = nibble::gemm<int8_activations>(cpu{}, row, w, nibble::identity{}, set);
                auto const f32_alone = nibble::gemm(cpu{}, row, w, nibble::identity{}, set);
                REQUIRE(std::memcmp(int8_alone.data(), as_int8.row(i).data(), 70 * 4) == 0);
                REQUIRE(std::memcmp(f32_alone.data(), as_f32.row(i).data(), 70 * 4) == 0);
            }
        }
    }
}

TEST_CASE("1 to 8 threads give the same bits") {
    auto const w = some_weights<stub<4, 32, nibble::f16>>(301, 96);
    auto const x = some_activations(9, 96);
    auto const as_int8 = nibble::gemm<int8_activations>(cpu{}, x, w);
    auto const as_f32 = nibble::gemm(cpu{}, x, w);
    for (std::size_t threads = 1; threads <= 8; ++threads) {
        nibble::thread_pool pool(threads);
        CHECK(same_bits(nibble::gemm<int8_activations>(cpu(pool), x, w), as_int8));
        CHECK(same_bits(nibble::gemm(cpu(pool), x, w), as_f32));
    }
}

namespace {

/// Wrong results of product for all pairs of a weight code and an activation code, alone and beside extreme neighbours.
template <int Bits, class Product>
int wrong_dots(Product product) {
    using storage = stub<Bits, 32, float, std::uint8_t>;
    int wrong = 0;
    for (int a = -128; a < 128; ++a) {
        for (int neighbour : {0, -128, 127}) {
            nibble::detail::int8_rows x;
            x.k = 32;
            x.stride = 32;
            x.segments = 1;
            x.codes.assign(32, static_cast<std::int8_t>(neighbour));
            x.codes[9] = static_cast<std::int8_t>(a);
            x.scales = {1.0f};
            x.sums = {31 * neighbour + a};
            int const largest = (1 << Bits) - 1;
            nibble::cpu_panel_weights<storage> w(static_cast<std::size_t>(largest + 1), 32);
            for (int u = 0; u <= largest; ++u) {
                auto const row = static_cast<std::size_t>(u);
                for (std::size_t c = 0; c < 32; ++c) {
                    w.set(row, c, static_cast<unsigned>(largest));
                }
                w.set(row, 9, static_cast<unsigned>(u));
                w.set_scale(row, 0, 1.0f, 0);
            }
            matrix<float> y(1, w.n());
            product(x, w, y);
            for (int u = 0; u <= largest; ++u) {
                int const exact = 31 * largest * neighbour + u * a;
                wrong += y(0, static_cast<std::size_t>(u)) == static_cast<float>(exact) ? 0 : 1;
            }
        }
    }
    return wrong;
}

}  // namespace

TEMPLATE_TEST_CASE_SIG("P11: the dot of all code pairs is exact, whatever stands beside them", "", ((int Bits), Bits),
                       4, 7, 8) {
    for (isa const set : sets) {
        if (nibble::supports(set)) {
            CAPTURE(static_cast<int>(set));
            CHECK(wrong_dots<Bits>([&](auto const& x, auto const& w, matrix<float>& y) {
                      nibble::detail::scratch_lines none_needed;
                      nibble::detail::product(set, x, w, 0, w.panels(), none_needed, y);
                  }) == 0);
        }
    }
}

TEST_CASE("P12, P13: sums of any length are exact: no accumulator of 32 bits, or of 16, runs over") {
    // 200,064 products of the largest codes: 255 · 127 · 200,064 is three times what an int32 holds, and the sum of a
    // segment's products, 128 · 255 · 127, far beyond f16.
    using storage = stub<8, 128, float, std::uint8_t>;
    constexpr std::size_t k = 200'064;
    nibble::cpu_panel_weights<storage> w(1, k);
    matrix<float> x(1, k);
    for (std::size_t c = 0; c < k; ++c) {
        w.set(0, c, 255);
        x(0, c) = 127.0f;
    }
    for (std::size_t g = 0; g < k / 128; ++g) {
        w.set_scale(0, g, 0x1p-20f, 0);
    }
    double const exact = 255.0 * 127.0 * static_cast<double>(k) * 0x1p-20;
    for (isa const set : sets) {
        if (nibble::supports(set)) {
            auto const y = nibble::gemm<int8_activations>(cpu{}, x, w, nibble::identity{}, set);
            // Each of 1,563 additions in f32 rounds once; the integers themselves are exact.
            CHECK(std::fabs(static_cast<double>(y(0, 0)) - exact) <= 1563 * 0x1p-24 * exact);
        }
    }
}

TEST_CASE("a segment of zeros or of values too small for a scale gives zeros, one with NaN gives NaN") {
    auto const w = some_weights<stub<4, 32, nibble::f16>>(3, 64);
    matrix<float> x(3, 64);
    x(1, 5) = 1e-37f;
    x(2, 40) = std::numeric_limits<float>::infinity();
    auto const y = nibble::gemm<int8_activations>(cpu{}, x, w);
    CHECK(y(0, 0) == 0.0f);
    CHECK(y(1, 2) == 0.0f);
    CHECK(std::isnan(y(2, 1)));
}

namespace {

template <class T>
void check_dense(std::size_t m, std::size_t n, std::size_t k) {
    random_numbers random{3};
    std::vector<T> values(n * k);
    for (T& v : values) {
        v = static_cast<T>(random.real());
    }
    nibble::dense_panels<T> w(n, k);
    w.set_panels(reinterpret_cast<std::byte const*>(values.data()), 0, w.panels());
    auto const x = some_activations(m, k);
    matrix<float> expected(m, n);
    for (std::size_t i = 0; i < m; ++i) {
        for (std::size_t j = 0; j < n; ++j) {
            float chain[4] = {};
            for (std::size_t c = 0; c < k; ++c) {
                chain[c % 4] = std::fma(x(i, c), static_cast<float>(values[j * k + c]), chain[c % 4]);
            }
            expected(i, j) = (chain[0] + chain[1]) + (chain[2] + chain[3]);
        }
    }
    for (isa const set : sets) {
        if (nibble::supports(set)) {
            CAPTURE(static_cast<int>(set), m, n, k);
            CHECK(same_bits(nibble::gemm(cpu{}, x, w, nibble::identity{}, set), expected));
            CHECK(same_bits(nibble::gemm<int8_activations>(cpu{}, x, w, nibble::identity{}, set), expected));
        }
    }
}

}  // namespace

TEMPLATE_TEST_CASE("a product with dense weights equals the triple loop bit for bit", "", float, nibble::f16,
                   nibble::bf16) {
    check_dense<TestType>(1, 37, 301);
    check_dense<TestType>(4, 16, 64);
    check_dense<TestType>(11, 50, 131);
}

TEST_CASE("a weight of run-time storage gives the product of the storage it has") {
    auto const packed = some_weights<nibble::storage_of<nibble::q4_0>>(40, 96);
    nibble::any_weight const w = packed;
    auto const x = some_activations(3, 96);
    matrix<float> y(3, 40);
    nibble::gemm_into<int8_activations>(cpu{}, x, w, y);
    CHECK(same_bits(y, nibble::gemm<int8_activations>(cpu{}, x, packed)));
}

TEST_CASE("activations and weights of different k are refused") {
    auto const w = some_weights<stub<4, 32, nibble::f16>>(3, 64);
    CHECK_THROWS_AS(nibble::gemm(cpu{}, some_activations(1, 63), w), nibble::error);
}
