// SPDX-License-Identifier: Apache-2.0
#include <nibble/tensor/packed_tensor.hpp>
#include <nibble/tensor/repack.hpp>
#include <nibble/tensor/thread_pool.hpp>

#include <catch2/catch_template_test_macros.hpp>

#include <cmath>
#include <random>
#include <support/factors.hpp>
#include <support/schemes.hpp>

using namespace nibble;

TEMPLATE_LIST_TEST_CASE("repacking keeps every code, scale and zero", "[tensor]", all_schemes) {
    using St = storage_of<TestType>;
    std::size_t const columns = whole_blocks<St>(77);
    packed_tensor<St> packed(37, columns);
    std::mt19937 random(5);
    for (std::size_t row = 0; row < packed.rows(); ++row) {
        for (std::size_t g = 0; g < packed.groups(); ++g) {
            float const scale = std::ldexp(1.0f, static_cast<int>(random() % 8));
            packed.set_scale(row, g, a_factor<typename St::scale_type>(scale),
                             a_factor<typename St::zero_type>(static_cast<float>(random() % 16)));
        }
        for (std::size_t column = 0; column < columns; ++column) {
            packed.set_code(row, column, static_cast<unsigned>(random()) % (1u << St::bits));
        }
    }
    thread_pool pool(2);
    auto const panels = repack(cpu{pool}, packed);
    for (std::size_t row = 0; row < packed.rows(); ++row) {
        for (std::size_t column = 0; column < columns; ++column) {
            REQUIRE(panels.code(row, column) == packed.code(row, column));
            float const value = panels.decode(row, column);
            REQUIRE((value == packed.decode(row, column) || std::isnan(value)));
        }
    }
}
