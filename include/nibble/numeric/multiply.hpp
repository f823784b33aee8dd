// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/fma.hpp>
#include <nibble/numeric/host_device.hpp>  // NIBBLE_HD

namespace nibble {

/// a · b, rounded once whatever comes next. A compiler whose target has fused multiply-add may turn the plain product
/// and a sum that follows into one; it cannot take an fma apart, and a · b − 0 is a · b, the sign of zero included.
/// Write it where the sum that follows must see the rounded product.
NIBBLE_HD constexpr float multiply(float a, float b) {
#if defined(__FMA__) || defined(__FP_FAST_FMAF) || defined(__ARM_FEATURE_FMA) || defined(__CUDA_ARCH__)
    return fma(a, b, -0.0f);
#else
    return a * b;
#endif
}

}  // namespace nibble
