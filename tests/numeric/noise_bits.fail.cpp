// SPDX-License-Identifier: Apache-2.0
// expect: "stochastic<NoiseBits> needs NoiseBits to be 8, 16 or 32"
#include <nibble/numeric/stochastic.hpp>

float const x = nibble::stochastic<12>::round(0.5f, 0);
