// SPDX-License-Identifier: Apache-2.0
// expect: "a rounding mode, which has `float round(float)` and `name`"
#include <nibble/scheme.hpp>

using namespace nibble;

struct nameless {
    static constexpr float round(float x) { return x; }
};

constexpr int codes = scheme<bits<4>, nameless>::qmax;
