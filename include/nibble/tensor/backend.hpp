// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/float_mode.hpp>

#include <concepts>
#include <cstddef>
#include <type_traits>

namespace nibble {

/// Where a bulk operation runs: cpu{} on the calling thread, cpu{pool} on the threads of the user's pool, which must
/// outlive it. No result depends on which. A pool has what thread_pool has: size(), and parallel_for(count, f), which
/// calls f(begin, end) for disjoint ranges that together are [0, count) and throws to its caller what one of them
/// throws.
class cpu {
public:
    cpu() = default;
    template <class Pool>
        requires requires(Pool& pool, void (*f)(std::size_t, std::size_t)) {
            { pool.size() } -> std::convertible_to<std::size_t>;
            pool.parallel_for(std::size_t{}, f);
        }
    explicit cpu(Pool& pool)
        : pool_(&pool), run_([](void* threads, std::size_t count, call f, void* body) {
              static_cast<Pool*>(threads)->parallel_for(
                  count, [=](std::size_t begin, std::size_t end) { f(body, begin, end); });
          }),
          size_([](void const* threads) { return static_cast<Pool const*>(threads)->size(); }) {}

    /// How many threads share the work.
    std::size_t threads() const { return pool_ != nullptr ? size_(pool_) : 1; }

    /// f(begin, end) over ranges that together are [0, count), with subnormal numbers in force on every thread.
    template <class F>
    void parallel_for(std::size_t count, F&& f) const {
        using body = std::remove_reference_t<F>;
        call const one = [](void* shared, std::size_t begin, std::size_t end) {
            detail::subnormals_count const mode;
            (*static_cast<body*>(shared))(begin, end);
        };
        void* const shared = const_cast<void*>(static_cast<void const*>(&f));
        if (pool_ != nullptr) {
            run_(pool_, count, one, shared);
        } else if (count != 0) {
            one(shared, 0, count);
        }
    }

private:
    using call = void (*)(void* body, std::size_t begin, std::size_t end);

    void* pool_ = nullptr;
    void (*run_)(void* pool, std::size_t count, call f, void* body) = nullptr;
    std::size_t (*size_)(void const* pool) = nullptr;
};

}  // namespace nibble
