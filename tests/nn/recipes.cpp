// SPDX-License-Identifier: Apache-2.0
#include <nibble/nn/recipes.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <concepts>
#include <set>
#include <string_view>
#include <type_traits>

using namespace nibble;

static_assert(std::same_as<scheme_for<recipes::q4_0, role::embedding>, q4_0>);
static_assert(std::same_as<scheme_for<recipes::q4_0_f16, role::embedding>, f16>);
static_assert(std::same_as<scheme_for<recipes::q4_0_f16, role::mlp>, q4_0>);
static_assert(std::same_as<scheme_for<recipes::q4_k, role::embedding>, q6_k>);
static_assert(std::same_as<scheme_for<recipes::q4_k, role::attention>, q4_k>);
static_assert(std::same_as<scheme_for<recipes::mxfp4, role::embedding>, q8_0>);
static_assert(std::same_as<scheme_for<recipes::mixed, role::attention>, int4_g32>);

TEST_CASE("every recipe has a name of its own, by which it is found", "[nn]") {
    std::set<std::string_view> names;
    for_each_recipe([&](auto const& entry) {
        CHECK(names.insert(entry.name).second);
        CHECK_FALSE(entry.description.empty());
        with_recipe(entry.name, [&](auto const& found) {
            CHECK(info_of<std::remove_cvref_t<decltype(found)>::recipe>() ==
                  info_of<std::remove_cvref_t<decltype(entry)>::recipe>());
        });
    });
    CHECK(names.size() == 24);
}

TEST_CASE("integer weights meet int8 activations, float weights meet f32", "[nn]") {
    for_each_recipe([](auto entry) {
        constexpr bool is_integer = quantization_scheme<scheme_for<entry.recipe, role::mlp>>;
        using activations = scheme_for<entry.recipe, role::activations>;
        STATIC_CHECK(std::same_as<activations, std::conditional_t<is_integer, int8_activations, float>>);
    });
}

TEST_CASE("an unknown recipe is refused with the names there are", "[nn]") {
    CHECK_THROWS_WITH(with_recipe("q9_k", [](auto const&) {}),
                      Catch::Matchers::ContainsSubstring("'q9_k' is not the name of a recipe") &&
                          Catch::Matchers::ContainsSubstring("f32, bf16"));
}
