// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/isa.hpp>

namespace nibble::detail {

#if NIBBLE_X86_KERNELS
#if defined(__clang__)
#define NIBBLE_AS_WRITTEN
#else
#define NIBBLE_AS_WRITTEN , gnu::optimize("O3", "fp-contract=off")
#endif

template <class F>
[[ gnu::flatten, gnu::target("avx2,fma,f16c") NIBBLE_AS_WRITTEN ]] void run_avx2(F const& f) {
    f();
}

template <class F>
[[
    gnu::flatten, gnu::target("avx2,fma,f16c,avx512f,avx512bw,avx512vl,avx512dq,prefer-vector-width=512")
    NIBBLE_AS_WRITTEN
]] void
run_avx512(F const& f) {
    f();
}

#undef NIBBLE_AS_WRITTEN
#endif

/// f(), compiled for the vectors of an instruction set beside what the build asks for, with the same bits: no product
/// is fused with a sum. All that f calls is compiled again for each set, so f should be loops over numbers and little
/// else.
///   set  one that the machine supports
template <class F>
void vectorized(isa set, F const& f) {
    switch (set) {
#if NIBBLE_X86_KERNELS
    case isa::avx512_bf16:
    case isa::avx512:
        return run_avx512(f);
    case isa::avx2:
        return run_avx2(f);
#endif
    default:
        return f();
    }
}

/// The same for the best set of this machine.
template <class F>
void vectorized(F const& f) {
    vectorized(best_isa(), f);
}

}  // namespace nibble::detail
