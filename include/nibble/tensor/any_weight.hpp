// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/bf16.hpp>
#include <nibble/numeric/f16.hpp>
#include <nibble/scheme/storage_list.hpp>
#include <nibble/tensor/cpu_panel.hpp>
#include <nibble/tensor/dense_panels.hpp>

#include <cstddef>
#include <type_traits>
#include <variant>

namespace nibble {

namespace detail {

template <class List>
struct any_weight;
template <class... Storages>
struct any_weight<storage_list<Storages...>> {
    using type =
        std::variant<dense_panels<float>, dense_panels<f16>, dense_panels<bf16>, cpu_panel_weights<Storages>...>;
};

}  // namespace detail

/// A weight matrix [n, k] of a file, whose storage is known at run time only: float values or one of the packed
/// storages of `List`. Code that works on one is written once over its type and dispatched once a product.
template <class List = known_storages>
using any_weight_of = typename detail::any_weight<List>::type;
using any_weight = any_weight_of<>;

template <class W>
inline constexpr bool is_dense = false;
template <class T>
inline constexpr bool is_dense<dense_panels<T>> = true;

template <class... Weights>
std::size_t rows_of(std::variant<Weights...> const& w) {
    return std::visit([](auto const& panels) { return panels.n(); }, w);
}
template <class... Weights>
std::size_t columns_of(std::variant<Weights...> const& w) {
    return std::visit([](auto const& panels) { return panels.k(); }, w);
}
/// Bytes in memory.
template <class... Weights>
std::size_t bytes_of(std::variant<Weights...> const& w) {
    return std::visit([](auto const& panels) { return panels.bytes(); }, w);
}

}  // namespace nibble
