// SPDX-License-Identifier: Apache-2.0
#include <nibble/numeric/float_mode.hpp>

#include <catch2/catch_test_macros.hpp>

#if defined(__x86_64__)
#include <immintrin.h>

TEST_CASE("subnormals count inside, and the mode before comes back", "[numeric]") {
    float const volatile tiny = 0x1p-140f;
    float const volatile two = 2.0f;
    unsigned const before = _mm_getcsr();
    _mm_setcsr(before | 0x8040u);
    float volatile flushed = tiny * two;  // stores, which stay on their side of a change of mode
    float volatile kept = 0;
    {
        nibble::detail::subnormals_count const mode;
        kept = tiny * two;
    }
    unsigned const after = _mm_getcsr();
    _mm_setcsr(before);
    CHECK(flushed == 0.0f);
    CHECK(kept == 0x1p-139f);
    CHECK((after & 0x8040u) == 0x8040u);
}
#endif
