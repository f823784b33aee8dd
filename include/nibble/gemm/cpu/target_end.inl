// SPDX-License-Identifier: Apache-2.0
// The end of what a target_*.inl began.
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif
