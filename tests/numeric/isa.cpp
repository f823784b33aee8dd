// SPDX-License-Identifier: Apache-2.0
#include <nibble/numeric/error.hpp>
#include <nibble/numeric/isa.hpp>

#include <support/instruction_sets.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers_exception.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

using namespace nibble;

TEST_CASE("NIBBLE_ISA bounds the instruction set from above", "[numeric]") {
    using detail::best_isa_up_to;
    CHECK(best_isa_up_to("scalar") == isa::scalar);
    for (auto const* const word : {"avx2", "avx512", "avx512_bf16"}) {
        CHECK(supports(best_isa_up_to(word)));
    }
    CHECK(best_isa_up_to("avx2") <= isa::avx2);
    CHECK(best_isa_up_to("avx512") <= isa::avx512);
    CHECK(best_isa_up_to("avx512_bf16") == supported_sets().back());
    CHECK_THROWS_WITH(best_isa_up_to("sse"), Catch::Matchers::ContainsSubstring("'sse'; set it to scalar, avx2"));
}
