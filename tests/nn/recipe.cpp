// SPDX-License-Identifier: Apache-2.0
#include <nibble/nn/recipe.hpp>

#include <catch2/catch_test_macros.hpp>

#include <concepts>
#include <type_traits>

namespace nb = nibble;

using w4g32 = nb::scheme<nb::bits<4>, nb::per_group<32>, nb::scale_as<nb::f16>>;
using w8ch = nb::scheme<nb::bits<8>, nb::per_channel>;

constexpr auto recipe = nb::recipe(nb::role::embedding = nb::use<w8ch>,  //
                                   nb::role::mlp = nb::use<w4g32>,       //
                                   nb::role::otherwise = nb::keep<nb::bf16>);

static_assert(std::same_as<nb::scheme_for<recipe, nb::role::embedding>, w8ch>);
static_assert(std::same_as<nb::scheme_for<recipe, nb::role::mlp>, w4g32>);
static_assert(std::same_as<nb::scheme_for<recipe, nb::role::attention>, nb::bf16>);
static_assert(std::is_empty_v<decltype(recipe)>);

// `otherwise` speaks of weights only.
static_assert(std::same_as<nb::scheme_for<recipe, nb::role::activations>, float>);
static_assert(std::same_as<nb::scheme_for<recipe, nb::role::kv_cache>, float>);

constexpr auto all_named = nb::recipe(
    nb::role::kv_cache = nb::keep<nb::bf16>, nb::role::activations = nb::use<nb::int8_activations>,
    nb::role::mlp = nb::keep<float>, nb::role::attention = nb::keep<nb::f16>, nb::role::embedding = nb::use<nb::q8_0>);
static_assert(std::same_as<nb::scheme_for<all_named, nb::role::kv_cache>, nb::bf16>);
static_assert(std::same_as<nb::scheme_for<all_named, nb::role::activations>, nb::int8_activations>);

TEST_CASE("a recipe says in words what each role is stored as", "[nn]") {
    CHECK(nb::info_of<recipe>() == nb::recipe_info{"int8", "bf16", "int4.g32.f16", "f32", "f32"});
    CHECK(nb::info_of<all_named>() == nb::recipe_info{nb::name<nb::q8_0>(), "f16", "f32", "int8", "bf16"});
}
