// SPDX-License-Identifier: Apache-2.0
// expect: "a scale rule needs `float scale(group_range, float low, float high)`"
#include <nibble/scheme.hpp>

using namespace nibble;

struct nothing {
    using axis = axis::scale_rule;
    static constexpr char const* name = "nothing";
};

constexpr int codes = scheme<bits<4>, nothing>::qmax;
