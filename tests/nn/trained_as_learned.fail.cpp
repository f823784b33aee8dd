// SPDX-License-Identifier: Apache-2.0
// expect: "nibble: a scale that is learned has to be one number"
#include <nibble/nn/trained_as.hpp>

using namespace nibble;

constexpr auto const& format = trained_as<with_learned_scale<q6_k>>;
