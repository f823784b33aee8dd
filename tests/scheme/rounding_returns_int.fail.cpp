// SPDX-License-Identifier: Apache-2.0
// expect: "a rounding mode, which has `float round(float)` and `name`"
#include <nibble/scheme.hpp>

using namespace nibble;

struct to_int {
    static constexpr char const* name = "to_int";
    static constexpr int round(float x) { return static_cast<int>(x); }
};

constexpr int codes = scheme<bits<4>, to_int>::qmax;
