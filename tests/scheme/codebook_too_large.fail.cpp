// SPDX-License-Identifier: Apache-2.0
// expect: "a codebook needs 2 to 256 levels"
#include <nibble/scheme.hpp>

using namespace nibble;

struct table {
    static constexpr char const* name = "table";
    static constexpr auto levels = [] {
        std::array<float, 300> rising{};
        for (int i = 0; i < 300; ++i) {
            rising[static_cast<std::size_t>(i)] = static_cast<float>(i - 150);
        }
        return rising;
    }();
};

constexpr int codes = scheme<codebook<table>>::qmax;
