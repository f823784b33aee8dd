// SPDX-License-Identifier: Apache-2.0
#include <nibble/io/atomic_file.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <support/scratch_folder.hpp>

using namespace nibble;
namespace fs = std::filesystem;

namespace {

void write_text(atomic_file& file, std::string_view text) { file.write(std::as_bytes(std::span(text))); }

}  // namespace

TEST_CASE("a device or a folder is never replaced, and a link leads to the file that is") {
    CHECK_THROWS_AS(nibble::atomic_file("/dev/null"), nibble::error);
    CHECK_THROWS_AS(nibble::atomic_file(std::filesystem::temp_directory_path()), nibble::error);
    scratch_folder const folder;
    std::filesystem::create_symlink(folder / "target", folder / "link");
    {
        nibble::atomic_file file(folder / "link");
        file.write(std::as_bytes(std::span("x", 1)));
        file.commit();
    }
    CHECK(std::filesystem::is_symlink(folder / "link"));
    CHECK(std::filesystem::file_size(folder / "target") == 1);
}

TEST_CASE("P23: a file appears whole when it is committed, over an old one too", "[io]") {
    scratch_folder const folder;
    fs::path const path = folder.path / "model";
    for (std::string const text : {"first", "second, longer"}) {
        std::string const before = fs::exists(path) ? text_of(path) : "";
        atomic_file file(path);
        write_text(file, text.substr(0, 3));
        write_text(file, text.substr(3));
        CHECK((fs::exists(path) ? text_of(path) : "") == before);
        file.commit();
        CHECK(text_of(path) == text);
        CHECK(folder.files().size() == 1);
    }
}

TEST_CASE("Bytes that were written can be put right before the file appears", "[io]") {
    scratch_folder const folder;
    atomic_file file(folder.path / "model");
    write_text(file, "length ?, then data");
    std::string const digit = "4";
    file.overwrite(7, std::as_bytes(std::span(digit)));
    write_text(file, " and more");
    file.commit();
    CHECK(text_of(folder.path / "model") == "length 4, then data and more");
}

TEST_CASE("P23: a file that is abandoned leaves nothing, and the old one as it was", "[io]") {
    scratch_folder const folder;
    fs::path const path = folder.path / "model";
    std::ofstream(path) << "old";
    {
        atomic_file file(path);
        write_text(file, "half of the new");
    }
    CHECK(text_of(path) == "old");
    CHECK(folder.files().size() == 1);
}

TEST_CASE("P23: what a killed process left of a file can be removed, and nothing else is", "[io]") {
    scratch_folder const folder;
    std::set<std::string> const others{"model",          "model.tmp",       "model.1-.tmp",   "model.-1.tmp",
                                       "model.1.tmp",    "model.1-2-3.tmp", "model.1-2.tmpx", "model.1-2x.tmp",
                                       "model2.1-2.tmp", "a.model.1-2.tmp"};
    for (auto const& name : others) {
        std::ofstream(folder / name) << name;
    }
    for (std::string const name : {"model.1-0.tmp", "model.4711-12.tmp"}) {
        std::ofstream(folder / name) << name;
    }
    remove_remains(folder / "model");
    CHECK(folder.files() == others);
    remove_remains(folder / "no folder" / "model");
}

TEST_CASE("P17: a folder that is not there and a name that is a folder are errors that name the file", "[io]") {
    scratch_folder const folder;
    CHECK_THROWS_WITH(atomic_file(folder.path / "none" / "model"), Catch::Matchers::ContainsSubstring("none/model"));
    fs::create_directory(folder.path / "taken");
    CHECK_THROWS_WITH(atomic_file(folder.path / "taken"), Catch::Matchers::ContainsSubstring("taken"));
    atomic_file file(folder.path / "late");
    fs::create_directory(folder.path / "late");  // takes the name while the file is written
    CHECK_THROWS_WITH(file.commit(), Catch::Matchers::ContainsSubstring("late"));
    CHECK(folder.files().size() == 2);
}
