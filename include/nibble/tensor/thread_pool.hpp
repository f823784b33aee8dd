// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <memory>
#include <mutex>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace nibble {

/// A fixed number of threads that share one loop at a time; the caller is one of them.
class thread_pool {
public:
    /// threads = 0 means one a hardware thread.
    explicit thread_pool(std::size_t threads = 0) {
        std::size_t const count = threads != 0 ? threads : std::max(1u, std::thread::hardware_concurrency());
        try {
            while (workers_.size() + 1 < count) {
                workers_.emplace_back(&thread_pool::work, this);
            }
        } catch (...) {
            stop();
            throw;
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
        {
            std::lock_guard const lock(mutex_);
            call_ = &thread_pool::invoke<body>;
            body_ = const_cast<void*>(static_cast<void const*>(std::addressof(f)));
            count_ = count;
            pieces_ = std::min(count, 4 * size());
            next_.store(0, std::memory_order_relaxed);
            failure_ = nullptr;
            running_ = workers_.size();
            ++generation_;
        }
        start_.notify_all();
        run_pieces();
        std::exception_ptr failure;
        {
            std::unique_lock lock(mutex_);
            done_.wait(lock, [this] { return running_ == 0; });
            failure = std::exchange(failure_, nullptr);
        }
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
            std::size_t const begin = piece * base + std::min(piece, longer);
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

    void work() {
        std::size_t seen = 0;
        for (;;) {
            {
                std::unique_lock lock(mutex_);
                start_.wait(lock, [&] { return stopping_ || generation_ != seen; });
                if (stopping_) {
                    return;
                }
                seen = generation_;
            }
            run_pieces();
            std::lock_guard const lock(mutex_);
            if (--running_ == 0) {
                done_.notify_one();
            }
        }
    }

    void stop() {
        {
            std::lock_guard const lock(mutex_);
            stopping_ = true;
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
    std::size_t running_ = 0;
    std::size_t generation_ = 0;
    std::exception_ptr failure_;
    std::atomic<std::size_t> next_{0};
    std::atomic<bool> busy_{false};
    bool stopping_ = false;
    std::vector<std::thread> workers_;
};

}  // namespace nibble
