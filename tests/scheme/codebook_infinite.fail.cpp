// SPDX-License-Identifier: Apache-2.0
// expect: "needs a finite level below zero and one above"
#include <nibble/scheme.hpp>

#include <limits>

using namespace nibble;

struct table {
    static constexpr char const* name = "table";
    static constexpr std::array<float, 3> levels{-1.0f, 1.0f, std::numeric_limits<float>::infinity()};
};

constexpr int codes = scheme<codebook<table>>::qmax;
