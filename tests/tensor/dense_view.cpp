// SPDX-License-Identifier: Apache-2.0
#include <nibble/numeric/f16.hpp>
#include <nibble/tensor/dense_view.hpp>

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>

#include <cstring>
#include <vector>

using namespace nibble;

TEMPLATE_TEST_CASE("P14: values are read at any address", "[tensor]", float, f16) {
    for (std::size_t offset = 0; offset < 4; ++offset) {
        std::vector<std::byte> bytes(offset + 6 * sizeof(TestType));
        for (std::size_t i = 0; i < 6; ++i) {
            auto const value = static_cast<TestType>(static_cast<float>(i));
            std::memcpy(&bytes[offset + i * sizeof value], &value, sizeof value);
        }
        dense_view<TestType> const w(bytes.data() + offset, 2, 3);
        CHECK(w(1, 2) == 5.0f);
        float row[2];
        decode_row(w, 1, 1, row);
        CHECK(row[0] == 4.0f);
        CHECK(row[1] == 5.0f);
    }
}
