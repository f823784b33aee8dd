// SPDX-License-Identifier: Apache-2.0
// expect: "takes its scale from min_max"
#include <nibble/scheme.hpp>

using namespace nibble;

constexpr int codes = scheme<bits<4>, asymmetric, absmax_over_qmax>::qmax;
