// SPDX-License-Identifier: Apache-2.0
// expect: "holds storages, whatever scheme chose the codes; write storage_of<S>"
#include <nibble/scheme.hpp>

using namespace nibble;

using list = append<known_storages, int8_token>;

constexpr list known;
