// SPDX-License-Identifier: Apache-2.0
// Policies of your own: a rounding mode, a scale rule and a codebook, written as the library writes its own.
#include <nibble/nibble.hpp>
#include <nibble/quantize/check_gradient.hpp>
#include <nibble/quantize/laws.hpp>

#include <array>
#include <cmath>
#include <cstring>
#include <iostream>

namespace nb = nibble;

//! [policies]
/// Down to the even integer below or at x: half as many codes, for a grid that another system halves.
struct round_down_to_even {
    static constexpr char const* name = "down_to_even";
    NIBBLE_HD static constexpr float round(float x) { return 2.0f * nb::round_down::round(x / 2.0f); }
};

/// s = max|x| / qmax · 7/8: clips the outer eighth, which rounds the rest finer.
struct clip_an_eighth {
    using axis = nb::axis::scale_rule;
    static constexpr char const* name = "clip_an_eighth";
    NIBBLE_HD static constexpr float scale(nb::group_range range, float low, float high) {
        return nb::absmax_over_qmax::scale(range, low, high) * 0.875f;
    }
};

/// Powers of two and zero: a product by such a weight is a shift.
struct powers_of_two {
    static constexpr char const* name = "powers_of_two";
    static constexpr std::array<float, 15> levels{-64, -32, -16, -8, -4, -2, -1, 0, 1, 2, 4, 8, 16, 32, 64};
};

using coarser = nb::scheme<nb::bits<4>, nb::per_group<32>, round_down_to_even>;
using finer = nb::scheme<nb::bits<4>, nb::per_group<32>, clip_an_eighth>;
using shifts = nb::scheme<nb::codebook<powers_of_two>, nb::per_group<32>>;

// The first two change nothing that is stored: they share one packed tensor, one kernel and one file type with
// int4_g32.
static_assert(std::same_as<nb::storage_of<coarser>, nb::storage_of<nb::int4_g32>>);
static_assert(std::same_as<nb::storage_of<finer>, nb::storage_of<nb::int4_g32>>);

// What a scheme may be relied on for is tried over all of its codes while it compiles.
static_assert(nb::obeys<coarser>(nb::law::monotone | nb::law::within_step) == false);  // a step of two
static_assert(nb::check_laws<finer>() && nb::check_laws<shifts>());
static_assert(nb::obeys<shifts>(nb::law::odd | nb::law::zero | nb::law::monotone));
//! [policies]

/// Whether what was packed is what training saw, what the product multiplies by, and what the gradient belongs to.
template <class S>
bool runs_as_trained(nb::matrix<float> const& w) {
    auto const packed = nb::quantize<S>(nb::cpu{}, w);
    auto const seen = nb::fake_quantize<S>(nb::cpu{}, w);
    auto const run = nb::dequantize(nb::cpu{}, packed);
    nb::matrix<float> one(1, w.columns());
    one(0, 5) = 1.0f;
    auto const column = nb::gemm(nb::cpu{}, one, nb::repack(nb::cpu{}, packed));
    bool same = std::memcmp(seen.data(), run.data(), w.rows() * w.columns() * sizeof(float)) == 0;
    for (std::size_t row = 0; row < w.rows(); ++row) {
        same = same && column(0, row) == run(row, 5);
    }
    auto const gradient = nb::check_gradient<S>(w);
    std::cout << nb::name<S>() << ": " << to_string(gradient) << '\n';
    return same && gradient.passes();
}

int main() {
    nb::matrix<float> w(64, 256);
    for (std::size_t i = 0; i < w.rows() * w.columns(); ++i) {  // about normal: the sum of four waves
        auto const x = static_cast<float>(i);
        w.data()[i] = std::sin(x) + std::sin(1.7f * x) + std::sin(2.9f * x) + std::sin(4.3f * x);
    }
    return runs_as_trained<coarser>(w) && runs_as_trained<finer>(w) && runs_as_trained<shifts>(w) ? 0 : 1;
}
