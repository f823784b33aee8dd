// SPDX-License-Identifier: Apache-2.0
#include "recipe_job.inl"

template struct program::recipe_job<nibble::recipes::int8_channel>;
template struct program::recipe_job<nibble::recipes::int4_channel>;
template struct program::recipe_job<nibble::recipes::int4_g32>;
template struct program::recipe_job<nibble::recipes::int4_g128>;
template struct program::recipe_job<nibble::recipes::int3_g64>;
template struct program::recipe_job<nibble::recipes::int3_g32>;
template struct program::recipe_job<nibble::recipes::int2_g32>;
template struct program::recipe_job<nibble::recipes::mixed>;
