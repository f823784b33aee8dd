// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Whether the vector sets of x86-64 can be compiled here; elsewhere (and under nvcc) there is the scalar set alone.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__CUDACC__)
#define NIBBLE_X86_KERNELS 1
#else
#define NIBBLE_X86_KERNELS 0
#endif

namespace nibble {

/// Instruction sets of the CPU kernels, each faster than the one before it.
enum class isa {
    scalar,
    avx2,    ///< AVX2, FMA, F16C
    avx512,  ///< AVX-512 F, BW, VL, DQ, VNNI
};

/// Whether this machine and its operating system run the set.
inline bool supports(isa set) {
    switch (set) {
    case isa::scalar:
        return true;
#if NIBBLE_X86_KERNELS
    case isa::avx2:
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("f16c");
    case isa::avx512:
        return supports(isa::avx2) && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
               __builtin_cpu_supports("avx512vnni");
#else
    default:
        return false;
#endif
    }
    return false;
}

inline isa best_isa() { return supports(isa::avx512) ? isa::avx512 : supports(isa::avx2) ? isa::avx2 : isa::scalar; }

}  // namespace nibble
