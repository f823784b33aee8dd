// SPDX-License-Identifier: Apache-2.0
#include "headers.hpp"

int refuse() { throw nibble::error("thrown in one translation unit, caught in the other"); }
