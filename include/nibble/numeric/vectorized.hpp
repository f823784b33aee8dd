// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/isa.hpp>

namespace nibble::detail {

// A build that does not optimize, to look for faults, is not to spend its time on optimizing these.
#if !defined(__OPTIMIZE__)
#define NIBBLE_AS_WRITTEN
#elif defined(__clang__)
#define NIBBLE_AS_WRITTEN [[gnu::flatten]]
#else
#define NIBBLE_AS_WRITTEN [[gnu::flatten, gnu::optimize("O3", "fp-contract=off")]]
#endif
#if defined(__clang__)
#define NIBBLE_WHOLE_VECTORS ""
#else
#define NIBBLE_WHOLE_VECTORS ",prefer-vector-width=512"
#endif
#define NIBBLE_AVX2 "avx2,fma,f16c"
#define NIBBLE_AVX512 NIBBLE_AVX2 ",avx512f,avx512bw,avx512vl,avx512dq" NIBBLE_WHOLE_VECTORS

template <class F>
NIBBLE_AS_WRITTEN void run_plain(F const& f) {
    f();
}

#if NIBBLE_X86_KERNELS
template <class F>
NIBBLE_AS_WRITTEN [[gnu::target(NIBBLE_AVX2)]] void run_avx2(F const& f) {
    f();
}

template <class F>
NIBBLE_AS_WRITTEN [[gnu::target(NIBBLE_AVX512)]] void run_avx512(F const& f) {
    f();
}
#endif

#undef NIBBLE_AS_WRITTEN
#undef NIBBLE_WHOLE_VECTORS
#undef NIBBLE_AVX2
#undef NIBBLE_AVX512

/// f(), compiled for the vectors of an instruction set beside what the build asks for. All that f calls is compiled
/// again for each set, so f should be loops over numbers and little else.
///   set     one that the machine supports
///   result  the same bits for every set where the sum that follows a product is in a statement of its own: GCC fuses
///           nothing here, Clang within an expression, or wherever it can under -ffp-contract=fast
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
        return run_plain(f);
    }
}

/// The same for the best set of this machine.
template <class F>
void vectorized(F const& f) {
    vectorized(best_isa(), f);
}

}  // namespace nibble::detail
