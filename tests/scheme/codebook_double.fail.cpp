// SPDX-License-Identifier: Apache-2.0
// expect: "are a constexpr std::array of float"
#include <nibble/scheme.hpp>

using namespace nibble;

struct table {
    static constexpr char const* name = "table";
    static constexpr std::array<double, 3> levels{-1.0, 0.1, 1.0};
};

constexpr int codes = scheme<codebook<table>>::qmax;
