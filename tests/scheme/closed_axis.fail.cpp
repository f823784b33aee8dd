// SPDX-License-Identifier: Apache-2.0
// expect: "are closed decisions; take a policy of the library"
#include <nibble/scheme.hpp>

using namespace nibble;

struct wrap_around {
    using axis = axis::tail;
    static constexpr char const* name = "wrap_around";
};

constexpr int codes = scheme<bits<4>, per_group<32>, wrap_around>::qmax;
