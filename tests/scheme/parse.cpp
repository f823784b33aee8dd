// SPDX-License-Identifier: Apache-2.0
#include <nibble/scheme/parse.hpp>

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <support/schemes.hpp>

using namespace nibble;
using Catch::Matchers::ContainsSubstring;

TEMPLATE_LIST_TEST_CASE("the name of a scheme parses back to its value", "[scheme]", all_schemes) {
    CHECK(parse_scheme(name<TestType>()) == TestType::info);
}

TEST_CASE("a text that is no name is refused with the reason", "[scheme]") {
    CHECK_THROWS_WITH(parse_scheme(""), ContainsSubstring("must start with a format: 'int'"));
    CHECK_THROWS_WITH(parse_scheme("int9"), ContainsSubstring("1 to 8 bits"));
    CHECK_THROWS_WITH(parse_scheme("int4.g0"), ContainsSubstring("word 'g0'"));
    CHECK_THROWS_WITH(parse_scheme("int4.g32.g64"), ContainsSubstring("word 'g64'"));
    CHECK_THROWS_WITH(parse_scheme("int4.f16.f16"), ContainsSubstring("made already"));
    CHECK_THROWS_WITH(parse_scheme("int4.f16.g32"), ContainsSubstring("in order"));
    CHECK_THROWS_WITH(parse_scheme("int4.bf16"), ContainsSubstring("as in 'int4'"));
    CHECK_THROWS_WITH(parse_scheme("int4."), ContainsSubstring("word ''"));
}
