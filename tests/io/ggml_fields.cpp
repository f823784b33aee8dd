// SPDX-License-Identifier: Apache-2.0
#include <nibble/io/ggml_fields.hpp>

#include <catch2/catch_test_macros.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

using namespace nibble;

namespace {

using codes = std::array<std::uint8_t, 16>;

/// Bytes that hold elements 0 … 15, each its own number as far as it fits.
template <class Fields, std::size_t Bytes>
std::array<unsigned, Bytes> written() {
    codes counting;
    for (std::size_t e = 0; e < counting.size(); ++e) {
        counting[e] = static_cast<std::uint8_t>(e);
    }
    std::array<std::byte, Bytes> bytes{};
    Fields::write(bytes.data(), counting);
    std::array<unsigned, Bytes> result;
    for (std::size_t i = 0; i < Bytes; ++i) {
        result[i] = static_cast<unsigned>(bytes[i]);
    }
    return result;
}

template <class Fields>
void check_one_by_one() {
    std::array<std::byte, 16> together{};
    std::array<std::byte, 16> apart;
    apart.fill(std::byte{0xa5});
    constexpr std::size_t used = 16 / Fields::in_a_byte;
    codes const from{7, 250, 3, 96, 1, 0, 255, 18, 77, 34, 12, 201, 9, 5, 170, 63};
    Fields::write(together.data(), from);
    for (std::size_t e = 16; e-- > 0;) {
        Fields::set(apart.data(), e, from[e]);
    }
    CHECK(std::memcmp(together.data(), apart.data(), used) == 0);
    CHECK(apart[used % 16] == (used < 16 ? std::byte{0xa5} : together[0]));
    codes to{};
    Fields::read(apart.data(), to);
    for (std::size_t e = 0; e < 16; ++e) {
        CHECK(to[e] == (from[e] & Fields::mask));
        CHECK(to[e] == Fields::get(apart.data(), e));
    }
}

}  // namespace

TEST_CASE("runs of neighbouring elements lie in neighbouring bytes, the first run in the lowest bits", "[io]") {
    CHECK(written<ggml_fields<4, 8>, 8>() == std::array<unsigned, 8>{0x80, 0x91, 0xa2, 0xb3, 0xc4, 0xd5, 0xe6, 0xf7});
    CHECK(written<ggml_fields<4, 1>, 8>() == std::array<unsigned, 8>{0x10, 0x32, 0x54, 0x76, 0x98, 0xba, 0xdc, 0xfe});
    CHECK(written<ggml_fields<4, 4>, 8>() == std::array<unsigned, 8>{0x40, 0x51, 0x62, 0x73, 0xc8, 0xd9, 0xea, 0xfb});
    CHECK(written<ggml_fields<2, 4>, 4>() == std::array<unsigned, 4>{0x00, 0x55, 0xaa, 0xff});
    CHECK(written<ggml_fields<1, 2>, 2>() == std::array<unsigned, 2>{0x00, 0xff});
    CHECK(written<ggml_fields<1, 1>, 2>() == std::array<unsigned, 2>{0xaa, 0xaa});
}

TEST_CASE("elements written together and one by one are the same bytes", "[io]") {
    check_one_by_one<ggml_fields<1, 1>>();
    check_one_by_one<ggml_fields<1, 2>>();
    check_one_by_one<ggml_fields<2, 1>>();
    check_one_by_one<ggml_fields<2, 4>>();
    check_one_by_one<ggml_fields<4, 1>>();
    check_one_by_one<ggml_fields<4, 8>>();
    check_one_by_one<ggml_fields<8, 2>>();
}

TEST_CASE("a field read into bits of a code leaves its other bits", "[io]") {
    std::array<std::byte, 4> const bytes{std::byte{0xe4}, std::byte{0x1b}, std::byte{0xff}, std::byte{0x00}};
    codes to;
    to.fill(0xc3);
    ggml_fields<2, 1>::read(bytes.data(), to, 2);
    CHECK(to == codes{0xc3, 0xc7, 0xcb, 0xcf, 0xcf, 0xcb, 0xc7, 0xc3, 0xcf, 0xcf, 0xcf, 0xcf, 0xc3, 0xc3, 0xc3, 0xc3});
    std::array<std::byte, 4> written{};
    ggml_fields<2, 1>::write(written.data(), to, 2);
    CHECK(written == bytes);
}
