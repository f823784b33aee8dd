// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/tensor/backend.hpp>
#include <nibble/tensor/matrix.hpp>

#include <algorithm>
#include <cstddef>

namespace nibble {

/// x as it is read back where it is stored as T, f16 or bf16: each value rounded to nearest, ties to even.
template <class T>
matrix<float> rounded_to(cpu where, matrix_view<float const> x) {
    matrix<float> result(x.rows(), x.columns());
    where.parallel_for(x.rows(), [&](std::size_t begin, std::size_t end) {
        std::transform(x.data() + begin * x.columns(), x.data() + end * x.columns(),
                       result.data() + begin * x.columns(), [](float v) { return static_cast<float>(T(v)); });
    });
    return result;
}

}  // namespace nibble
