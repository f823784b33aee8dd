// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/gemm/int8_activations.hpp>
#include <nibble/numeric/bf16.hpp>
#include <nibble/numeric/f16.hpp>
#include <nibble/tensor/cpu_panel.hpp>
#include <nibble/tensor/dense_panels.hpp>
#include <nibble/tensor/matrix.hpp>

#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>
#include <utility>

/// The verbs in plain C++: the meaning of the vector sets, and the set of machines without one.
namespace nibble::scalar_set {

inline constexpr int tile_rows = 1;
inline constexpr int tile_panels = 1;
inline constexpr int float_rows = 1;

struct floats {
    float lane[16];
};
struct ints {
    std::int32_t lane[16];
};
struct bytes {
    std::uint8_t lane[64];
};

inline floats repeat(float x) {
    floats y;
    for (float& lane : y.lane) {
        lane = x;
    }
    return y;
}
inline ints repeat(std::int32_t x) {
    ints y;
    for (std::int32_t& lane : y.lane) {
        lane = x;
    }
    return y;
}
inline floats load(float const* from) {
    floats y;
    std::memcpy(y.lane, from, sizeof y.lane);
    return y;
}
inline void store(float* to, floats x) { std::memcpy(to, x.lane, sizeof x.lane); }
template <class T>
inline floats load_scales(T const* from) {
    floats y;
    for (int i = 0; i < 16; ++i) {
        y.lane[i] = static_cast<float>(from[i]);
    }
    return y;
}
/// The column Odd of a pair of columns of dense_panels.
template <int Odd, class T>
inline floats load_column(T const* pair) {
    constexpr std::size_t together = dense_panels<T>::together;
    floats y;
    for (std::size_t i = 0; i < 16; ++i) {
        y.lane[i] = static_cast<float>(pair[together == 2 ? 2 * i + Odd : 16 * Odd + i]);
    }
    return y;
}
inline ints load_zeros(std::uint8_t const* from) {
    ints y;
    for (int i = 0; i < 16; ++i) {
        y.lane[i] = from[i];
    }
    return y;
}
/// A hint that the line will be read.
inline void prefetch(void const*) {}
inline bytes load_bytes(std::uint8_t const* from) {
    bytes y;
    std::memcpy(y.lane, from, sizeof y.lane);
    return y;
}
inline bytes repeat_four(std::int8_t const* from) {
    bytes y;
    for (int i = 0; i < 16; ++i) {
        std::memcpy(y.lane + 4 * i, from, 4);
    }
    return y;
}
/// Width bits of each byte, from bit From to bit To.
template <int From, int To, int Width>
inline bytes move_field(bytes x) {
    for (std::uint8_t& lane : x.lane) {
        lane = static_cast<std::uint8_t>((lane >> From & ((1 << Width) - 1)) << To);
    }
    return x;
}
inline bytes merge(bytes a, bytes b) {
    for (int i = 0; i < 64; ++i) {
        a.lane[i] = static_cast<std::uint8_t>(a.lane[i] | b.lane[i]);
    }
    return a;
}
template <int I>
inline ints byte_of(bytes x) {
    ints y;
    for (int i = 0; i < 16; ++i) {
        y.lane[i] = x.lane[4 * i + I];
    }
    return y;
}
/// table[x] of each byte, x < 16.
inline bytes look_up(bytes x, std::uint8_t const* table) {
    for (std::uint8_t& lane : x.lane) {
        lane = table[lane];
    }
    return x;
}
/// table[x] of each lane, x < Size.
template <int Size>
inline floats look_up(ints x, float const* table) {
    floats y;
    for (int i = 0; i < 16; ++i) {
        y.lane[i] = table[x.lane[i]];
    }
    return y;
}
/// sum + the four products u8 · s8 of each lane, exact.
template <int Bits>
inline ints dot(ints sum, bytes u, bytes s) {
    for (int i = 0; i < 64; ++i) {
        sum.lane[i / 4] += u.lane[i] * static_cast<std::int8_t>(s.lane[i]);
    }
    return sum;
}
inline ints times(ints a, std::int32_t b) {
    for (std::int32_t& lane : a.lane) {
        lane *= b;
    }
    return a;
}
inline ints minus(ints a, ints b) {
    for (int i = 0; i < 16; ++i) {
        a.lane[i] -= b.lane[i];
    }
    return a;
}
inline floats to_floats(ints x) {
    floats y;
    for (int i = 0; i < 16; ++i) {
        y.lane[i] = static_cast<float>(x.lane[i]);
    }
    return y;
}
inline floats plus(floats a, floats b) {
    for (int i = 0; i < 16; ++i) {
        a.lane[i] += b.lane[i];
    }
    return a;
}
inline floats multiply(floats a, floats b) {
    for (int i = 0; i < 16; ++i) {
        a.lane[i] *= b.lane[i];
    }
    return a;
}
/// a · b + c with one rounding.
inline floats fused(floats a, floats b, floats c) {
    for (int i = 0; i < 16; ++i) {
        c.lane[i] = std::fma(a.lane[i], b.lane[i], c.lane[i]);
    }
    return c;
}
inline floats divide(floats a, floats b) {
    for (int i = 0; i < 16; ++i) {
        a.lane[i] /= b.lane[i];
    }
    return a;
}
inline ints add(ints a, ints b) {
    for (int i = 0; i < 16; ++i) {
        a.lane[i] += b.lane[i];
    }
    return a;
}
inline ints greater(ints a, ints b) {
    for (int i = 0; i < 16; ++i) {
        a.lane[i] = a.lane[i] > b.lane[i] ? a.lane[i] : b.lane[i];
    }
    return a;
}
inline void store(std::int32_t* to, ints x) { std::memcpy(to, x.lane, sizeof x.lane); }
/// The bits of |x|, which grow with it; from 0x7f800000 on infinity and NaN.
inline ints magnitude_bits(floats x) {
    ints y;
    for (int i = 0; i < 16; ++i) {
        y.lane[i] = std::bit_cast<std::int32_t>(x.lane[i]) & 0x7fffffff;
    }
    return y;
}
/// The nearest integer of |x| < 2^21, ties to even: adding 1.5 · 2^23 leaves it in the low bits of the sum.
inline ints nearest(floats x) {
    ints y;
    for (int i = 0; i < 16; ++i) {
        y.lane[i] = std::bit_cast<std::int32_t>(x.lane[i] + 12582912.0f) - std::bit_cast<std::int32_t>(12582912.0f);
    }
    return y;
}
/// The first `count` of 16 values within -128 ... 127.
inline void store_codes(std::int8_t* to, ints x, std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
        to[i] = static_cast<std::int8_t>(x.lane[i]);
    }
}

#define NIBBLE_TILE_INLINE inline
#include <nibble/gemm/cpu/mainloop.inl>
#include <nibble/gemm/cpu/quantize_segment.inl>
#undef NIBBLE_TILE_INLINE

}  // namespace nibble::scalar_set
