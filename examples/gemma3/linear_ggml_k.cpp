// SPDX-License-Identifier: Apache-2.0
#include "linear.hpp"

NIBBLE_PROGRAM_LINEAR(nibble::q2_k);
NIBBLE_PROGRAM_LINEAR(nibble::q3_k);
NIBBLE_PROGRAM_LINEAR(nibble::q4_k);
NIBBLE_PROGRAM_LINEAR(nibble::q5_k);
NIBBLE_PROGRAM_LINEAR(nibble::q6_k);
NIBBLE_PROGRAM_LINEAR(nibble::tq2_0);
NIBBLE_PROGRAM_LINEAR(nibble::nvfp4_block);
