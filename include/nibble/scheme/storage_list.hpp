// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/scheme/presets.hpp>

#include <type_traits>

namespace nibble {

template <class... Storages>
struct storage_list {
    static_assert((!quantization_scheme<Storages> && ...),
                  "nibble: a storage_list holds storages, whatever scheme chose the codes; write storage_of<S>");
};

/// The storages that a weight of a file can have at run time; each costs its kernels. Yours join by a list of your own:
/// append<known_storages, storage_of<S>>.
using known_storages =
    storage_list<storage_of<q4_0>, storage_of<q4_1>, storage_of<q5_0>, storage_of<q5_1>, storage_of<q8_0>,
                 storage_of<q2_k>, storage_of<q3_k>, storage_of<q4_k>, storage_of<q5_k>, storage_of<q6_k>,
                 storage_of<tq2_0>, storage_of<iq4_nl>, storage_of<mxfp4>, storage_of<nvfp4_block>,
                 storage_of<int2_g32>, storage_of<int3_g32>, storage_of<int3_g64>, storage_of<int4_g32>,
                 storage_of<int4_g128>, storage_of<int4_channel>, storage_of<int8_channel>>;

namespace detail {

template <class List, class... More>
struct append;
template <class... Storages, class... More>
struct append<storage_list<Storages...>, More...> {
    using type = storage_list<Storages..., More...>;
};

template <class... Storages, class F>
bool with_storage(storage_list<Storages...>, scheme_info const& scheme, F&& f) {
    return ((Storages::stores(scheme) ? (f(std::type_identity<Storages>{}), true) : false) || ...);
}

}  // namespace detail

/// The list with more storages behind.
template <class List, class... More>
using append = typename detail::append<List, More...>::type;

/// Calls f(std::type_identity<Storage>{}) for the storage in `List` that stores `scheme`; false if there is none.
template <class List = known_storages, class F>
bool with_storage(scheme_info const& scheme, F&& f) {
    return detail::with_storage(List{}, scheme, f);
}

}  // namespace nibble
