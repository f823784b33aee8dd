// SPDX-License-Identifier: Apache-2.0
#include "recipe_job.inl"

template struct program::recipe_job<nibble::recipes::q8_0>;
template struct program::recipe_job<nibble::recipes::q5_1>;
template struct program::recipe_job<nibble::recipes::q5_0>;
template struct program::recipe_job<nibble::recipes::q4_1>;
template struct program::recipe_job<nibble::recipes::q4_0>;
template struct program::recipe_job<nibble::recipes::q4_0_f16>;
template struct program::recipe_job<nibble::recipes::iq4_nl>;
template struct program::recipe_job<nibble::recipes::mxfp4>;
