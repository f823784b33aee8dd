// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/scheme/axis.hpp>

#include <cstddef>

namespace nibble {

/// Who shares a scale: `rows` neighbouring rows by `group` neighbouring columns (the reduction dimension); 0 is all.

/// One scale for the whole matrix.
struct per_tensor {
    using axis = axis::granularity;
    static constexpr char const* name = "tensor";
    static constexpr std::size_t rows = 0;
    static constexpr std::size_t group = 0;
};

/// One scale a row of a weight matrix, that is an output channel.
struct per_channel {
    using axis = axis::granularity;
    static constexpr char const* name = "channel";
    static constexpr std::size_t rows = 1;
    static constexpr std::size_t group = 0;
};

/// One scale a row of activations, that is a token.
struct per_token {
    using axis = axis::granularity;
    static constexpr char const* name = "token";
    static constexpr std::size_t rows = 1;
    static constexpr std::size_t group = 0;
};

/// One scale for N neighbouring columns of a row.
template <std::size_t N>
struct per_group {
    static_assert(N >= 1, "nibble: per_group<N> needs at least one column; use per_channel for one scale a row");
    using axis = axis::granularity;
    static constexpr char const* name = "group";
    static constexpr std::size_t rows = 1;
    static constexpr std::size_t group = N;
};

/// One scale for R neighbouring rows by C neighbouring columns. A square block is the same block of the transposed
/// matrix: quantize(wᵀ) = quantize(w)ᵀ. A last block of fewer rows is a block of its own.
template <std::size_t R, std::size_t C>
struct per_block {
    static_assert(R >= 1 && C >= 1, "nibble: per_block<R, C> needs at least one row and one column");
    using axis = axis::granularity;
    static constexpr char const* name = "block";
    static constexpr std::size_t rows = R;
    static constexpr std::size_t group = C;
};

/// One scale for N neighbouring rows of a column: groups along the other axis.
template <std::size_t N>
using per_group_of_rows = per_block<N, 1>;

/// A last group of fewer columns has a scale of its own, from its own values.
struct short_group {
    using axis = axis::tail;
    static constexpr char const* name = "short";
};

/// A last group of fewer columns has a scale of its own, from its values and the zeros that would fill it up: what a
/// system gets that pads its rows. It differs from short_group where a scale depends on more than the extreme.
struct zero_padded {
    using axis = axis::tail;
    static constexpr char const* name = "zero_padded";
};

/// A row that is not a whole number of groups is an error before anything is written.
struct reject_tail {
    using axis = axis::tail;
    static constexpr char const* name = "reject";
};

}  // namespace nibble
