// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/scheme/axis.hpp>

#include <cstddef>

namespace nibble {

/// Who shares a scale. `group` is the number of columns (the reduction dimension) that share one; 0 is the whole row.

/// One scale for the whole matrix.
struct per_tensor {
    using axis = axis::granularity;
    static constexpr char const* name = "tensor";
    static constexpr std::size_t group = 0;
};

/// One scale a row of a weight matrix, that is an output channel.
struct per_channel {
    using axis = axis::granularity;
    static constexpr char const* name = "channel";
    static constexpr std::size_t group = 0;
};

/// One scale a row of activations, that is a token.
struct per_token {
    using axis = axis::granularity;
    static constexpr char const* name = "token";
    static constexpr std::size_t group = 0;
};

/// One scale for N neighbouring columns of a row.
template <std::size_t N>
struct per_group {
    static_assert(N >= 1, "nibble: per_group<N> needs at least one column; use per_channel for one scale a row");
    using axis = axis::granularity;
    static constexpr std::size_t group = N;
};

/// A last group of fewer columns has a scale of its own: the same codes as if the row were padded with zeros.
struct short_group {
    using axis = axis::tail;
    static constexpr char const* name = "short";
};

/// A row that is not a whole number of groups is an error before anything is written.
struct reject_tail {
    using axis = axis::tail;
    static constexpr char const* name = "reject";
};

}  // namespace nibble
