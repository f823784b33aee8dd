// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <new>

namespace nibble::detail {

/// Memory from a multiple of 64 bytes on: a line of the cache, a vector of the widest instruction set.
template <class T>
struct line_allocator {
    using value_type = T;
    line_allocator() = default;
    template <class U>
    line_allocator(line_allocator<U>) {}
    T* allocate(std::size_t count) { return static_cast<T*>(::operator new(count * sizeof(T), std::align_val_t{64})); }
    void deallocate(T* from, std::size_t) { ::operator delete(from, std::align_val_t{64}); }
    friend bool operator==(line_allocator, line_allocator) { return true; }
};

}  // namespace nibble::detail
