// SPDX-License-Identifier: Apache-2.0
#include "recipe_job.inl"

template struct program::recipe_job<nibble::recipes::f32>;
template struct program::recipe_job<nibble::recipes::bf16>;
template struct program::recipe_job<nibble::recipes::f16>;
