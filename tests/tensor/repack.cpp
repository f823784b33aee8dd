// SPDX-License-Identifier: Apache-2.0
#include <nibble/tensor/packed_tensor.hpp>
#include <nibble/tensor/repack.hpp>

#include <catch2/catch_template_test_macros.hpp>

#include <cmath>
#include <random>
#include <support/schemes.hpp>
#include <type_traits>

using namespace nibble;

TEMPLATE_LIST_TEST_CASE("repacking keeps every code, scale and zero", "[tensor]", all_schemes) {
    using St = storage_of<TestType>;
    std::size_t const columns = St::group == 0 ? 77 : 3 * St::group;
    packed_tensor<St> packed(37, columns);
    std::mt19937 random(5);
    for (std::size_t row = 0; row < packed.rows(); ++row) {
        for (std::size_t g = 0; g < packed.groups(); ++g) {
            typename St::zero_type zero{};
            if constexpr (!std::is_empty_v<typename St::zero_type>) {
                zero = static_cast<typename St::zero_type>(static_cast<float>(random() % 16));
            }
            packed.set_scale(row, g, typename St::scale_type(std::ldexp(1.0f, static_cast<int>(random() % 8))), zero);
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
            REQUIRE(panels.decode(row, column) == packed.decode(row, column));
        }
    }
}
