// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/error.hpp>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace nibble {

/// A fixed number of threads that share one loop at a time; the caller is one of them. Idle threads look for the next
/// loop for a moment and then sleep. A loop never waits for a thread that has not begun on it, so another program's
/// load on one core does not stop the rest.
class thread_pool {
public:
    /// threads = 0 means one a hardware thread. Throws nibble::error where the system gives fewer.
    explicit thread_pool(std::size_t threads = 0) {
        std::size_t const count = threads != 0 ? threads : (std::max)(1u, std::thread::hardware_concurrency());
        try {
            while (workers_.size() + 1 < count) {
                workers_.emplace_back(&thread_pool::work, this);
            }
        } catch (std::exception const& e) {
            std::size_t const had = size();
            stop();
            throw error("A thread pool of " + std::to_string(count) + " threads got " + std::to_string(had) + ": " +
                        e.what() + "; ask for fewer.");
        }
    }
    thread_pool(thread_pool const&) = delete;
    thread_pool& operator=(thread_pool const&) = delete;
    ~thread_pool() { stop(); }

    std::size_t size() const { return workers_.size() + 1; }

    /// Calls f(begin, end) for disjoint ranges that together are [0, count), and returns when all are done. Ranges are
    /// handed out as threads become free, about four a thread. The first exception of f is thrown here, after ranges
    /// already begun are done; ranges not begun are dropped. While the pool is busy (a call from inside f, or from
    /// another thread) the caller does all the work itself.
    template <class F>
    void parallel_for(std::size_t count, F&& f) {
        if (count == 0) {
            return;
        }
        if (count == 1 || workers_.empty() || busy_.exchange(true, std::memory_order_acquire)) {
            f(std::size_t{0}, count);
            return;
        }
        using body = std::remove_reference_t<F>;
        call_ = &thread_pool::invoke<body>;
        body_ = const_cast<void*>(static_cast<void const*>(std::addressof(f)));
        count_ = count;
        pieces_ = (std::min)(count, 4 * size());
        next_.store(0, std::memory_order_relaxed);
        failure_ = nullptr;
        state_.store((state_.load() | open) + one_loop);
        if (sleeping_.load() != 0) {
            std::lock_guard const lock(mutex_);
            start_.notify_all();
        }
        run_pieces();
        state_.fetch_and(~open);  // who has not come yet is not waited for
        for (int i = 0; i < spins && helpers(state_.load()) != 0; ++i) {
            pause();
        }
        if (helpers(state_.load()) != 0) {
            std::unique_lock lock(mutex_);
            done_.wait(lock, [this] { return helpers(state_.load()) == 0; });
        }
        std::exception_ptr const failure = std::exchange(failure_, nullptr);
        busy_.store(false, std::memory_order_release);
        if (failure) {
            std::rethrow_exception(failure);
        }
    }

private:
    template <class Body>
    static void invoke(void* body, std::size_t begin, std::size_t end) {
        (*static_cast<Body*>(body))(begin, end);
    }

    void run_pieces() {
        std::size_t const base = count_ / pieces_;
        std::size_t const longer = count_ % pieces_;  // the first pieces get one more
        for (;;) {
            std::size_t const piece = next_.fetch_add(1, std::memory_order_relaxed);
            if (piece >= pieces_) {
                return;
            }
            std::size_t const begin = piece * base + (std::min)(piece, longer);
            try {
                call_(body_, begin, begin + base + (piece < longer ? 1 : 0));
            } catch (...) {
                next_.store(pieces_, std::memory_order_relaxed);
                std::lock_guard const lock(mutex_);
                if (!failure_) {
                    failure_ = std::current_exception();
                }
            }
        }
    }

    // The word that threads meet at: the number of the loop, whether it takes more helpers, how many it has.
    static constexpr std::uint64_t one_loop = std::uint64_t{1} << 32;
    static constexpr std::uint64_t open = std::uint64_t{1} << 31;
    static constexpr std::uint64_t helpers(std::uint64_t state) { return state & (open - 1); }

    /// How often an idle thread looks again before it sleeps: some 20 microseconds.
    static constexpr int spins = 1000;

    static void pause() {
#if defined(__x86_64__)
        __builtin_ia32_pause();
#endif
    }

    bool stopping_or_news(std::uint64_t seen) const {
        std::uint64_t const state = state_.load();
        return stopping_.load() || ((state & open) != 0 && state / one_loop != seen);
    }

    void work() {
        std::uint64_t seen = 0;
        for (;;) {
            for (int i = 0; i < spins && !stopping_or_news(seen); ++i) {
                pause();
            }
            if (!stopping_or_news(seen)) {
                std::unique_lock lock(mutex_);
                sleeping_.fetch_add(1);
                start_.wait(lock, [&] { return stopping_or_news(seen); });
                sleeping_.fetch_sub(1);
            }
            if (stopping_.load()) {
                return;
            }
            std::uint64_t state = state_.load();
            if ((state & open) == 0 || state / one_loop == seen || !state_.compare_exchange_strong(state, state + 1)) {
                continue;
            }
            seen = state / one_loop;
            run_pieces();
            state = state_.fetch_sub(1);
            if ((state & open) == 0 && helpers(state) == 1) {
                std::lock_guard const lock(mutex_);
                done_.notify_one();
            }
        }
    }

    void stop() {
        {
            std::lock_guard const lock(mutex_);
            stopping_.store(true);
        }
        start_.notify_all();
        for (std::thread& worker : workers_) {
            worker.join();
        }
    }

    std::mutex mutex_;
    std::condition_variable start_;
    std::condition_variable done_;
    void (*call_)(void*, std::size_t, std::size_t) = nullptr;
    void* body_ = nullptr;
    std::size_t count_ = 0;
    std::size_t pieces_ = 0;
    std::exception_ptr failure_;
    std::atomic<std::size_t> next_{0};
    std::atomic<bool> busy_{false};
    std::atomic<std::uint64_t> state_{0};
    std::atomic<int> sleeping_{0};
    std::atomic<bool> stopping_{false};
    std::vector<std::thread> workers_;
};

}  // namespace nibble
