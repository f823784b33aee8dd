// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Marks a function that one definition serves on the host and, under nvcc, on the device.
#if defined(__CUDACC__)
#define NIBBLE_HD __host__ __device__
#else
#define NIBBLE_HD
#endif
