// SPDX-License-Identifier: Apache-2.0
// expect: "pass repack(cpu, w) instead of w"
#include <nibble/gemm.hpp>
#include <nibble/tensor.hpp>

using namespace nibble;

auto f(matrix<float> const& x, packed_tensor<storage_of<q4_0>> const& w) { return gemm(cpu{}, x, w); }
