// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>

namespace nibble::detail {

/// A count that threads add to and one reads after them. The header of std::atomic would be a tenth of what this
/// library takes to compile.
class shared_count {
public:
    void add(std::size_t more) {
        if (more != 0) {  // mostly there is nothing, and threads need not wait for each other
            __atomic_fetch_add(&count_, more, __ATOMIC_RELAXED);
        }
    }
    std::size_t value() const { return __atomic_load_n(&count_, __ATOMIC_RELAXED); }

private:
    std::size_t count_ = 0;
};

}  // namespace nibble::detail
