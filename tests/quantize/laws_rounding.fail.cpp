// SPDX-License-Identifier: Apache-2.0
// 3 is skipped. The compiler names the law, and the scale, zero, code and value where it fails first.
// expect: "law_holds<nibble::law::round_trip,"
#include <nibble/quantize/laws.hpp>

using namespace nibble;

struct skips_three {
    static constexpr char const* name = "skips_three";
    static constexpr float round(float x) {
        float const nearest = round_to_nearest_even::round(x);
        return nearest == 3.0f ? 4.0f : nearest;
    }
};

static_assert(check_laws<scheme<bits<4>, per_group<32>, skips_three>>());
