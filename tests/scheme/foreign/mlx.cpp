// SPDX-License-Identifier: Apache-2.0
// What MLX makes of 19 rows of weights on the CPU: tests/golden/make_mlx.py.
#include <nibble/scheme/foreign/mlx.hpp>

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <support/foreign.hpp>
#include <tuple>

using namespace nibble;

namespace {

/// Code `column` of a row: the bits column · bits … of its words, least significant first.
unsigned code_of(golden_array const& words, std::size_t row, std::size_t column, int bits) {
    std::size_t const first = column * static_cast<std::size_t>(bits);
    unsigned code = 0;
    for (std::size_t bit = first; bit < first + static_cast<std::size_t>(bits); ++bit) {
        auto const word = words.at<std::uint32_t>(row * words.columns + bit / 32);
        code |= (word >> bit % 32 & 1u) << (bit - first);
    }
    return code;
}

template <class S>
void check_scheme() {
    using St = storage_of<S>;
    using type = typename S::scale_type;
    golden_file const golden("mlx");
    golden_case const& c =
        golden.find("mlx_affine", std::string(S::info.scale_type), St::group, std::to_string(S::info.bits));
    auto const packed = quantize<S>(cpu{}, c["x"].values());
    for (std::size_t row = 0; row < packed.rows(); ++row) {
        for (std::size_t column = 0; column < packed.columns(); ++column) {
            CAPTURE(row, column);
            REQUIRE(packed.code(row, column) == code_of(c["words"], row, column, S::info.bits));
        }
        for (std::size_t g = 0; g < packed.groups(); ++g) {
            CAPTURE(row, g);
            REQUIRE(packed.scale(row, g) == c["scales"].template at<type>(row * packed.groups() + g));
            REQUIRE(packed.zero(row, g) == c["biases"].template at<type>(row * packed.groups() + g));
        }
        // T(T(q · s) + o): two roundings where decode has one.
        auto const sum = checksum_of_row(packed.columns(), [&](std::size_t column) {
            std::size_t const g = packed.group_of(column);
            auto const q = static_cast<float>(packed.code(row, column));
            type const product(multiply(q, static_cast<float>(packed.scale(row, g))));
            return static_cast<float>(type(static_cast<float>(product) + static_cast<float>(packed.zero(row, g))));
        });
        REQUIRE(sum == c["checksums"].template at<std::uint64_t>(row));
    }
}

/// Every case of the file.
using mlx_schemes =
    std::tuple<mlx_affine<2, 64>, mlx_affine<3, 64>, mlx_affine<4, 64>, mlx_affine<5, 64>, mlx_affine<6, 64>,
               mlx_affine<8, 64>, mlx_affine<4, 32>, mlx_affine<4, 128>, mlx_affine<8, 128>, mlx_affine<3, 64, bf16>,
               mlx_affine<4, 64, bf16>, mlx_affine<6, 64, bf16>, mlx_affine<8, 64, bf16>, mlx_affine<4, 32, bf16>,
               mlx_affine<4, 128, bf16>, mlx_affine<4, 64, f16>, mlx_affine<8, 64, f16>>;

}  // namespace

TEMPLATE_LIST_TEST_CASE("mlx_affine has MLX's codes, scales and biases; its values are those of two roundings",
                        "[scheme]", mlx_schemes) {
    check_scheme<TestType>();
}

TEST_CASE("every case of MLX's file is compared", "[scheme]") {
    CHECK(golden_file("mlx").cases().size() == std::tuple_size_v<mlx_schemes>);
}
