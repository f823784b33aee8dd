// SPDX-License-Identifier: Apache-2.0
// expect: "exists for offsets 0, 8 and 16 only"
#include <nibble/numeric/rounding.hpp>

using namespace nibble;

float const x = nibble::truncate_after_adding<4>::round(0.5f);
