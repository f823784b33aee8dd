// SPDX-License-Identifier: Apache-2.0
#include <nibble/io/gguf_writer.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <sstream>
#include <support/scratch_folder.hpp>

using namespace nibble;
using Catch::Matchers::ContainsSubstring;
namespace fs = std::filesystem;

namespace {

std::vector<std::byte> counted(std::size_t size) {
    std::vector<std::byte> bytes(size);
    for (std::size_t i = 0; i < size; ++i) {
        bytes[i] = static_cast<std::byte>(i * 7 + 1);
    }
    return bytes;
}

void declare(gguf_writer& writer, std::string_view name, std::string_view type,
             std::vector<std::uint64_t> const& dims) {
    writer.add_tensor(name, *find_ggml_type(type), dims);
}

/// `source` parsed and written again.
std::string rewritten(gguf_file const& source, fs::path const& to) {
    gguf_writer writer;
    for (auto const& pair : source.metadata()) {
        writer.add(pair);
    }
    for (auto const& tensor : source.tensors()) {
        writer.add_tensor(tensor.name, *tensor.type, std::span(tensor.dims).first(tensor.rank));
    }
    writer.start(to);
    for (auto const& tensor : source.tensors()) {
        writer.write(tensor.bytes);
    }
    writer.commit();
    CHECK(fs::file_size(to) == writer.file_bytes());
    return text_of(to);
}

}  // namespace

static_assert(gguf_type_of<bool>() == gguf_type::boolean);
static_assert(gguf_type_of<std::uint8_t>() == gguf_type::u8 && gguf_type_of<std::int8_t>() == gguf_type::i8);
static_assert(gguf_type_of<std::uint16_t>() == gguf_type::u16 && gguf_type_of<std::int16_t>() == gguf_type::i16);
static_assert(gguf_type_of<std::uint32_t>() == gguf_type::u32 && gguf_type_of<std::int32_t>() == gguf_type::i32);
static_assert(gguf_type_of<std::uint64_t>() == gguf_type::u64 && gguf_type_of<std::int64_t>() == gguf_type::i64);
static_assert(gguf_type_of<float>() == gguf_type::f32 && gguf_type_of<double>() == gguf_type::f64);

TEST_CASE("Pairs of every type and tensors of several are read back as they were written", "[io]") {
    scratch_folder const folder;
    fs::path const path = folder.path / "m.gguf";
    std::vector<float> const scores{-1.5F, 0};
    std::vector<std::int32_t> const kinds{3, -1};
    std::vector<std::string_view> const tokens{"a", "", "\xe2\x96\x81z"};

    gguf_writer writer;
    writer.add("general.architecture", "gemma3");
    writer.add("u8", std::uint8_t{200});
    writer.add("i8", std::int8_t{-100});
    writer.add("u16", std::uint16_t{60000});
    writer.add("i16", std::int16_t{-30000});
    writer.add("u32", std::uint32_t{4000000000U});
    writer.add("i32", std::int32_t{-2000000000});
    writer.add("u64", std::uint64_t{1} << 63U);
    writer.add("i64", std::int64_t{-1} << 40U);
    writer.add("f32", 0.1F);
    writer.add("f64", 0.1);
    writer.add("yes", true);
    writer.add("empty", "");
    writer.add("scores", scores);
    writer.add("kinds", kinds);
    writer.add("tokens", tokens);
    writer.add("none", std::span<float const>());
    declare(writer, "f", "F32", {3});
    declare(writer, "nothing", "BF16", {4, 0});
    declare(writer, "q", "Q4_0", {64, 3});
    declare(writer, "k", "Q6_K", {256, 1, 2, 1});
    auto const f = counted(12), q = counted(6 * 18), k = counted(2 * 210);
    CHECK(writer.data_bytes() == f.size() + q.size() + k.size());
    writer.start(path);
    writer.write(f);
    for (auto const& byte : q) {
        writer.write({&byte, 1});
    }
    writer.write(k);
    writer.commit();
    CHECK(fs::file_size(path) == writer.file_bytes());

    auto const file = gguf_file::open(path);
    CHECK(file.metadata().size() == 17);
    CHECK(file.at("general.architecture").as_string() == "gemma3");
    CHECK(file.at("u8").as_uint() == 200);
    CHECK(file.at("i8").as_int() == -100);
    CHECK(file.at("u16").as_uint() == 60000);
    CHECK(file.at("i16").as_int() == -30000);
    CHECK(file.at("u32").as_uint() == 4000000000U);
    CHECK(file.at("i32").as_int() == -2000000000);
    CHECK(file.at("u64").as_uint() == std::uint64_t{1} << 63U);
    CHECK(file.at("i64").as_int() == std::int64_t{-1} << 40U);
    CHECK(file.at("f32").as_float() == static_cast<double>(0.1F));
    CHECK(file.at("f64").as_float() == 0.1);
    CHECK(file.at("yes").as_bool());
    CHECK(file.at("empty").as_string().empty());
    CHECK(file.at("scores").count == 2);
    CHECK(file.at("scores")[0].as_float() == -1.5);
    CHECK(file.at("kinds")[1].as_int() == -1);
    CHECK(file.at("tokens").as_strings() == tokens);
    CHECK(file.at("none").count == 0);
    REQUIRE(file.tensors().size() == 4);
    CHECK(std::ranges::equal(file.tensor("f").bytes, f));
    CHECK(file.tensor("nothing").bytes.empty());
    CHECK(std::ranges::equal(file.tensor("q").bytes, q));
    CHECK(std::ranges::equal(file.tensor("k").bytes, k));
    CHECK(file.tensor("q").dims == std::array<std::uint64_t, 4>{64, 3, 1, 1});
    CHECK(file.tensor("k").rank == 4);
    CHECK(rewritten(file, folder.path / "again.gguf") == text_of(path));
}

TEST_CASE("A file of another writer is the same bytes when written again", "[io]") {
    std::string const shared = NIBBLE_SOURCE_DIR "/../shared/";
    if (!fs::exists(shared + "golden") || !fs::exists(shared + "malformed")) {
        SKIP("no files of another writer");
    }
    scratch_folder const folder;
    for (auto const* name : {"golden/llama.cpp/tiny-a-q4_0.gguf", "golden/llama.cpp/tiny-a-bf16.gguf",
                             "malformed/001_base_accept.gguf", "malformed/004_align-64_accept.gguf",
                             "malformed/010_all-value-types_accept.gguf", "malformed/011_empty-values_accept.gguf"}) {
        INFO(name);
        CHECK(rewritten(gguf_file::open(shared + name), folder.path / "again.gguf") == text_of(shared + name));
    }
}

TEST_CASE("P3: whatever the reader accepts can be written and read again", "[io]") {
    std::string const malformed = NIBBLE_SOURCE_DIR "/../shared/malformed/";
    std::ifstream manifest(malformed + "MANIFEST.tsv");
    if (!manifest) {
        SKIP("no folder of malformed files");
    }
    scratch_folder const folder;
    int seen = 0;
    for (std::string line; std::getline(manifest, line);) {
        std::istringstream fields(line);
        std::string name, expected, stage;
        fields >> name >> expected >> stage;
        if (!name.ends_with(".gguf") || (expected == "reject" && stage == "container")) {
            continue;
        }
        INFO(name);
        ++seen;
        auto const first = gguf_file::open(malformed + name);
        rewritten(first, folder.path / "again.gguf");
        auto const second = gguf_file::open(folder.path / "again.gguf");
        REQUIRE(second.metadata().size() == first.metadata().size());
        REQUIRE(second.tensors().size() == first.tensors().size());
        for (auto const& tensor : first.tensors()) {
            CHECK(std::ranges::equal(second.tensor(tensor.name).bytes, tensor.bytes));
        }
    }
    CHECK(seen > 20);
}

TEST_CASE("P23: an abandoned file leaves nothing, and the old one stays until commit()", "[io]") {
    scratch_folder const folder;
    fs::path const path = folder.path / "m.gguf";
    auto const bytes = counted(8);
    auto const started = [&](gguf_writer& writer) {
        declare(writer, "a", "F32", {2});
        writer.start(path);
        writer.write(std::span(bytes).first(5));
    };
    {
        gguf_writer writer;
        started(writer);
        CHECK(folder.files().size() == 1);
    }
    CHECK(folder.files().empty());
    std::ofstream(path) << "old";
    gguf_writer writer;
    started(writer);
    CHECK_THROWS_WITH(writer.commit(), ContainsSubstring("tensor 'a'") && ContainsSubstring("3 are missing"));
    CHECK_THROWS_WITH(writer.write(bytes), ContainsSubstring("only 3 left"));
    CHECK(text_of(path) == "old");
    writer.write(std::span(bytes).last(3));
    CHECK(text_of(path) == "old");
    writer.commit();
    CHECK(folder.files().size() == 1);
    CHECK(std::ranges::equal(gguf_file::open(path).tensor("a").bytes, bytes));
}

TEST_CASE("P17: what the reader refuses is refused when it is added, and changes nothing", "[io]") {
    scratch_folder const folder;
    gguf_writer writer;
    writer.add("a", 1);
    declare(writer, "w", "F32", {2});
    auto const size = writer.file_bytes();
    std::string const long_name(64, 'n');
    auto const tensor = [&](std::string_view name, std::string_view type, std::vector<std::uint64_t> const& dims) {
        declare(writer, name, type, dims);
    };
    CHECK_THROWS_WITH(writer.add("a", "x"), ContainsSubstring("added twice"));
    CHECK_THROWS_WITH(writer.add("", true), ContainsSubstring("empty key"));
    CHECK_THROWS_WITH(writer.add(std::string(65536, 'k'), true), ContainsSubstring("at most 65535"));
    CHECK_THROWS_WITH(writer.add("general.alignment", std::uint32_t{24}), ContainsSubstring("power of two"));
    CHECK_THROWS_WITH(writer.add("general.alignment", std::uint64_t{32}), ContainsSubstring("u32"));
    CHECK_THROWS_WITH(tensor("w", "F32", {2}), ContainsSubstring("declared twice"));
    CHECK_THROWS_WITH(tensor(long_name, "F32", {2}), ContainsSubstring("at most 63"));
    CHECK_THROWS_WITH(tensor("x", "F32", {}), ContainsSubstring("rank 0"));
    CHECK_THROWS_WITH(tensor("x", "F32", {1, 1, 1, 1, 1}), ContainsSubstring("rank 5"));
    CHECK_THROWS_WITH(tensor("x", "Q4_0", {48, 2}), ContainsSubstring("multiple of 32"));
    CHECK_THROWS_WITH(tensor("x", "I8", {std::uint64_t{1} << 32U, std::uint64_t{1} << 32U}), ContainsSubstring("2^63"));
    CHECK_THROWS_WITH(tensor("x", "F32", {std::uint64_t{1} << 61U}), ContainsSubstring("2^62"));
    CHECK_THROWS_WITH(writer.add_tensor("x", ggml_type{4, "Q4_2", 16, 10}, std::array{std::uint64_t{16}}),
                      ContainsSubstring("unknown type"));

    std::byte const bytes[]{std::byte{1}, std::byte{2}};
    CHECK_THROWS_AS(writer.add({"b", bytes, 2, 0, gguf_type::array, gguf_type::boolean}), error);
    CHECK_THROWS_AS(writer.add({"b", bytes + 1, 1, 0, gguf_type::boolean, gguf_type::boolean}), error);
    CHECK_THROWS_AS(writer.add({"b", bytes, 0, 0, gguf_type::array, gguf_type::array}), error);
    CHECK_THROWS_AS(writer.add({"b", bytes, 1, 0, static_cast<gguf_type>(13), gguf_type::u8}), error);
    CHECK(writer.file_bytes() == size);

    tensor(long_name.substr(1), "F32", {2});
    CHECK_THROWS_WITH(writer.write(bytes), ContainsSubstring("start() first"));
    CHECK_THROWS_WITH(writer.commit(), ContainsSubstring("start() first"));
    CHECK_THROWS_WITH(writer.start(folder.path / "none" / "m"), ContainsSubstring("none/m"));
    writer.start(folder.path / "m");
    CHECK_THROWS_WITH(writer.add("z", 1), ContainsSubstring("after the header"));
    CHECK_THROWS_WITH(tensor("z", "F32", {2}), ContainsSubstring("after the header"));
    CHECK_THROWS_WITH(writer.start(folder.path / "n"), ContainsSubstring("after the header"));
    writer.write(counted(16));
    writer.commit();
    CHECK(gguf_file::open(folder.path / "m").tensors().size() == 2);
    CHECK(folder.files().size() == 1);
}

TEST_CASE("As many pairs and tensors as the reader takes are taken, and not one more", "[io]") {
    scratch_folder const folder;
    gguf_writer writer;
    gguf_limits const limits;
    for (std::uint64_t i = 0; i < limits.max_pairs; ++i) {
        writer.add("k" + std::to_string(i), true);
    }
    CHECK_THROWS_WITH(writer.add("k", true), ContainsSubstring("one more than 16384 pairs"));
    for (std::uint64_t i = 0; i < limits.max_tensors; ++i) {
        declare(writer, "t" + std::to_string(i), "I8", {0});
    }
    CHECK_THROWS_WITH(declare(writer, "t", "I8", {0}), ContainsSubstring("one more than 16384 tensors"));
    writer.start(folder.path / "m");
    writer.commit();
    CHECK(gguf_file::open(folder.path / "m").tensors().size() == limits.max_tensors);
}
