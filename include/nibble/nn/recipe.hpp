// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/nn/kv_type.hpp>
#include <nibble/nn/role.hpp>
#include <nibble/scheme/name.hpp>

#include <boost/hana/at_key.hpp>
#include <boost/hana/contains.hpp>
#include <boost/hana/map.hpp>
#include <boost/hana/pair.hpp>
#include <boost/hana/type.hpp>

#include <concepts>
#include <string>
#include <type_traits>

namespace nibble {

/// The map from role to scheme. It has no state, so that a recipe can be a template argument.
template <class... Entries>
struct basic_recipe {
    static constexpr auto map = boost::hana::make_map(boost::hana::make_pair(
        boost::hana::type_c<typename Entries::role>, boost::hana::type_c<typename Entries::type>)...);
};

namespace detail {

template <class E>
inline constexpr bool is_recipe_entry = false;
template <class Role, class T>
inline constexpr bool is_recipe_entry<recipe_entry<Role, T>> = true;

template <class R>
inline constexpr bool is_recipe = false;
template <class... Entries>
inline constexpr bool is_recipe<basic_recipe<Entries...>> = true;

template <class Role, class... Entries>
inline constexpr int entries_for = (0 + ... + (std::same_as<typename Entries::role, Role> ? 1 : 0));

template <class Tag, class... Entries>
inline constexpr bool has_role = entries_for<role_of<Tag>, Entries...> != 0;

template <class... Entries>
consteval void check_roles() {
    static_assert(((entries_for<typename Entries::role, Entries...> == 1) && ...),
                  "nibble: recipe(...) takes each role at most once; remove one of the two entries of the same role");
    static_assert(has_role<otherwise_role, Entries...> ||
                      (has_role<embedding_role, Entries...> && has_role<attention_role, Entries...> &&
                       has_role<mlp_role, Entries...>),
                  "nibble: recipe(...) needs a choice for embedding, attention and mlp; name them or add "
                  "role::otherwise");
}

template <class Recipe, class Role>
consteval auto chosen() {
    static_assert(is_recipe<Recipe> && is_role<Role>,
                  "nibble: scheme_for<recipe, role> needs a value of recipe(...) and one of the roles of nibble::role");
    if constexpr (is_recipe<Recipe> && is_role<Role>) {
        constexpr auto key = boost::hana::type_c<Role>;
        constexpr auto otherwise = boost::hana::type_c<role_of<otherwise_role>>;
        constexpr bool named = decltype(boost::hana::contains(Recipe::map, key))::value;
        constexpr bool of_weights =
            !std::same_as<Role, role_of<activations_role>> && !std::same_as<Role, role_of<kv_cache_role>>;
        if constexpr (named) {
            return boost::hana::at_key(Recipe::map, key);
        } else if constexpr (of_weights) {
            return boost::hana::at_key(Recipe::map, otherwise);
        } else {
            return boost::hana::type_c<float>;
        }
    }
}

}  // namespace detail

/// A recipe from its entries `role = choice`, in any order. A role of weights without an entry gets the choice of
/// `otherwise`; activations and kv_cache stay f32 unless they have an entry of their own.
///     constexpr auto mixed = recipe(role::mlp = use<int4_g32>, role::otherwise = keep<bf16>);
template <class... Entries>
consteval auto recipe(Entries...) {
    static_assert((detail::is_recipe_entry<Entries> && ...),
                  "nibble: recipe(...) takes entries 'role = choice' only, such as role::mlp = keep<bf16>");
    if constexpr ((detail::is_recipe_entry<Entries> && ...)) {
        detail::check_roles<Entries...>();
        return basic_recipe<Entries...>{};
    }
}

/// How `Recipe` stores the values of `Role`: a scheme, float, f16 or bf16; of activations also int8_activations.
template <auto Recipe, auto Role>
using scheme_for = typename decltype(detail::chosen<std::remove_cvref_t<decltype(Recipe)>,
                                                    std::remove_cvref_t<decltype(Role)>>())::type;

/// The text of what a role is stored as: a scheme's name, "f32", "f16", "bf16", or "int8" for int8_activations.
template <class T>
std::string choice_name() {
    if constexpr (quantization_scheme<T>) {
        return name<T>();
    } else if constexpr (std::same_as<T, int8_activations>) {
        return "int8";
    } else {
        return std::string(scale_type_name<T>);
    }
}

/// A recipe as a plain value: the text of each role's choice.
struct recipe_info {
    std::string embedding;
    std::string attention;
    std::string mlp;
    std::string activations;
    std::string kv_cache;

    friend bool operator==(recipe_info const&, recipe_info const&) = default;
};

template <auto Recipe>
recipe_info info_of() {
    return {.embedding = choice_name<scheme_for<Recipe, role::embedding>>(),
            .attention = choice_name<scheme_for<Recipe, role::attention>>(),
            .mlp = choice_name<scheme_for<Recipe, role::mlp>>(),
            .activations = choice_name<scheme_for<Recipe, role::activations>>(),
            .kv_cache = std::string(name_of(kv_type_of<scheme_for<Recipe, role::kv_cache>>))};
}

}  // namespace nibble
