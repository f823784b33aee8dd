// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>

namespace nibble::detail {

/// While it lives, subnormal numbers of this thread are numbers, whatever mode the program runs in (flush to zero,
/// denormals are zero: -Ofast sets both at start-up). The mode before comes back with its end.
class subnormals_count {
public:
#if defined(__x86_64__) && defined(__GNUC__)
    subnormals_count() : before_(read()) { write(before_ & ~0x8040u); }
    ~subnormals_count() { write(before_); }

private:
    // The clobber keeps loads and stores, and with them the arithmetic between, on their side.
    static std::uint32_t read() {
        std::uint32_t mode = 0;
        __asm__ volatile("stmxcsr %0" : "=m"(mode) : : "memory");
        return mode;
    }
    static void write(std::uint32_t mode) { __asm__ volatile("ldmxcsr %0" : : "m"(mode) : "memory"); }

    std::uint32_t before_;

public:
#elif defined(__aarch64__) && defined(__GNUC__)
    subnormals_count() : before_(read()) { write(before_ & ~(std::uint64_t{1} << 24)); }
    ~subnormals_count() { write(before_); }

private:
    static std::uint64_t read() {
        std::uint64_t mode = 0;
        __asm__ volatile("mrs %0, fpcr" : "=r"(mode) : : "memory");
        return mode;
    }
    static void write(std::uint64_t mode) { __asm__ volatile("msr fpcr, %0" : : "r"(mode) : "memory"); }

    std::uint64_t before_;

public:
#else
    subnormals_count() {}
    ~subnormals_count() {}
#endif
    subnormals_count(subnormals_count const&) = delete;
    subnormals_count& operator=(subnormals_count const&) = delete;
};

}  // namespace nibble::detail
