// SPDX-License-Identifier: Apache-2.0
// expect: "write packed_tensor<storage_of<S>>"
#include <nibble/tensor.hpp>

using namespace nibble;

packed_tensor<int4_g32> f() { return {1, 32}; }
