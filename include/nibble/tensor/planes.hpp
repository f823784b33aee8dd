// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/host_device.hpp>

#include <array>
#include <cstddef>

namespace nibble {

/// Some bits of one code, all in one plane.
struct code_plane {
    int width;      ///< bits: 8, 4, 2 or 1, so that no field straddles a byte
    int first_bit;  ///< of the code
};

namespace detail {

constexpr std::size_t plane_count(int bits) {
    std::size_t count = 0;
    for (int width = 8; width != 0; width /= 2) {
        count += (bits & width) != 0 ? 1u : 0u;
    }
    return count;
}

}  // namespace detail

/// A code of Bits bits as planes, the widest first and on the lowest bits: 7 = 4 + 2 + 1, 3 = 2 + 1, 8 = 8.
template <int Bits>
    requires(Bits >= 1 && Bits <= 8)
inline constexpr auto planes_of = [] {
    std::array<code_plane, detail::plane_count(Bits)> planes{};
    std::size_t next = 0;
    int first_bit = 0;
    for (int width = 8; width != 0; width /= 2) {
        if ((Bits & width) != 0) {
            planes[next++] = {width, first_bit};
            first_bit += width;
        }
    }
    return planes;
}();

}  // namespace nibble
