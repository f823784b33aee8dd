// SPDX-License-Identifier: Apache-2.0
// expect: "a policy needs a `name`, its word in the text of a scheme"
#include <nibble/scheme.hpp>

using namespace nibble;

struct nameless {
    using axis = axis::scale_rule;
    static constexpr float scale(group_range range, float, float high) { return range.max / high; }
};

constexpr int codes = scheme<bits<4>, nameless>::qmax;
