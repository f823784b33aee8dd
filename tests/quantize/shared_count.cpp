// SPDX-License-Identifier: Apache-2.0
#include <nibble/quantize/shared_count.hpp>
#include <nibble/tensor/thread_pool.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cstddef>

TEST_CASE("no thread's part of a shared count is lost", "[quantize]") {
    nibble::thread_pool pool(4);
    nibble::detail::shared_count count;
    pool.parallel_for(100000, [&](std::size_t begin, std::size_t end) {
        for (; begin < end; ++begin) {
            count.add(begin % 3);
        }
    });
    CHECK(count.value() == 99999);
}
