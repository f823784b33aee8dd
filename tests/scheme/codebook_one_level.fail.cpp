// SPDX-License-Identifier: Apache-2.0
// expect: "a codebook needs 2 to 256 levels"
#include <nibble/scheme.hpp>

using namespace nibble;

struct table {
    static constexpr char const* name = "table";
    static constexpr std::array<float, 1> levels{0.0f};
};

constexpr int codes = scheme<codebook<table>>::qmax;
