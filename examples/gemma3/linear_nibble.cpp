// SPDX-License-Identifier: Apache-2.0
#include "linear.hpp"

NIBBLE_PROGRAM_LINEAR(nibble::int2_g32);
NIBBLE_PROGRAM_LINEAR(nibble::int3_g32);
NIBBLE_PROGRAM_LINEAR(nibble::int3_g64);
NIBBLE_PROGRAM_LINEAR(nibble::int4_g32);
NIBBLE_PROGRAM_LINEAR(nibble::int4_g128);
NIBBLE_PROGRAM_LINEAR(nibble::int4_channel);
NIBBLE_PROGRAM_LINEAR(nibble::int8_channel);
