// SPDX-License-Identifier: Apache-2.0
#include <nibble/io/atomic_file.hpp>
#include <nibble/io/safetensors_checkpoint.hpp>
#include <nibble/io/safetensors_writer.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <cstdlib>
#include <fstream>
#include <support/scratch_folder.hpp>

using namespace nibble;
using Catch::Matchers::ContainsSubstring;
namespace fs = std::filesystem;

namespace {

std::string const index_name = "model.safetensors.index.json";

struct shards_folder : scratch_folder {
    /// A file with one-byte tensors of these names; the byte is the name's first.
    void shard(std::string const& name, std::vector<std::string> const& tensors) const {
        std::vector<safetensors_entry> entries;
        for (auto const& tensor : tensors) {
            entries.push_back({tensor, "U8", {1}, std::as_bytes(std::span(tensor)).first(1)});
        }
        atomic_file file(path / name);
        write_safetensors([&](auto bytes) { file.write(bytes); }, entries);
        file.commit();
    }
    void index(std::string const& json) const { std::ofstream(path / index_name) << json; }

    std::string refusal(std::string const& name = "") const {
        try {
            safetensors_checkpoint::open(path / name);
        } catch (error const& e) {
            return e.what();
        }
        return "accepted";
    }
};

}  // namespace

TEST_CASE("The tensors of all files of an index are found, by folder or by the index's path", "[io]") {
    shards_folder const folder;
    folder.shard("1.safetensors", {"b", "d.e"});
    folder.shard("2.safetensors", {"a", "c"});
    folder.index(R"({"metadata":{"total_size":4},
        "weight_map":{"a":"2.safetensors","b":"1.safetensors","c":"2.safetensors","d.e":"1.safetensors"}})");
    for (auto const mode : {file_mode::map, file_mode::read}) {
        for (auto const& path : {folder.path, folder.path / index_name}) {
            auto opened = safetensors_checkpoint::open(path, {}, mode);
            auto const checkpoint = std::move(opened);
            CHECK(checkpoint.folder() == folder.path);
            REQUIRE(checkpoint.tensors().size() == 4);
            CHECK(checkpoint.tensors()[3]->name == "d.e");
            for (auto const* name : {"a", "b", "c", "d.e"}) {
                REQUIRE(checkpoint.find(name) != nullptr);
                checkpoint.drop(checkpoint.find(name)->bytes);
                CHECK(std::to_integer<char>(checkpoint.find(name)->bytes[0]) == name[0]);
            }
            CHECK(checkpoint.find("d") == nullptr);
            CHECK(checkpoint.find("z") == nullptr);
        }
    }
}

TEST_CASE("A file alone is a checkpoint, and in a folder it comes before an index", "[io]") {
    shards_folder const folder;
    folder.shard("other.safetensors", {"x"});
    auto const alone = safetensors_checkpoint::open(folder.path / "other.safetensors");
    CHECK(alone.find("x") != nullptr);
    CHECK(alone.folder() == folder.path);
    CHECK_THAT(folder.refusal(), ContainsSubstring("neither model.safetensors nor"));
    folder.index("{");
    CHECK_THAT(folder.refusal(), ContainsSubstring("index.json: JSON: invalid JSON at byte"));
    folder.shard("model.safetensors", {"y"});
    CHECK(safetensors_checkpoint::open(folder.path).find("y") != nullptr);
}

TEST_CASE("P1: an index that is broken or leaves the folder is refused with its name", "[io]") {
    shards_folder const folder;
    folder.shard("1.safetensors", {"a", "b"});
    folder.shard("2.safetensors", {"c"});
    fs::create_directory(folder.path / "sub");
    folder.shard("sub/3.safetensors", {"d"});
    auto const refusal = [&](std::string const& json) {
        folder.index(json);
        return folder.refusal();
    };
    CHECK(refusal(R"({"weight_map":{"a":"1.safetensors"}})") == "accepted");
    CHECK(refusal(R"({"weight_map":{}})") == "accepted");
    CHECK_THAT(refusal("{}"), ContainsSubstring(index_name) && ContainsSubstring("no 'weight_map'"));
    CHECK_THAT(refusal("[]"), ContainsSubstring("no 'weight_map'"));
    CHECK_THAT(refusal(R"({"weight_map":["a"]})"), ContainsSubstring("is no object"));
    CHECK_THAT(refusal(R"({"weight_map":"a"})"), ContainsSubstring("is no object"));
    CHECK_THAT(refusal(R"({"weight_map":{"a":1}})"), ContainsSubstring("expected a string"));
    CHECK_THAT(refusal(R"({"weight_map":{"a":"1.safetensors","a":"1.safetensors"}})"), ContainsSubstring("twice"));
    CHECK_THAT(refusal(R"({"weight_map":{"a":"2.safetensors"}})"),
               ContainsSubstring(index_name) && ContainsSubstring("'a' of the index is not in '2.safetensors'"));
    CHECK_THAT(refusal(R"({"weight_map":{"a":"1.safetensors","e":"1.safetensors"}})"),
               ContainsSubstring("'e' of the index"));
    CHECK_THAT(refusal(R"({"weight_map":{"a":"none.safetensors"}})"),
               ContainsSubstring("none.safetensors: cannot open"));
    auto const outside = (folder.path / "1.safetensors").string();
    for (std::string const name : {"", ".", "..", "../1.safetensors", "sub/3.safetensors", "./1.safetensors",
                                   "sub\\\\3.safetensors", "1.safetensors\\u0000", outside.c_str()}) {
        INFO(name);
        CHECK_THAT(refusal(R"({"weight_map":{"a":")" + name + "\"}}"),
                   ContainsSubstring(index_name) && ContainsSubstring("not the name of a file in the folder"));
    }
}

TEST_CASE("P1: a tensor in two files and a damaged file are refused with the files' names", "[io]") {
    shards_folder const folder;
    folder.shard("1.safetensors", {"a", "b"});
    folder.shard("2.safetensors", {"b", "c"});
    folder.index(R"({"weight_map":{"a":"1.safetensors","c":"2.safetensors"}})");
    CHECK_THAT(folder.refusal(), ContainsSubstring("'b' lies in both 1.safetensors and 2.safetensors"));
    fs::resize_file(folder.path / "2.safetensors", 20);
    CHECK_THAT(folder.refusal(), ContainsSubstring("2.safetensors: safetensors:") && ContainsSubstring("at byte"));
    CHECK_THAT(folder.refusal("2.safetensors"), ContainsSubstring("2.safetensors: safetensors:"));
    CHECK_THAT(folder.refusal("3.safetensors"), ContainsSubstring("3.safetensors: cannot open"));
}
