// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/gemm/cpu/avx2.hpp>
#include <nibble/gemm/cpu/avx512.hpp>
#include <nibble/gemm/cpu/scalar.hpp>
#include <nibble/numeric/isa.hpp>

#include <cstddef>

namespace nibble::scalar_set {

inline constexpr std::size_t block_rows = 2;
inline constexpr std::size_t block_panels = 1;
#define NIBBLE_TILE_INLINE inline
#include <nibble/gemm/cpu/dense_tile.inl>
#undef NIBBLE_TILE_INLINE

}  // namespace nibble::scalar_set

#if NIBBLE_X86_KERNELS
#define NIBBLE_TILE_INLINE [[gnu::always_inline]] inline

#include <nibble/gemm/cpu/target_avx2.inl>
namespace nibble::avx2_set {

inline constexpr std::size_t block_rows = 6;  // two registers each, and three of the 16 for the factors
inline constexpr std::size_t block_panels = 1;
#include <nibble/gemm/cpu/dense_tile.inl>

}  // namespace nibble::avx2_set
#include <nibble/gemm/cpu/target_end.inl>

#include <nibble/gemm/cpu/target_avx512.inl>
namespace nibble::avx512_set {

inline constexpr std::size_t block_rows = 12;  // a register each in two panels, and three of the 32 for the factors
inline constexpr std::size_t block_panels = 2;
#include <nibble/gemm/cpu/dense_tile.inl>

}  // namespace nibble::avx512_set
#include <nibble/gemm/cpu/target_end.inl>

#undef NIBBLE_TILE_INLINE
#endif

namespace nibble::detail {

/// dense_tiles of one instruction set, and the rows of its slabs.
struct dense_kernel {
    std::size_t rows;
    void (*tiles)(float const* a, float const* b, std::size_t m, std::size_t n, std::size_t k, float* c,
                  std::size_t stride, bool add);
};

inline dense_kernel dense_kernel_of(isa set) {
    switch (set) {
#if NIBBLE_X86_KERNELS
    case isa::avx512_bf16:
    case isa::avx512:
        return {avx512_set::block_rows, avx512_set::dense_tiles};
    case isa::avx2:
        return {avx2_set::block_rows, avx2_set::dense_tiles};
#endif
    default:
        return {scalar_set::block_rows, scalar_set::dense_tiles};
    }
}

}  // namespace nibble::detail
