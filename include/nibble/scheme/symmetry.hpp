// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/scheme/axis.hpp>

#include <cstdint>

namespace nibble {

/// The zero of a scheme that has none to store.
struct no_zero {
    friend constexpr bool operator==(no_zero, no_zero) = default;
};

/// Where real zero lies. `zero_type<T>` is what is stored beside a scale of type T, `is_signed` says which codes a
/// format has under it.

/// x ≈ s · q, q signed: zero is code 0, nothing is stored.
struct symmetric {
    using axis = axis::symmetry;
    static constexpr char const* name = "symmetric";
    static constexpr bool is_signed = true;
    template <class ScaleType>
    using zero_type = no_zero;
};

/// x ≈ s · (q − z), q and z unsigned integers: real zero is exactly code z.
struct asymmetric {
    using axis = axis::symmetry;
    static constexpr char const* name = "zp";
    static constexpr bool is_signed = false;
    template <class ScaleType>
    using zero_type = std::uint8_t;
};

/// x ≈ fma(q, s, o), q unsigned, o the value of code 0, stored in the scale's type. Real zero need not be a code.
struct asymmetric_offset {
    using axis = axis::symmetry;
    static constexpr char const* name = "offset";
    static constexpr bool is_signed = false;
    template <class ScaleType>
    using zero_type = ScaleType;
};

/// x ≈ fma(q, s, o), q signed, o the value of code 0 in the middle of the range, stored in the scale's type, as
/// tinygemm and HQQ do. Real zero need not be a code.
struct asymmetric_middle {
    using axis = axis::symmetry;
    static constexpr char const* name = "middle";
    static constexpr bool is_signed = true;
    template <class ScaleType>
    using zero_type = ScaleType;
};

}  // namespace nibble
