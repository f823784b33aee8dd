// SPDX-License-Identifier: Apache-2.0
#include <nibble/nn/role.hpp>

#include <catch2/catch_test_macros.hpp>

#include <string>
#include <type_traits>

using namespace nibble;

static_assert(std::is_empty_v<decltype(role::mlp)>);
static_assert(!std::is_same_v<decltype(role::mlp), decltype(role::attention)>);

template <auto Role>
inline constexpr std::string_view name_of_role = Role.name;

TEST_CASE("a role is a template argument and has a name of its own", "[nn]") {
    CHECK(name_of_role<role::embedding> == "embedding");
    CHECK(name_of_role<role::attention> == "attention");
    CHECK(name_of_role<role::mlp> == "mlp");
    CHECK(name_of_role<role::activations> == "activations");
    CHECK(name_of_role<role::kv_cache> == "kv_cache");
    CHECK(name_of_role<role::otherwise> == "otherwise");
}

TEST_CASE("an entry holds the role and the type of its choice", "[nn]") {
    using entry = decltype(role::mlp = use<q4_0>);
    STATIC_CHECK(std::is_same_v<entry::type, q4_0>);
    STATIC_CHECK(std::is_same_v<entry::role const, decltype(role::mlp)>);
    STATIC_CHECK(std::is_same_v<decltype(role::kv_cache = keep<bf16>)::type, bf16>);
}
