// SPDX-License-Identifier: Apache-2.0
#include <nibble/io/safetensors_checkpoint.hpp>
#include <nibble/io/safetensors_checkpoint_writer.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <stdexcept>
#include <support/scratch_folder.hpp>

using namespace nibble;
using Catch::Matchers::ContainsSubstring;
namespace fs = std::filesystem;

namespace {

std::string const one_file = "model.safetensors";
std::string const index_name = "model.safetensors.index.json";

/// Names to bytes: tensors of U8, one dimension.
using model = std::map<std::string, std::string>;

/// Each tensor's bytes tell the model (`salt`), the tensor and the place.
model model_of(std::vector<std::pair<std::string, std::size_t>> const& sizes, int salt) {
    model result;
    for (auto const& [name, size] : sizes) {
        auto& bytes = result[name];
        for (std::size_t i = 0; i < size; ++i) {
            bytes += static_cast<char>(static_cast<int>(i) * 7 + name[0] * 3 + salt);
        }
    }
    return result;
}

std::vector<safetensors_entry> entries_of(model const& m) {
    std::vector<safetensors_entry> entries;
    for (auto const& [name, bytes] : m) {
        entries.push_back({name, "U8", {bytes.size()}, {}});
    }
    return entries;
}

void write(fs::path const& folder, model const& m, std::uint64_t shard_bytes) {
    auto const fill = [&](safetensors_entry const& entry, auto const& out) {
        auto const bytes = std::as_bytes(std::span(m.at(entry.name)));
        out(bytes.first(bytes.size() / 2));
        out(bytes.subspan(bytes.size() / 2));
    };
    write_safetensors_checkpoint(folder, entries_of(m), fill, {.shard_bytes = shard_bytes});
}

model read(fs::path const& folder) {
    auto const checkpoint = safetensors_checkpoint::open(folder);
    model result;
    for (auto const* entry : checkpoint.tensors()) {
        result[entry->name].assign(reinterpret_cast<char const*>(entry->bytes.data()), entry->bytes.size());
    }
    return result;
}

/// The names of the tensors in each shard, by the shard's name.
std::map<std::string, std::string> shards(scratch_folder const& folder) {
    std::map<std::string, std::string> result;
    for (auto const& name : folder.files()) {
        if (!name.ends_with(".safetensors")) {
            continue;
        }
        auto const file = safetensors_checkpoint::open(folder.path / name);
        for (auto const* entry : file.tensors()) {
            result[name] += entry->name;
        }
    }
    return result;
}

std::vector<std::pair<std::string, std::size_t>> const five_sizes{{"a", 10}, {"b", 20}, {"c", 30}, {"d", 40}, {"e", 5}};

}  // namespace

TEST_CASE("Tensors of no more than a shard's bytes are one file", "[io]") {
    scratch_folder const folder;
    auto const m = model_of(five_sizes, 0);
    write(folder.path, m, 105);
    CHECK(folder.files() == std::set{one_file});
    CHECK(read(folder.path) == m);
    auto const bytes = text_of(folder / one_file);
    auto const file = safetensors_file::parse(std::as_bytes(std::span(bytes)));
    REQUIRE(file.metadata().size() == 1);
    CHECK(file.metadata()[0] == std::pair<std::string, std::string>("format", "pt"));
    write(folder.path, m, 104);
    CHECK(folder.files().size() == 3);
}

TEST_CASE("Shards begin where the next tensor would exceed them, and are read back byte for byte", "[io]") {
    auto const m = model_of(five_sizes, 1);
    auto const cut = [&](std::uint64_t shard_bytes) {
        scratch_folder const folder;
        write(folder.path, m, shard_bytes);
        CHECK(read(folder.path) == m);
        CHECK(read(folder.path / index_name) == m);
        std::string result;
        for (auto const& [name, tensors] : shards(folder)) {
            result += (result.empty() ? "" : "|") + tensors;
        }
        return result;
    };
    CHECK(cut(60) == "abc|de");
    CHECK(cut(59) == "ab|c|de");
    CHECK(cut(45) == "ab|c|de");
    CHECK(cut(44) == "ab|c|d|e");
    CHECK(cut(29) == "a|b|c|d|e");
    CHECK(cut(0) == "a|b|c|d|e");
}

TEST_CASE("The index names each tensor's file and the bytes of all", "[io]") {
    scratch_folder const folder;
    write(folder.path, model_of({{"a", 3}, {"b", 4}, {"\"", 2}}, 0), 6);
    CHECK(text_of(folder / index_name) == R"({
  "metadata": {
    "total_size": 9
  },
  "weight_map": {
    "\"": "model-00001-of-00002.safetensors",
    "a": "model-00001-of-00002.safetensors",
    "b": "model-00002-of-00002.safetensors"
  }
}
)");
}

TEST_CASE("A tensor larger than a shard has a file of its own, alone it has the only one", "[io]") {
    scratch_folder const folder;
    write(folder.path, model_of({{"a", 1}, {"b", 9}, {"c", 0}, {"d", 1}}, 0), 8);
    CHECK(shards(folder) == std::map<std::string, std::string>{{"model-00001-of-00003.safetensors", "a"},
                                                               {"model-00002-of-00003.safetensors", "b"},
                                                               {"model-00003-of-00003.safetensors", "cd"}});
    write(folder.path, model_of({{"b", 9}}, 0), 8);
    CHECK(folder.files() == std::set{one_file});
}

TEST_CASE("No tensors are one file without tensors", "[io]") {
    scratch_folder const folder;
    write(folder.path, {}, 0);
    CHECK(folder.files() == std::set{one_file});
    CHECK(safetensors_checkpoint::open(folder.path).tensors().empty());
}

TEST_CASE("P23: at every step of a write a reader sees the old checkpoint, then the new one and nothing else", "[io]") {
    auto const old = model_of(five_sizes, 2);
    auto const next = model_of(five_sizes, 3);
    for (std::uint64_t const old_shard : {1000U, 59U, 60U, 0U}) {
        for (std::uint64_t const shard : {1000U, 59U, 60U, 0U}) {
            CAPTURE(old_shard, shard);
            scratch_folder const folder;
            std::ofstream(folder.path / "config.json") << "{}";
            std::ofstream(folder.path / "model-of-mine.safetensors") << "not a shard";
            write(folder.path, old, old_shard);
            std::set<std::string> const others{"config.json", "model-of-mine.safetensors"};

            // What a crash in the middle of any tensor would leave.
            std::deque<scratch_folder> images;
            auto const fill = [&](safetensors_entry const& entry, auto const& out) {
                auto const bytes = std::as_bytes(std::span(next.at(entry.name)));
                out(bytes.first(1));
                fs::copy(folder.path, images.emplace_back().path);
                out(bytes.subspan(1));
            };
            write_safetensors_checkpoint(folder.path, entries_of(next), fill, {.shard_bytes = shard});
            CHECK(read(folder.path) == next);
            std::size_t const count = shard == 1000 ? 1 : shard == 60 ? 2 : shard == 59 ? 3 : 5;
            CHECK(folder.files().size() == others.size() + count + (count > 1 ? 1 : 0));

            REQUIRE(images.size() == 5);
            for (auto const& image : images) {
                CHECK(read(image.path) == old);
                write(image.path, next, shard);
                CHECK(read(image.path) == next);
                std::size_t unfinished = 0;
                for (auto const& name : image.files()) {
                    unfinished += name.ends_with(".tmp") ? 1 : 0;
                }
                CHECK(unfinished == 1);
                CHECK(image.files().size() == folder.files().size() + unfinished);
            }
        }
    }
}

TEST_CASE("P23: a new index that still has an old model.safetensors beside it does not count yet", "[io]") {
    scratch_folder const folder, sharded;
    auto const old = model_of(five_sizes, 4);
    auto const next = model_of(five_sizes, 5);
    write(folder.path, old, 1000);
    write(sharded.path, next, 60);
    fs::copy(sharded.path, folder.path);
    CHECK(read(folder.path) == old);
    write(folder.path, next, 60);
    CHECK(read(folder.path) == next);
    CHECK(folder.files() == std::set<std::string>{index_name, "model-1-00001-of-00002.safetensors",
                                                  "model-1-00002-of-00002.safetensors"});
}

TEST_CASE("P23: an exception of the callback leaves the old checkpoint and no new file", "[io]") {
    auto const old = model_of(five_sizes, 6);
    for (std::uint64_t const old_shard : {1000U, 59U}) {
        for (std::uint64_t const shard : {1000U, 59U, 0U}) {
            for (std::string const last : {"a", "c", "e"}) {
                CAPTURE(old_shard, shard, last);
                scratch_folder const folder;
                write(folder.path, old, old_shard);
                auto const before = folder.files();
                auto const fill = [&](safetensors_entry const& entry, auto const& out) {
                    if (entry.name == last) {
                        throw std::runtime_error("no more");
                    }
                    out(std::as_bytes(std::span(old.at(entry.name))));
                };
                CHECK_THROWS_WITH(
                    write_safetensors_checkpoint(folder.path, entries_of(old), fill, {.shard_bytes = shard}),
                    "no more");
                CHECK(folder.files() == before);
                CHECK(read(folder.path) == old);
            }
        }
    }
}

TEST_CASE("P23: what cannot take its name leaves the old checkpoint", "[io]") {
    scratch_folder const folder;
    auto const old = model_of(five_sizes, 7);
    write(folder.path, old, 1000);
    fs::create_directory(folder.path / index_name);
    CHECK_THROWS_WITH(write(folder.path, model_of(five_sizes, 8), 60), ContainsSubstring("no regular file"));
    CHECK(read(folder.path) == old);
    CHECK_THROWS_WITH(write(folder.path / "none", old, 60), ContainsSubstring("Could not create a temporary file"));
}

TEST_CASE("P17: entries of any shard are refused before a file is written", "[io]") {
    scratch_folder const folder;
    auto const refused = [&](std::vector<safetensors_entry> const& entries, std::string const& what) {
        auto const fill = [](auto const&, auto const&) { FAIL("fill was called"); };
        CHECK_THROWS_WITH(write_safetensors_checkpoint(folder.path, entries, fill, {.shard_bytes = 4}),
                          ContainsSubstring(what));
        CHECK(folder.files().empty());
    };
    refused({{"a", "U8", {4}, {}}, {"b", "U8", {4}, {}}, {"a", "U8", {4}, {}}}, "'a' is taken");
    refused({{"a", "U8", {4}, {}}, {"__metadata__", "U8", {4}, {}}}, "is taken");
    refused({{"a", "U8", {4}, {}}, {"\xff", "U8", {4}, {}}}, "UTF-8");
    refused({{"a", "U8", {4}, {}}, {"b", "Q4", {4}, {}}}, "'b' has an unknown dtype");
    refused({{"a", "U8", {4}, {}}, {"b", "F32", {UINT64_MAX}, {}}}, "'b' overflows");
}
