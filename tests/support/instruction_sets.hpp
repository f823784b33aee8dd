// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/isa.hpp>

#include <vector>

/// The instruction sets that this machine can run.
inline std::vector<nibble::isa> supported_sets() {
    std::vector<nibble::isa> sets;
    for (auto const set : {nibble::isa::scalar, nibble::isa::avx2, nibble::isa::avx512, nibble::isa::avx512_bf16}) {
        if (nibble::supports(set)) {
            sets.push_back(set);
        }
    }
    return sets;
}
