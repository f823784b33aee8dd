// SPDX-License-Identifier: Apache-2.0
// What AutoGPTQ's quantizer makes of 19 rows of weights: tests/golden/make_gptq.py.
#include <nibble/scheme/foreign/gptq.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cstddef>
#include <string>
#include <support/foreign.hpp>

using namespace nibble;

namespace {

constexpr foreign_differences none;

template <class S>
foreign_differences compare_to(std::string const& preset) {
    golden_file const golden("gptq");
    return compare<S>(golden.find(preset, "f32", S::info.group), 0, decode_in<S>);
}

}  // namespace

TEST_CASE("gptq_symmetric has AutoGPTQ's codes, scales and values", "[scheme]") {
    CHECK(compare_to<gptq_symmetric<4, 32>>("gptq_sym") == none);
    CHECK(compare_to<gptq_sym>("gptq_sym") == none);
    CHECK(compare_to<gptq_symmetric<8, 128>>("gptq_sym8") == none);
}

TEST_CASE("gptq_asymmetric has AutoGPTQ's codes, scales, zero points and values", "[scheme]") {
    CHECK(compare_to<gptq_asymmetric<4, 32>>("gptq_asym") == none);
}

TEST_CASE("every case of AutoGPTQ's file is compared", "[scheme]") { CHECK(golden_file("gptq").cases().size() == 4); }

TEST_CASE("a group without a negative value gets half the scale, and clips", "[scheme]") {
    STATIC_CHECK(absmax_of_gptq::scale({-15.0f, 7.0f, -15.0f}, -8, 7) == 2.0f);
    STATIC_CHECK(absmax_of_gptq::scale({0.0f, 15.0f, 15.0f}, -8, 7) == 1.0f);
}
