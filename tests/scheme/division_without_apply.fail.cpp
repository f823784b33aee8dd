// SPDX-License-Identifier: Apache-2.0
// expect: "a division needs `float apply(float x, float s)`"
#include <nibble/scheme.hpp>

using namespace nibble;

struct shift {
    using axis = axis::division;
    static constexpr char const* name = "shift";
};

constexpr int codes = scheme<bits<4>, shift>::qmax;
