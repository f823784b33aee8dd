// SPDX-License-Identifier: Apache-2.0
#include <nibble/scheme/parse.hpp>
#include <nibble/scheme/storage_list.hpp>

#include <catch2/catch_test_macros.hpp>

#include <concepts>

using namespace nibble;

namespace {

template <class List = known_storages>
int bits_of(scheme_info const& scheme) {
    int bits = 0;
    with_storage<List>(scheme, [&]<class St>(std::type_identity<St>) { bits = St::bits; });
    return bits;
}

}  // namespace

TEST_CASE("the text of a scheme finds its storage", "[scheme]") {
    CHECK(bits_of(parse_scheme("int3.g64")) == 3);
    CHECK(bits_of(parse_scheme("int3.g64.half_up")) == 3);  // rounding is no part of what is stored
    CHECK(bits_of(parse_scheme(name<q5_1>())) == 5);
    CHECK(bits_of(parse_scheme("int3.g63")) == 0);
    CHECK(bits_of(parse_scheme("int3.g64.f16")) == 0);
}

TEST_CASE("a storage in the list is found by each of its schemes' values, and by no other", "[scheme]") {
    CHECK(
        with_storage(q4_0::info, []<class St>(std::type_identity<St>) { CHECK(std::same_as<St, storage_of<q4_0>>); }));
    CHECK(storage_of<int4_g32>::stores(scheme<bits<4>, per_group<32>, round_down, narrow_range>::info));
    CHECK_FALSE(storage_of<int4_g32>::stores(q4_0::info));
}

TEST_CASE("a list can be longer than the library's", "[scheme]") {
    using mine = scheme<bits<2>, per_group<16>>;
    CHECK(bits_of(mine::info) == 0);
    CHECK(bits_of<append<known_storages, storage_of<mine>>>(mine::info) == 2);
}
