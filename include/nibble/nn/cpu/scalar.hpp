// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/gemm/cpu/scalar.hpp>
#include <nibble/nn/cpu/layer_kernels.hpp>
#include <nibble/numeric/float_bits.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

/// The verbs that only layers need. A product never meets plus: compilers may contract the two to one rounding, and not
/// all do, so every such place says fused.
namespace nibble::scalar_set {

inline constexpr int dot_heads = 1;      // heads in a tile of q · k, by four keys: 4, 2 and 1, or 1 alone
inline constexpr int value_vectors = 1;  // vectors of columns in a tile of Σ w v, by up to four heads

struct doubles {
    double lane[16];
};

/// The first count <= 16 lanes, zero in the others.
inline floats load_first(float const* from, std::size_t count) {
    floats y = repeat(0.0f);
    std::copy_n(from, count, y.lane);
    return y;
}
inline void store_first(float* to, floats x, std::size_t count) { std::copy_n(x.lane, count, to); }
inline floats negative(floats x) {
    for (float& lane : x.lane) {
        lane = -lane;
    }
    return x;
}
/// a > b ? a : b, so b where one of them is NaN.
inline floats maximum(floats a, floats b) {
    for (int i = 0; i < 16; ++i) {
        a.lane[i] = a.lane[i] > b.lane[i] ? a.lane[i] : b.lane[i];
    }
    return a;
}
/// a < b ? yes : no
inline floats where_less(floats a, floats b, floats yes, floats no) {
    for (int i = 0; i < 16; ++i) {
        no.lane[i] = a.lane[i] < b.lane[i] ? yes.lane[i] : no.lane[i];
    }
    return no;
}
/// x · 2^n, n in the low bits of `integer`, where x and the result are normal numbers.
inline floats add_to_exponent(floats x, floats integer) {
    for (int i = 0; i < 16; ++i) {
        x.lane[i] = detail::float_of(detail::bits_of(x.lane[i]) + (detail::bits_of(integer.lane[i]) << 23));
    }
    return x;
}
inline doubles zero_doubles() { return {}; }
inline doubles load(double const* from) {
    doubles y;
    std::copy_n(from, 16, y.lane);
    return y;
}
inline void store(double* to, doubles x) { std::copy_n(x.lane, 16, to); }
inline doubles plus(doubles sum, floats x) {
    for (int i = 0; i < 16; ++i) {
        sum.lane[i] += static_cast<double>(x.lane[i]);
    }
    return sum;
}
/// sum + x y; a product of floats is exact in double, so fused or not is the same.
inline doubles plus_product(doubles sum, floats x, floats y) {
    for (int i = 0; i < 16; ++i) {
        sum.lane[i] += static_cast<double>(x.lane[i]) * static_cast<double>(y.lane[i]);
    }
    return sum;
}
/// The tree of every sum over lanes: lane i takes lane i + 8, then i + 4, i + 2 and i + 1.
template <class T>
inline T sum_of_lanes(T (&lane)[16]) {
    for (int width = 8; width != 0; width /= 2) {
        for (int i = 0; i < width; ++i) {
            lane[i] += lane[i + width];
        }
    }
    return lane[0];
}
inline float sum(floats x) { return sum_of_lanes(x.lane); }
inline double sum(doubles x) { return sum_of_lanes(x.lane); }
/// The sums of four vectors, side by side.
inline void store_sums(float* to, floats const (&x)[4]) {
    for (int i = 0; i < 4; ++i) {
        to[i] = sum(x[i]);
    }
}

#include <nibble/nn/cpu/kernels.inl>

}  // namespace nibble::scalar_set
