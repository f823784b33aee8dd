// SPDX-License-Identifier: Apache-2.0
#include <nibble/io/ggml_type.hpp>

#include <catch2/catch_test_macros.hpp>

TEST_CASE("A ggml type is found by id and by name, a removed one is not") {
    for (auto const& type : nibble::ggml_types) {
        CHECK(nibble::find_ggml_type(type.id) == &type);
        CHECK(nibble::find_ggml_type(type.name) == &type);
    }
    CHECK(nibble::find_ggml_type(4U) == nullptr);
}
