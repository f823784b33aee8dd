// SPDX-License-Identifier: Apache-2.0
#include <nibble/numeric/f16.hpp>
#include <nibble/tensor/cpu_panel.hpp>

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>
#include <tensor/stub_storage.hpp>

#include <cstdint>
#include <vector>

static_assert(nibble::planes_of<7>.size() == 3);
static_assert(nibble::planes_of<7>[0].width == 4 && nibble::planes_of<7>[2].first_bit == 6);
static_assert(nibble::planes_of<3>[0].width == 2 && nibble::planes_of<8>[0].width == 8);

TEMPLATE_TEST_CASE_SIG("cpu_panel is a bijection: every bit of a panel belongs to one bit of one code", "",
                       ((int Bits, std::size_t Group), Bits, Group), (1, 32), (2, 0), (3, 16), (4, 48), (5, 128),
                       (6, 8), (7, 64), (8, 32)) {
    using layout = nibble::cpu_panel<stub<Bits, Group, float>>;
    std::size_t const padded = layout::padded_columns(3 * (Group == 0 ? 40 : Group) + 5);
    REQUIRE(padded % 32 == 0);
    std::size_t const bytes = padded / 32 * layout::chunk_bytes;
    std::vector<int> owners(bytes * 8);
    for (std::size_t row = 0; row < 16; ++row) {
        for (std::size_t column = 0; column < padded; ++column) {
            for (std::size_t plane = 0; plane < nibble::planes_of<Bits>.size(); ++plane) {
                auto const [byte, shift, width] = layout::at(row, column, plane);
                for (int bit = 0; bit < width; ++bit) {
                    ++owners.at(byte * 8 + static_cast<std::size_t>(shift + bit));
                }
            }
        }
    }
    CHECK(owners == std::vector<int>(owners.size(), 1));
}

TEST_CASE("each group starts a chunk, a group of 16 half a chunk") {
    CHECK(nibble::cpu_panel<stub<4, 48, float>>::padded_column(48) == 64);
    CHECK(nibble::cpu_panel<stub<4, 48, float>>::padded_column(97) == 129);
    CHECK(nibble::cpu_panel<stub<4, 16, float>>::padded_column(17) == 17);
    CHECK(nibble::cpu_panel<stub<4, 8, float>>::padded_column(9) == 33);
    CHECK(nibble::cpu_panel<stub<4, 0, float>>::padded_column(97) == 97);
}

TEMPLATE_TEST_CASE("codes, scales and zeros come back as they were set", "", (stub<3, 16, nibble::f16>),
                   (stub<7, 48, float, std::uint8_t>), (stub<8, 0, nibble::f16, nibble::f16>)) {
    using weights = nibble::cpu_panel_weights<TestType>;
    weights w(21, 101);
    REQUIRE(reinterpret_cast<std::uintptr_t>(w.codes(1)) % 64 == 0);
    auto const code_of = [](std::size_t row, std::size_t column) {
        return static_cast<unsigned>(row * 31 + column * 7) % (1u << TestType::bits);
    };
    auto const scale_of = [](std::size_t row, std::size_t g) {
        return static_cast<typename weights::scale_type>(static_cast<float>(row + 2 * g));
    };
    for (unsigned const pass : {1u, 0u}) {  // the second overwrites the inverted codes of the first
        for (std::size_t row = 0; row < w.n(); ++row) {
            for (std::size_t column = 0; column < w.k(); ++column) {
                w.set(row, column, pass != 0 ? ~code_of(row, column) : code_of(row, column));
            }
            for (std::size_t g = 0; g < w.groups(); ++g) {
                typename weights::zero_type zero{};
                if constexpr (TestType::has_zero) {
                    zero = static_cast<typename weights::zero_type>(static_cast<float>(row + g));
                }
                w.set_scale(row, g, scale_of(row, g), zero);
            }
        }
    }
    bool same = true;
    for (std::size_t row = 0; row < w.n(); ++row) {
        for (std::size_t column = 0; column < w.k(); ++column) {
            std::size_t const g = weights::layout::group_of(column);
            same = same && w.code(row, column) == code_of(row, column) &&
                   static_cast<float>(w.scale(row, g)) == static_cast<float>(row + 2 * g);
            if constexpr (TestType::has_zero) {
                same = same && static_cast<float>(w.zero(row, g)) == static_cast<float>(row + g);
            }
        }
    }
    CHECK(same);
}

TEST_CASE("weights whose size overflows are refused") {
    CHECK_THROWS_AS((nibble::cpu_panel_weights<stub<4, 32, float>>(std::size_t{1} << 40, std::size_t{1} << 40)),
                    nibble::error);
}
