// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/error.hpp>

#include <cstdlib>
#include <initializer_list>
#include <string>
#include <string_view>

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

namespace detail {

/// The best set of this machine that is not above the one of this word; throws nibble::error for no word of a set.
inline isa best_isa_up_to(std::string_view word) {
    struct named_set {
        std::string_view name;
        isa set;
    };
    bool below = false;
    for (auto const [name, set] : {named_set{"avx512_bf16", isa::avx512_bf16}, named_set{"avx512", isa::avx512},
                                   named_set{"avx2", isa::avx2}, named_set{"scalar", isa::scalar}}) {
        below = below || name == word;
        if (below && supports(set)) {
            return set;
        }
    }
    throw error("NIBBLE_ISA is '" + std::string(word) +
                "'; set it to scalar, avx2, avx512 or avx512_bf16, or not at all");
}

}  // namespace detail

/// The best set of this machine; where the environment has NIBBLE_ISA, the best that is not above the one of this name:
/// to see what a smaller machine would do. Throws nibble::error where it names none. Asked once a process.
inline isa best_isa() {
    static isa const best = [] {
        char const* const word = std::getenv("NIBBLE_ISA");
        return detail::best_isa_up_to(word == nullptr ? "avx512_bf16" : word);
    }();
    return best;
}

}  // namespace nibble
