// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/tensor/backend.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <string>
#include <vector>

#include <unistd.h>

namespace program {

/// A value of /proc/<file> that is given in kB, in bytes; 0 where the system has none.
inline std::uint64_t proc_bytes(char const* file, std::string const& key) {
    std::ifstream lines(std::string("/proc/") + file);
    std::string word;
    while (lines >> word) {
        std::uint64_t kilobytes = 0;
        if (word == key + ":" && lines >> kilobytes) {
            return kilobytes * 1024;
        }
    }
    return 0;
}

/// The most memory that this process has had so far.
inline std::uint64_t peak_memory() { return proc_bytes("self/status", "VmHWM"); }

struct bandwidth {
    double bytes_per_second;
    std::uint64_t buffer_bytes;
};

/// What the threads of `where` read from memory: the best of some passes over a buffer of at least twice the
/// last-level cache, if memory allows.
inline bandwidth read_bandwidth(nibble::cpu where) {
    constexpr std::uint64_t least = std::uint64_t{256} << 20;
    constexpr std::size_t words_a_piece = std::size_t{1} << 17;
    auto const cache = static_cast<std::uint64_t>(std::max(0L, ::sysconf(_SC_LEVEL3_CACHE_SIZE)));
    std::uint64_t const wanted = std::max(least, 2 * cache);
    std::uint64_t const available = proc_bytes("meminfo", "MemAvailable");
    std::uint64_t const bytes = std::max(least / 4, available == 0 ? wanted : std::min(wanted, available / 2));

    std::size_t const pieces = static_cast<std::size_t>(bytes) / 8 / words_a_piece;
    std::vector<std::uint64_t> buffer(pieces * words_a_piece, 1);
    std::vector<std::uint64_t> sums(pieces);
    double best = 0;
    for (int pass = 0; pass < 6; ++pass) {
        auto const begin = std::chrono::steady_clock::now();
        where.parallel_for(pieces, [&](std::size_t first, std::size_t last) {
            for (std::size_t piece = first; piece < last; ++piece) {
                std::uint64_t const* const from = &buffer[piece * words_a_piece];
                std::uint64_t sum[8]{};
                for (std::size_t i = 0; i < words_a_piece; i += 8) {
                    for (std::size_t lane = 0; lane < 8; ++lane) {
                        sum[lane] += from[i + lane];
                    }
                }
                sums[piece] = sum[0] + sum[1] + sum[2] + sum[3] + sum[4] + sum[5] + sum[6] + sum[7];
            }
        });
        double const seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
        if (sums[static_cast<std::size_t>(pass) % pieces] == words_a_piece) {  // what is not read is not counted
            best = std::max(best, static_cast<double>(buffer.size() * 8) / seconds);
        }
    }
    return {best, buffer.size() * 8};
}

}  // namespace program
