// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <span>

namespace nibble {

/// What quantize counted on the way.
struct quantize_statistics {
    std::size_t underflowed_groups = 0;  ///< groups whose scale became 0 in its storage type: they decode to zero
    std::size_t replaced_values = 0;     ///< values that were not finite and that the options allow
};

struct quantize_options {
    /// Values that are not finite: an error, or, if true, NaN becomes the code of zero and an infinity the outermost
    /// code of its side, the scale being that of the finite values. Where these are all zero, so is the group.
    bool replace_nonfinite = false;
    /// The row of the matrix where x begins, which random numbers are counted from.
    std::size_t first_row = 0;
    /// How much the squared error of each column counts, for a scale rule that asks (an importance matrix); empty: all
    /// alike.
    std::span<float const> importance = {};
    quantize_statistics* statistics = nullptr;
};

}  // namespace nibble
