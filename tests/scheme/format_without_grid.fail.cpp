// SPDX-License-Identifier: Apache-2.0
// expect: "a format needs a `grid`, as grid.hpp describes it"
#include <nibble/scheme.hpp>

using namespace nibble;

struct posit {
    using axis = axis::format;
    static constexpr char const* name = "posit";
};

constexpr int codes = scheme<posit>::qmax;
