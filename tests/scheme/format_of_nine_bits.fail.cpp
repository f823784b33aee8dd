// SPDX-License-Identifier: Apache-2.0
// expect: "with codes of 1 to 8 bits"
#include <nibble/scheme.hpp>

using namespace nibble;

struct nine_bits {
    using axis = axis::format;
    static constexpr char const* name = "nine";
    using grid = linear_grid<9, 256>;
};

constexpr int codes = scheme<nine_bits>::qmax;
