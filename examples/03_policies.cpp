// SPDX-License-Identifier: Apache-2.0
// Policies of your own: a rounding mode and a scale rule, written as the library writes its own.
#include <nibble/nibble.hpp>

#include <cmath>
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
    NIBBLE_HD static constexpr float scale(nb::group_range range, int qmin, int qmax) {
        return nb::absmax_over_qmax::scale(range, qmin, qmax) * 0.875f;
    }
};

using finer = nb::scheme<nb::bits<4>, nb::per_group<32>, clip_an_eighth>;
using coarser = nb::scheme<nb::bits<4>, nb::per_group<32>, round_down_to_even>;

// Neither policy changes what is stored: both share one packed tensor, one kernel and one file type with int4_g32.
static_assert(std::same_as<nb::storage_of<finer>, nb::storage_of<nb::int4_g32>>);
static_assert(std::same_as<nb::storage_of<coarser>, nb::storage_of<nb::int4_g32>>);
//! [policies]

template <class S>
double mean_square_error(nb::matrix<float> const& w) {
    auto const seen = nb::fake_quantize<S>(nb::cpu{}, w);
    double sum = 0;
    for (std::size_t i = 0; i < w.rows() * w.columns(); ++i) {
        sum += std::pow(static_cast<double>(seen.data()[i]) - static_cast<double>(w.data()[i]), 2);
    }
    return sum / static_cast<double>(w.rows() * w.columns());
}

int main() {
    nb::matrix<float> w(64, 256);
    for (std::size_t i = 0; i < w.rows() * w.columns(); ++i) {  // about normal: the sum of four waves
        auto const x = static_cast<float>(i);
        w.data()[i] = std::sin(x) + std::sin(1.7f * x) + std::sin(2.9f * x) + std::sin(4.3f * x);
    }
    double const plain = mean_square_error<nb::int4_g32>(w);
    std::cout << nb::name<finer>() << ": " << mean_square_error<finer>(w) / plain << " of the error of "
              << nb::name<nb::int4_g32>() << '\n'
              << nb::name<coarser>() << ": " << mean_square_error<coarser>(w) / plain << '\n';
    return mean_square_error<coarser>(w) > plain ? 0 : 1;
}
