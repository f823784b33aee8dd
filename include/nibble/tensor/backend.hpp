// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/float_mode.hpp>
#include <nibble/tensor/thread_pool.hpp>

#include <cstddef>

namespace nibble {

/// Where a bulk operation runs: cpu{} on the calling thread, cpu{pool} on the threads of the user's pool, which must
/// outlive it. No result depends on which.
struct cpu {
    thread_pool* pool = nullptr;

    cpu() = default;
    explicit cpu(thread_pool& threads) : pool(&threads) {}

    /// f(begin, end) over ranges that together are [0, count), with subnormal numbers in force on every thread.
    template <class F>
    void parallel_for(std::size_t count, F&& f) const {
        auto const body = [&](std::size_t begin, std::size_t end) {
            detail::subnormals_count const mode;
            f(begin, end);
        };
        if (pool != nullptr) {
            pool->parallel_for(count, body);
        } else if (count != 0) {
            body(std::size_t{0}, count);
        }
    }
};

}  // namespace nibble
