// SPDX-License-Identifier: Apache-2.0
#include <nibble/io/ggml_blocks.hpp>
#include <nibble/quantize/quantize.hpp>

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <support/golden_file.hpp>
#include <vector>

using namespace nibble;

TEMPLATE_TEST_CASE("super-blocks are ggml's, byte for byte", "[quantize]", q2_k, q3_k, q4_k, q5_k, q6_k) {
    using St = storage_of<TestType>;
    using block = ggml_block<St>;
    golden_file const file("ggml_k_encode");
    golden_case const& golden = file.find(std::string(block::name), "f32", 256);
    auto const x = golden["x"].values();
    REQUIRE(golden["blocks"].rows == x.rows());
    REQUIRE(golden["blocks"].columns == block::bytes);
    ggml_blocks<St> const theirs(reinterpret_cast<std::byte const*>(golden["blocks"].data), x.rows(), x.columns());
    auto const ours = quantize<TestType>(cpu{}, x);
    CHECK(dequantize(cpu{}, ours) == dequantize(cpu{}, theirs));
    std::size_t without_scale = 0;
    for (std::size_t row = 0; row < ours.rows(); ++row) {
        CAPTURE(row);
        for (std::size_t g = 0; g < ours.groups(); ++g) {
            CAPTURE(g);
            CHECK(ours.scale(row, g) == theirs.scale(row, g));
            CHECK(ours.zero(row, g) == theirs.zero(row, g));
            if (static_cast<float>(ours.scale(row, g)) == 0.0f) {
                ++without_scale;  // ggml keeps the codes of its search, which decode to the offset like any other
                continue;
            }
            std::vector<std::uint8_t> a(St::group);
            std::vector<std::uint8_t> b(St::group);
            ours.codes(row, g * St::group, a);
            theirs.codes(row, g * St::group, b);
            CHECK(a == b);
        }
    }
    CHECK(without_scale < ours.rows() * ours.groups() / 4);
}
