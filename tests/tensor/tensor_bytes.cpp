// SPDX-License-Identifier: Apache-2.0
#include <nibble/tensor/packed_tensor.hpp>
#include <nibble/tensor/tensor_bytes.hpp>

#include <catch2/catch_template_test_macros.hpp>

#include <support/factors.hpp>
#include <support/schemes.hpp>

using namespace nibble;

// A row of ggml's blocks.
static_assert(tensor_bytes<q4_0>(3, 64) == 3 * 2 * 18);
static_assert(tensor_bytes<q4_1>(3, 64) == 3 * 2 * 20);
static_assert(tensor_bytes<q5_0>(3, 64) == 3 * 2 * 22);
static_assert(tensor_bytes<q5_1>(3, 64) == 3 * 2 * 24);
static_assert(tensor_bytes<q8_0>(3, 64) == 3 * 2 * 34);
static_assert(tensor_bytes<q2_k>(3, 512) == 3 * 2 * 84);
static_assert(tensor_bytes<q3_k>(3, 512) == 3 * 2 * 110);
static_assert(tensor_bytes<q4_k>(3, 512) == 3 * 2 * 144);
static_assert(tensor_bytes<q5_k>(3, 512) == 3 * 2 * 176);
static_assert(tensor_bytes<q6_k>(3, 512) == 3 * 2 * 210);
static_assert(tensor_bytes<tq2_0>(3, 512) == 3 * 2 * 66);
static_assert(tensor_bytes<iq4_nl>(3, 64) == 3 * 2 * 18);
static_assert(tensor_bytes<mxfp4>(3, 64) == 3 * 2 * 17);
static_assert(tensor_bytes<nvfp4>(3, 64) == 3 * 36 + 4);  // and the scale of the matrix

static_assert(tensor_bytes<float>(3, 5) == 60 && tensor_bytes<bf16>(3, 5) == 30 && tensor_bytes<f16>(3, 0) == 0);

// 2^24 rows of 2^20 columns: more than 32 bits count.
static_assert(tensor_bytes<int8_channel>(1u << 24, 1u << 20) == (std::uint64_t{1} << 44) + (std::uint64_t{1} << 25));

TEMPLATE_LIST_TEST_CASE("the bytes of a scheme's tensor are those of a packed tensor", "[tensor]", all_schemes) {
    using St = storage_of<TestType>;
    for (std::size_t rows : {0u, 1u, 7u}) {
        for (std::size_t columns : {0u, 1u, 31u, 32u, 37u, 64u, 129u, 192u, 512u}) {
            if (std::same_as<typename St::tail, reject_tail> && columns != whole_blocks<St>(columns)) {
                CHECK_THROWS_AS(tensor_bytes<TestType>(rows, columns), nibble::error);
            } else {
                CHECK(tensor_bytes<TestType>(rows, columns) == packed_tensor<St>(rows, columns).bytes());
            }
        }
    }
}
