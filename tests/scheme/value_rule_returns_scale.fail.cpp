// SPDX-License-Identifier: Apache-2.0
// expect: "a scale rule needs `float scale(group_range, float low, float high)`"
#include <nibble/scheme.hpp>

using namespace nibble;

struct returns_scale {
    using axis = axis::scale_rule;
    static constexpr char const* name = "returns_scale";
    template <class S>
    static float fit(group_values) {
        return 1.0f;
    }
};

constexpr int codes = scheme<bits<4>, returns_scale>::qmax;
