// SPDX-License-Identifier: Apache-2.0
// expect: "the levels of a codebook must rise from first to last, each once, without NaN"
#include <nibble/scheme.hpp>

#include <limits>

using namespace nibble;

struct table {
    static constexpr char const* name = "table";
    static constexpr std::array<float, 3> levels{-1.0f, std::numeric_limits<float>::quiet_NaN(), 1.0f};
};

constexpr int codes = scheme<codebook<table>>::qmax;
