// SPDX-License-Identifier: Apache-2.0
#include "recipe_job.inl"

template struct program::recipe_job<nibble::recipes::q6_k>;
template struct program::recipe_job<nibble::recipes::q5_k>;
template struct program::recipe_job<nibble::recipes::q4_k>;
template struct program::recipe_job<nibble::recipes::q3_k>;
template struct program::recipe_job<nibble::recipes::q2_k>;
