// SPDX-License-Identifier: Apache-2.0
// expect: "or another rule that fits a zero"
#include <nibble/scheme.hpp>

using namespace nibble;

struct value_rule_without_origin {
    using axis = axis::scale_rule;
    static constexpr char const* name = "no_origin";
    template <class S>
    static group_fit fit(group_values) {
        return {.scale = 1.0f};
    }
};

constexpr int codes = scheme<bits<4>, asymmetric, value_rule_without_origin>::qmax;
