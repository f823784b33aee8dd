// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/rounding.hpp>
#include <nibble/scheme/compose.hpp>
#include <nibble/scheme/parameter_rule.hpp>

#include <cstddef>

namespace nibble {

/// MLX: the scale that makes zero a code, the extreme of larger magnitude being exact.
///   s = ±max((max − min) / qmax, 10^-7),  + where |min| > |max|;  e = min there, else max;  n = round(e / s)
///   s = e / n,  o = e;  or where n = 0: s stays, o = 0
/// Codes are chosen before s and o are rounded to their type. n may be beyond the codes: in a group without values
/// near zero, zero is none.
///   source  MLX 0.32.4, backend/cpu/quantized.cpp; its kernels for other devices round ties away from zero
struct min_max_of_edge {
    using axis = axis::scale_rule;
    static constexpr char const* name = "min_max_edge";
    static constexpr bool serves_symmetric = false;
    static constexpr bool serves_asymmetric = true;

    template <class S>
    static constexpr stored_fit<S> parameters(group_range r) {
        using type = typename S::scale_type;
        float const steps = (r.max - r.min) / S::high;
        float const size = steps > 1e-7f ? steps : 1e-7f;
        bool const from_min = (r.min < 0 ? -r.min : r.min) > (r.max < 0 ? -r.max : r.max);
        float const edge = from_min ? r.min : r.max;
        float s = from_min ? size : -size;
        float const n = round_to_nearest_even::round(edge / s);
        float origin = 0.0f;
        if (n != 0.0f) {
            s = edge / n;
            origin = edge;
        }
        return {type(s), type(origin), s, origin};
    }
};

/// mx.quantize of weights of type T on the CPU, B bits and G columns a group.
template <int B, std::size_t G, class T = float>
using mlx_affine =
    scheme<bits<B>, asymmetric_offset, per_group<G>, scale_as<T>, min_max_of_edge, codes_from_unrounded, reject_tail>;

}  // namespace nibble
