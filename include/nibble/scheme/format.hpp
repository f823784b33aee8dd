// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/scheme/axis.hpp>

namespace nibble {

/// Integer codes of N bits, 1 <= N <= 8.
///   signed (symmetric)     q in [-2^(N-1), 2^(N-1) - 1], stored as q + 2^(N-1)
///   unsigned (asymmetric)  q in [0, 2^N - 1], stored as it is
template <int N>
struct bits {
    static_assert(N >= 1 && N <= 8, "nibble: bits<N> needs 1 <= N <= 8; a code is stored in at most one byte");
    using axis = axis::format;
    static constexpr int count = N;
};

/// All codes are used: [-2^(N-1), 2^(N-1) - 1].
struct full_range {
    using axis = axis::range;
    static constexpr char const* name = "full";
};

/// The lowest signed code is not used, so that the range is symmetric: [-(2^(N-1) - 1), 2^(N-1) - 1].
struct narrow_range {
    using axis = axis::range;
    static constexpr char const* name = "narrow";
};

}  // namespace nibble
