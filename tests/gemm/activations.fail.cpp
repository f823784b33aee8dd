// SPDX-License-Identifier: Apache-2.0
// expect: "activations are f32_activations, bf16_activations or int8_activations"
#include <nibble/gemm.hpp>
#include <nibble/tensor.hpp>

using namespace nibble;

auto f(matrix<float> const& x, packed_tensor<storage_of<q4_0>> const& w) {
    return gemm<float>(cpu{}, x, repack(cpu{}, w));
}
