// SPDX-License-Identifier: Apache-2.0
// expect: "the `axis` of a policy has to be one of nibble::axis"
#include <nibble/scheme.hpp>

using namespace nibble;

struct my_axis {};

struct of_my_own {
    using axis = my_axis;
    static constexpr char const* name = "mine";
};

constexpr int codes = scheme<bits<4>, of_my_own>::qmax;
