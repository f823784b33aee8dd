// SPDX-License-Identifier: Apache-2.0
// What torchao makes of 20 rows of values in MXFP4 and NVFP4: tests/golden/make_microscaling.py.
#include <nibble/scheme/foreign/microscaling.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <support/foreign.hpp>
#include <vector>

using namespace nibble;

namespace {

constexpr foreign_differences none;

/// The case with its negative zeros, code 8, as the zeros that are written here, code 0; its codes live in `codes`.
golden_case with_one_zero(golden_case c, std::string& codes) {
    golden_array& array = c.arrays.at("codes");
    codes.assign(array.data, array.count());
    for (char& code : codes) {
        code = code == 8 ? '\0' : code;
    }
    array.data = codes.data();
    return c;
}

template <class S>
foreign_differences compare_to(std::string const& preset, std::string const& type) {
    golden_file const golden("microscaling");
    golden_case const& theirs = golden.find(preset, type, S::info.group);
    std::string codes;
    auto found = compare<S>(with_one_zero(theirs, codes), 0, decode_in<S>);
    // Their values are those of their codes: a code 8 there is −0 where ours is 0.
    found.rows_of_values = 0;
    auto const packed = quantize<S>(cpu{}, theirs["x"].values());
    for (std::size_t row = 0; row < packed.rows(); ++row) {
        auto const sum = checksum_of_row(packed.columns(), [&](std::size_t column) {
            bool const minus_zero = theirs["codes"].integer(row * packed.columns() + column) == 8;
            return minus_zero ? -0.0f : packed.decode(row, column);
        });
        found.rows_of_values += sum != theirs["checksums"].template at<std::uint64_t>(row) ? 1u : 0u;
    }
    return found;
}

/// The same where the matrix's scale is given: the file's is not that of its greatest value.
foreign_differences compare_two_levels(std::string const& type) {
    using S = torchao_nvfp4;
    golden_file const golden("microscaling");
    golden_case const& c = golden.find("nvfp4", type, 16);
    auto const x = c["x"].values();
    float const super = c["tensor_scale"].value(0);
    foreign_differences found;
    for (std::size_t row = 0; row < x.rows(); ++row) {
        std::vector<float> values;
        for (std::size_t first = 0; first < x.columns(); first += 16) {
            auto const group = x.row(row).subspan(first, 16);
            group_range const range = detail::range_of(group);
            group_parameters<S> p;
            fit_super_block<S>(std::span(&range, 1), std::span(&p, 1), false, super);
            auto const scale = c["scales"].at<std::uint8_t>((row * x.columns() + first) / 16);
            found.scales += p.scale.fine.bits != scale || p.scale.super != super ? 1u : 0u;
            for (std::size_t i = 0; i < group.size(); ++i) {
                int const theirs = c["codes"].integer(row * x.columns() + first + i);
                unsigned const code = encode<S>(group[i], p);
                found.codes += static_cast<int>(code) != (theirs == 8 ? 0 : theirs) ? 1u : 0u;
                values.push_back(theirs == 8 ? -0.0f : storage_of<S>::decode(code, p.scale, {}));
            }
        }
        auto const sum = checksum_of_row(values.size(), [&](std::size_t column) { return values[column]; });
        found.rows_of_values += sum != c["checksums"].at<std::uint64_t>(row) ? 1u : 0u;
    }
    return found;
}

}  // namespace

TEST_CASE("torchao_mxfp4 has torchao's codes, but for the sign of zeros, scales and values", "[scheme]") {
    CHECK(compare_to<torchao_mxfp4>("mxfp4", "f32") == none);
    CHECK(compare_to<torchao_mxfp4>("mxfp4", "bf16") == none);
    CHECK(compare_to<torchao_mxfp4_even>("mxfp4_even", "f32") == none);
    CHECK(compare_to<torchao_mxfp4_ceil>("mxfp4_ceil", "f32") == none);
    CHECK(compare_to<torchao_mxfp4_rceil>("mxfp4_rceil", "f32") == none);
}

TEST_CASE("torchao_nvfp4 has torchao's codes, but for the sign of zeros, scales and values", "[scheme]") {
    CHECK(compare_two_levels("f32") == none);
    CHECK(compare_two_levels("bf16") == none);
    CHECK(compare_to<torchao_nvfp4_block>("nvfp4_single", "f32") == none);
}

TEST_CASE("the scale of a matrix under torchao_nvfp4 is its greatest magnitude over 2688", "[scheme]") {
    matrix<float> x(2, 32);
    x(1, 20) = -1.7f;
    x(0, 3) = 0.3f;
    auto const packed = quantize<torchao_nvfp4>(cpu{}, x);
    CHECK(packed.scale(0, 0).super == 1.7f / 2688.0f);
    CHECK(packed.scale(1, 1).fine.bits == 0x7e);
    CHECK(packed.scale(1, 0).fine.bits == 0x08);
}

TEST_CASE("every case of the microscaling file is compared", "[scheme]") {
    CHECK(golden_file("microscaling").cases().size() == 8);
}
