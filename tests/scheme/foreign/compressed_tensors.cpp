// SPDX-License-Identifier: Apache-2.0
// What compressed-tensors makes of 19 rows of weights: tests/golden/make_compressed_tensors.py.
#include <nibble/scheme/foreign/compressed_tensors.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cstddef>
#include <string>
#include <support/foreign.hpp>

using namespace nibble;

namespace {

constexpr foreign_differences none;

template <class S, class T = float>
foreign_differences compare_to(std::string const& preset, std::string const& type) {
    golden_file const golden("compressed_tensors");
    return compare<S>(golden.find(preset, type, S::info.group), 1 << (S::info.bits - 1), decode_in<S, T>);
}

}  // namespace

TEST_CASE("compressed_tensors has the package's codes, scales and values", "[scheme]") {
    CHECK(compare_to<compressed_tensors<4, 32>>("compressed_tensors_int4", "f32") == none);
    CHECK(compare_to<compressed_tensors_int4>("compressed_tensors_int4", "f32") == none);
    CHECK(compare_to<compressed_tensors<4, 32, bf16>, bf16>("compressed_tensors_int4", "bf16") == none);
    CHECK(compare_to<compressed_tensors<4, 128, bf16>, bf16>("compressed_tensors_int4", "bf16") == none);
    CHECK(compare_to<compressed_tensors<8, 128>>("compressed_tensors_int8", "f32") == none);
}

TEST_CASE("compressed_tensors_asymmetric has the package's codes, scales, zero points and values", "[scheme]") {
    CHECK(compare_to<compressed_tensors_asymmetric<4, 32>>("compressed_tensors_int4_asym", "f32") == none);
    CHECK(compare_to<compressed_tensors_asymmetric<4, 32, bf16>, bf16>("compressed_tensors_int4_asym", "bf16") == none);
}

TEST_CASE("the rows tell compressed-tensors' decisions from others", "[scheme]") {
    using after =
        scheme<bits<4>, asymmetric, per_group<32>, scale_as<float>, min_max_of_signed<float>, epsilon_for_zero<float>>;
    using multiplied = scheme<bits<4>, per_group<32>, scale_as<float>, absmax_over_half_range, codes_from_unrounded,
                              epsilon_for_zero<float>, reciprocal>;
    CHECK(compare_to<after>("compressed_tensors_int4_asym", "f32").codes == 120);
    CHECK(compare_to<multiplied>("compressed_tensors_int4", "f32").codes == 30);
}

TEST_CASE("every case of compressed-tensors' file is compared", "[scheme]") {
    CHECK(golden_file("compressed_tensors").cases().size() == 7);
}
