// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include <unistd.h>

namespace program {

/// A line on stderr about work that takes more than a second: what, how much of it, for how long. Only on a terminal;
/// the line goes away with the object.
class progress {
public:
    explicit progress(std::string what) : what_(std::move(what)) {
        if (::isatty(STDERR_FILENO) == 1) {
            painter_ = std::thread([this] { paint(); });
        }
    }
    progress(progress const&) = delete;
    progress& operator=(progress const&) = delete;
    ~progress() {
        if (painter_.joinable()) {
            {
                std::lock_guard const lock(mutex_);
                ended_ = true;
            }
            woken_.notify_one();
            painter_.join();
        }
    }

    /// May be called by any thread.
    void operator()(std::uint64_t done, std::uint64_t total) {
        total_.store(total, std::memory_order_relaxed);
        done_.store(done, std::memory_order_relaxed);
    }

    /// What the line says behind the rest.
    void note(std::string text) {
        std::lock_guard const lock(mutex_);
        note_ = ", " + std::move(text);
    }

private:
    void paint() {
        using namespace std::chrono;
        auto const begin = steady_clock::now();
        bool painted = false;
        std::unique_lock lock(mutex_);
        while (!woken_.wait_for(lock, painted ? milliseconds(200) : milliseconds(1000), [this] { return ended_; })) {
            std::uint64_t const total = total_.load(std::memory_order_relaxed);
            std::uint64_t const done = done_.load(std::memory_order_relaxed);
            double const seconds = duration<double>(steady_clock::now() - begin).count();
            if (total != 0) {
                double const percent = 100 * static_cast<double>(done) / static_cast<double>(total);
                std::fprintf(stderr, "\r\033[K%s: %.0f %%, %.0f s%s", what_.c_str(), percent, seconds, note_.c_str());
            } else {
                std::fprintf(stderr, "\r\033[K%s: %.0f s", what_.c_str(), seconds);
            }
            painted = true;
        }
        if (painted) {
            std::fputs("\r\033[K", stderr);
        }
    }

    std::string what_;
    std::string note_;
    std::atomic<std::uint64_t> done_{0};
    std::atomic<std::uint64_t> total_{0};
    std::mutex mutex_;
    std::condition_variable woken_;
    bool ended_ = false;
    std::thread painter_;
};

}  // namespace program
