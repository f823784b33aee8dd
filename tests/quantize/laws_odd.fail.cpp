// SPDX-License-Identifier: Apache-2.0
// Adding 1/2 sends ties up, so it is not odd as it says.
// expect: "law_holds<nibble::law::odd,"
#include <nibble/quantize/laws.hpp>

using namespace nibble;

struct add_half_and_floor {
    static constexpr char const* name = "add_half";
    static constexpr bool is_nearest = true;
    static constexpr bool is_odd = true;
    static constexpr float round(float x) { return round_down::round(x + 0.5f); }
};

static_assert(check_laws<scheme<bits<4>, narrow_range, per_group<32>, add_half_and_floor>>());
