// SPDX-License-Identifier: Apache-2.0
// Training and inference see the same numbers: fake_quantize, the packed tensor and every product kernel agree on every
// code under every scale. The hidden cases, test_gemm "[exhaustive]", take all bit patterns of the scales.
#include "check_parity.hpp"

#include <nibble/scheme/name.hpp>

#include <catch2/catch_template_test_macros.hpp>

#include <cstdio>
#include <support/schemes.hpp>

using namespace nibble;

namespace {

counts total;

}  // namespace

TEMPLATE_LIST_TEST_CASE("fake_quantize, packed tensors and kernels agree on every code under scales of every kind",
                        "[parity]", all_schemes) {
    using T = typename TestType::scale_type;
    bool const small = sizeof(T) == 1;
    auto const count = check_parity<TestType>(small ? 0 : 5, small ? 1 : 331);
    CHECK(count.decoded > 0);
    CHECK(count.refused * 8 < count.quantized);
}

TEMPLATE_LIST_TEST_CASE("fake_quantize, packed tensors and kernels agree on every code under every scale",
                        "[.exhaustive]", all_schemes) {
    auto const count = check_parity<TestType>(0, 1);
    CHECK(count.refused * 8 < count.quantized);
    std::printf("%-60s %12llu codes under a scale, %12llu values quantized\n", name<TestType>().c_str(),
                static_cast<unsigned long long>(count.decoded), static_cast<unsigned long long>(count.quantized));
    total.decoded += count.decoded;
    total.quantized += count.quantized;
}

TEST_CASE("the number of cases", "[.exhaustive]") {
    std::printf("%-60s %12llu codes under a scale, %12llu values quantized\n", "all schemes",
                static_cast<unsigned long long>(total.decoded), static_cast<unsigned long long>(total.quantized));
    CHECK(total.decoded == 177'975'302);  // docs/proof.md
    CHECK(total.quantized == 578'123'104);
}
