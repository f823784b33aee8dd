// SPDX-License-Identifier: Apache-2.0
#include "linear.hpp"

NIBBLE_PROGRAM_LINEAR(nibble::q4_0);
NIBBLE_PROGRAM_LINEAR(nibble::q4_1);
NIBBLE_PROGRAM_LINEAR(nibble::q5_0);
NIBBLE_PROGRAM_LINEAR(nibble::q5_1);
NIBBLE_PROGRAM_LINEAR(nibble::q8_0);
NIBBLE_PROGRAM_LINEAR(nibble::iq4_nl);
NIBBLE_PROGRAM_LINEAR(nibble::mxfp4);
