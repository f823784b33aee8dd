// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <initializer_list>

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
    avx2,         ///< AVX2, FMA, F16C
    avx512,       ///< AVX-512 F, BW, VL, DQ, VNNI
    avx512_bf16,  ///< and BF16, which bf16 activations use; for all else the kernels of avx512
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
    case isa::avx512_bf16:
        return supports(isa::avx512) && __builtin_cpu_supports("avx512bf16");
#else
    default:
        return false;
#endif
    }
    return false;
}

inline isa best_isa() {
    for (isa const set : {isa::avx512_bf16, isa::avx512, isa::avx2}) {
        if (supports(set)) {
            return set;
        }
    }
    return isa::scalar;
}

}  // namespace nibble
