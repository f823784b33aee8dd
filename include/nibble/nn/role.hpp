// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/nn/kv_type.hpp>
#include <nibble/numeric/bf16.hpp>
#include <nibble/numeric/f16.hpp>
#include <nibble/scheme/compose.hpp>  // quantization_scheme
#include <nibble/scheme/presets.hpp>  // what use<> is given

#include <concepts>
#include <string_view>

namespace nibble {

struct int8_activations;  // gemm/gemm.hpp: one scale a token and weight group of at most 128 columns

namespace detail {

struct embedding_role {
    static constexpr std::string_view name = "embedding";
};
struct attention_role {
    static constexpr std::string_view name = "attention";
};
struct mlp_role {
    static constexpr std::string_view name = "mlp";
};
struct activations_role {
    static constexpr std::string_view name = "activations";
};
struct kv_cache_role {
    static constexpr std::string_view name = "kv_cache";
};
struct otherwise_role {
    static constexpr std::string_view name = "otherwise";
};

/// T is a float type that values are kept in.
template <class T>
concept kept_float = std::same_as<T, float> || std::same_as<T, f16> || std::same_as<T, bf16>;

/// T says how the values of a role are stored: a scheme, int8_activations or a float type.
template <class T>
struct choice {
    using type = T;
};

template <class C>
inline constexpr bool is_choice = false;
template <class T>
inline constexpr bool is_choice<choice<T>> = true;

template <class S>
consteval auto checked_use() {
    static_assert(quantization_scheme<S> || std::same_as<S, int8_activations>,
                  "nibble: use<Scheme> needs a quantization scheme such as scheme<bits<4>>; for a float type keep<T>");
    return choice<S>{};
}

template <class T>
consteval auto checked_keep() {
    static_assert(kept_float<T>, "nibble: keep<T> needs T to be float, f16 or bf16; for codes use<Scheme>");
    return choice<T>{};
}

/// What the role named by `Tag` may be stored as.
template <class Tag, class T>
consteval void check_choice() {
    if constexpr (std::same_as<Tag, activations_role>) {
        static_assert(std::same_as<T, float> || std::same_as<T, bf16> || std::same_as<T, int8_activations>,
                      "nibble: role::activations takes keep<float>, keep<bf16> or use<int8_activations>");
    } else if constexpr (std::same_as<Tag, kv_cache_role>) {
        static_assert(keeps_kv<T>,
                      "nibble: role::kv_cache takes keep<float>, keep<f16>, keep<bf16> or use<int8_token>");
    } else {
        static_assert(!std::same_as<T, int8_activations>,
                      "nibble: int8_activations is for role::activations; a role of weights takes a scheme");
    }
}

}  // namespace detail

/// One line of a recipe: `Role` is stored as `T`.
template <class Role, class T>
struct recipe_entry {
    using role = Role;
    using type = T;
};

/// What a tensor is for. A value of an empty type, so that it can be a template argument; `role = choice` is an entry
/// of a recipe and assigns nothing.
template <class Tag>
struct role_of {
    static constexpr std::string_view name = Tag::name;

    template <class Choice>
    constexpr auto operator=(Choice) const {
        static_assert(detail::is_choice<Choice>, "nibble: a role takes use<Scheme> or keep<T>");
        if constexpr (detail::is_choice<Choice>) {
            detail::check_choice<Tag, typename Choice::type>();
            return recipe_entry<role_of, typename Choice::type>{};
        }
    }
};

template <class R>
inline constexpr bool is_role = false;
template <class Tag>
inline constexpr bool is_role<role_of<Tag>> = true;

/// The roles of a recipe. Norms have none: they are float always.
namespace role {

inline constexpr role_of<detail::embedding_role> embedding{};      ///< the table of tokens, the tied head included
inline constexpr role_of<detail::attention_role> attention{};      ///< matrices q, k, v and o
inline constexpr role_of<detail::mlp_role> mlp{};                  ///< matrices gate, up and down
inline constexpr role_of<detail::activations_role> activations{};  ///< left operand of the products with weights
inline constexpr role_of<detail::kv_cache_role> kv_cache{};        ///< cached keys and values, a row a head and token
inline constexpr role_of<detail::otherwise_role> otherwise{};      ///< each role of weights that has no entry

}  // namespace role

/// The values of a role are quantized by S.
template <class S>
inline constexpr auto use = detail::checked_use<S>();

/// The values of a role stay floats, stored as T: float, f16 or bf16.
template <class T>
inline constexpr auto keep = detail::checked_keep<T>();

}  // namespace nibble
