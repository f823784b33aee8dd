// SPDX-License-Identifier: Apache-2.0
#include <nibble/io/gguf_writer.hpp>
#include <nibble/io/stored_tensor.hpp>
#include <nibble/quantize/quantize.hpp>

#include <catch2/catch_test_macros.hpp>

#include <cmath>
#include <support/scratch_folder.hpp>

using namespace nibble;

namespace {

matrix<float> waves(std::size_t rows, std::size_t columns) {
    matrix<float> x(rows, columns);
    for (std::size_t i = 0; i < rows * columns; ++i) {
        x.data()[i] = std::sin(static_cast<float>(i));
    }
    return x;
}

matrix<float> values_of(stored_tensor const& t) {
    matrix<float> x(t.rows, t.columns);
    with_view(t, [&](auto const& view) {
        for (std::size_t row = 0; row < t.rows; ++row) {
            decode_row(view, row, 0, x.row(row));
        }
    });
    return x;
}

}  // namespace

TEST_CASE("a matrix of raw planes in a GGUF file is used where it lies", "[io]") {
    auto const packed = quantize<int3_g64>(cpu{}, waves(5, 100));
    scratch_folder const folder;
    auto const path = folder / "planes.gguf";
    gguf_writer writer;
    writer.add(scheme_key("w"), std::string_view(name<int3_g64>()));
    std::int32_t const shape[]{5, 100};
    writer.add(shape_key("w"), std::span<std::int32_t const>(shape));
    std::uint64_t const dims[]{packed.bytes()};
    writer.add_tensor("w", *find_ggml_type("I8"), dims);
    writer.start(path);
    writer.write(packed.view().bytes());
    writer.commit();
    auto const file = gguf_file::open(path);
    auto const t = stored(file, file.tensor("w"));
    CHECK(t.rows == 5);
    CHECK(t.columns == 100);
    CHECK(t.format() == "int3.g64");
    CHECK(values_of(t) == dequantize(cpu{}, packed));
}

TEST_CASE("formats without code and bytes that do not fit a shape are refused", "[io]") {
    std::vector<std::byte> const bytes(144);
    CHECK(values_of({"w", 1, 256, bytes, "Q4_K", {}}).columns() == 256);
    CHECK_THROWS_AS(values_of({"w", 1, 256, std::span(bytes).first(136), "IQ4_XS", {}}), error);
    CHECK_THROWS_AS(values_of({"w", 1, 37, bytes, "F32", {}}), error);
    CHECK(values_of({"w", 2, 18, bytes, "F32", {}}).rows() == 2);
    CHECK_THROWS_AS(values_of({"w", 1, 64, bytes, {}, parse_scheme("int3.g63")}), error);
    CHECK_THROWS_AS(values_of({"w", 1, 64, bytes, {}, parse_scheme("int3.g64")}), error);
}
