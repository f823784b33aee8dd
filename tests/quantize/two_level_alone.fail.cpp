// SPDX-License-Identifier: Apache-2.0
// expect: "shares its super scale; use fit_super_block<S>"
#include <nibble/quantize.hpp>
#include <nibble/scheme.hpp>

using namespace nibble;

auto const p = fit_group<q4_k>({-1.0f, 1.0f, 1.0f});
