// SPDX-License-Identifier: Apache-2.0
#include <nibble/scheme/compose.hpp>

#include <catch2/catch_test_macros.hpp>

#include <concepts>

using namespace nibble;

// Every spelling of a scheme is one type, and a default that is written out changes nothing.
static_assert(
    std::same_as<scheme<bits<4>, per_group<32>, scale_as<f16>>, scheme<scale_as<f16>, bits<4>, per_group<32>>>);
static_assert(std::same_as<scheme<bits<8>>, scheme<bits<8>, per_channel, symmetric, round_to_nearest_even, full_range,
                                                   scale_as<bf16>, absmax_over_qmax, codes_from_stored, divide>>);
static_assert(std::same_as<scheme<bits<4>, asymmetric>, scheme<min_max, asymmetric, bits<4>>>);
static_assert(quantization_scheme<scheme<bits<4>>> && !quantization_scheme<bits<4>>);

namespace {

/// A mode of the user's own: it needs a name and `round`, and nothing in the library changes.
struct round_to_even_codes {
    static constexpr char const* name = "even_codes";
    static constexpr float round(float x) { return 2.0f * round_to_nearest_even::round(x / 2.0f); }
};

}  // namespace

static_assert(std::same_as<scheme<bits<4>, round_to_even_codes>::rounding, round_to_even_codes>);

TEST_CASE("schemes that differ only in how codes are chosen share one storage", "[scheme]") {
    STATIC_CHECK(std::same_as<storage_of<scheme<bits<4>, round_half_up>>, storage_of<scheme<bits<4>, reciprocal>>>);
    STATIC_CHECK(std::same_as<storage_of<scheme<bits<4>, narrow_range>>, storage_of<scheme<bits<4>, signed_extreme>>>);
    STATIC_CHECK(!std::same_as<storage_of<scheme<bits<4>>>, storage_of<scheme<bits<4>, scale_as<f16>>>>);
    STATIC_CHECK(!std::same_as<storage_of<scheme<bits<4>>>, storage_of<scheme<bits<4>, per_group<32>>>>);
}
