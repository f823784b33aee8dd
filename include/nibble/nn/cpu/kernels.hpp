// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/nn/cpu/avx2.hpp>
#include <nibble/nn/cpu/avx512.hpp>
#include <nibble/nn/cpu/layer_kernels.hpp>
#include <nibble/nn/cpu/scalar.hpp>
#include <nibble/numeric/error.hpp>
#include <nibble/numeric/isa.hpp>
#include <nibble/tensor/backend.hpp>

#include <cstddef>
#include <string>

namespace nibble::detail {

/// The kernels of one instruction set; throws nibble::error, naming `function`, if the machine lacks it.
inline layer_kernels const& layers(isa set, char const* function) {
    if (!supports(set)) {
        throw error(std::string(function) +
                    " was asked for an instruction set that this machine lacks; leave the choice to best_isa()");
    }
    switch (set) {
#if NIBBLE_X86_KERNELS
    case isa::avx512_bf16:  // the layers have no products of bf16
    case isa::avx512:
        return avx512_set::layers;
    case isa::avx2:
        return avx2_set::layers;
#endif
    default:
        return scalar_set::layers;
    }
}

/// f(begin, end) over ranges that together are [0, count), each item being `elements` floats; small work stays with the
/// caller, who is done with it before a sleeping thread is awake.
template <class F>
void for_ranges(cpu where, std::size_t count, std::size_t elements, F&& f) {
    constexpr std::size_t small = 32768;
    if (count != 0 && count * elements <= small) {
        f(std::size_t{0}, count);
    } else {
        where.parallel_for(count, f);
    }
}

}  // namespace nibble::detail
