// SPDX-License-Identifier: Apache-2.0
// expect: "a zero order needs `float index<Rounding>(float position, float zero)`"
#include <nibble/scheme.hpp>

using namespace nibble;

struct zero_somewhere {
    using axis = axis::zero_order;
    static constexpr char const* name = "somewhere";
};

constexpr int codes = scheme<bits<4>, asymmetric, zero_somewhere>::qmax;
