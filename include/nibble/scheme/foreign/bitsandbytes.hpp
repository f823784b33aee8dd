// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/float_bits.hpp>
#include <nibble/numeric/multiply.hpp>
#include <nibble/scheme/codebook.hpp>
#include <nibble/scheme/compose.hpp>

#include <cstddef>
#include <cstdint>

namespace nibble {

/// v = x · (1 / max(s, 10^-38)), and the float before it where that is the middle of two levels, rounded to f32: such a
/// value gets the lower code.
struct reciprocal_below_nf4_middles {
    using axis = axis::division;
    static constexpr char const* name = "reciprocal_nf4";
    NIBBLE_HD static constexpr float apply(float x, float s) {
        float const v = multiply(x, 1.0f / (s > 1e-38f ? s : 1e-38f));
        bool is_middle = false;
        for (std::size_t i = 1; i < nf4_table::levels.size(); ++i) {
            is_middle = is_middle || v == (nf4_table::levels[i - 1] + nf4_table::levels[i]) / 2.0f;
        }
        std::uint32_t const bits = detail::bits_of(v);
        return !is_middle ? v : detail::float_of(v < 0.0f ? bits + 1u : bits - 1u);
    }
};

/// NF4 of bitsandbytes, blocks of Group values: s = max|x| in f32. Its blocks run on over the ends of rows, these do
/// not, so rows are whole blocks.
///   source  bitsandbytes 0.50.2, backends/default/ops.py
template <std::size_t Group>
using bitsandbytes_nf4 =
    scheme<nf4, per_group<Group>, scale_as<float>, codes_from_unrounded, reciprocal_below_nf4_middles, reject_tail>;

}  // namespace nibble
