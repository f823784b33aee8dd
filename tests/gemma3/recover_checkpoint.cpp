// SPDX-License-Identifier: Apache-2.0
#include "small_model.hpp"

#include <nibble/gemma3/random_model.hpp>
#include <nibble/gemma3/recover_checkpoint.hpp>
#include <nibble/nn/recipes.hpp>
#include <nibble/tensor/thread_pool.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include <support/scratch_folder.hpp>

using namespace nibble;

namespace {

constexpr auto small = small_model(600);

constexpr std::size_t groups_of(std::size_t rows, std::size_t columns) { return rows * (columns / 32); }

using counts = std::map<std::string, gemma3::recovered_groups>;

/// What was recovered of each tensor in a file under int4_g32.
template <auto Recipe>
counts recover_file(cpu where, std::filesystem::path const& from, std::filesystem::path const& to) {
    counts found;
    gemma3::quantize_checkpoint<Recipe>(where, gemma3::checkpoint::open(from),
                                        gemma3::recovery{[&](counts const& all) { found = all; }}, to);
    return found;
}

void check_same_codes(std::filesystem::path const& first, std::filesystem::path const& second) {
    using St = storage_of<int4_g32>;
    auto const a = gemma3::checkpoint::open(first);
    auto const b = gemma3::checkpoint::open(second);
    gemma3::for_each_parameter(
        [&](auto const& entry, std::uint32_t, stored_tensor const& one, stored_tensor const& other) {
            if (entry.is_matrix) {
                INFO(one.name);
                packed_view<St> const codes(one.bytes.data(), one.rows, one.columns);
                packed_view<St> const others(other.bytes.data(), other.rows, other.columns);
                for (std::size_t row = 0; row < one.rows; ++row) {
                    for (std::size_t column = 0; column < one.columns; ++column) {
                        REQUIRE(codes.code(row, column) == others.code(row, column));
                    }
                }
            }
        },
        a.tensors(), b.tensors());
}

}  // namespace

TEST_CASE("Weights that were quantized and stored as floats get all of their codes back", "[gemma3]") {
    scratch_folder const folder;
    gemma3::make_model<recipes::int4_g32>(cpu{}, small, 1, folder / "packed", {.untied_head = true});
    auto const packed = gemma3::checkpoint::open(folder / "packed");
    gemma3::quantize_checkpoint<recipes::f32>(cpu{}, packed, folder / "f32");
    gemma3::quantize_checkpoint<recipes::f16>(cpu{}, packed, folder / "f16");
    gemma3::quantize_checkpoint<recipes::bf16>(cpu{}, packed, folder / "bf16");
    for (char const* const type : {"packed", "f32", "f16", "bf16"}) {
        INFO(type);
        auto const found = recover_file<recipes::int4_g32>(cpu{}, folder / type, folder / "again");
        CHECK(found.size() == 2 + 7 * small.layers);
        CHECK(found.at("token_embd.weight").groups == groups_of(small.vocabulary, small.hidden));
        CHECK(found.at("blk.1.ffn_down.weight").groups == groups_of(small.hidden, small.ffn));
        for (auto const& [name, of] : found) {
            CAPTURE(name);
            CHECK(of.recovered == of.groups);
        }
        check_same_codes(folder / "packed", folder / "again");
    }
}

TEST_CASE("Weights that were not quantized are written as without recovery", "[gemma3]") {
    scratch_folder const folder;
    gemma3::make_model<recipes::bf16>(cpu{}, small, 1, folder / "bf16");
    auto const found = recover_file<recipes::int4_g32>(cpu{}, folder / "bf16", folder / "recovered");
    CHECK(found.size() == 1 + 7 * small.layers);
    for (auto const& [name, of] : found) {
        INFO(name);
        CHECK(of.groups != 0);
        CHECK(of.recovered == 0);
    }
    gemma3::quantize_checkpoint<recipes::int4_g32>(cpu{}, gemma3::checkpoint::open(folder / "bf16"),
                                                   folder / "nearest");
    CHECK(text_of(folder / "recovered") == text_of(folder / "nearest"));
}

TEST_CASE("P19: what is recovered does not depend on the number of threads", "[gemma3]") {
    constexpr auto half =
        recipe(role::embedding = keep<bf16>, role::otherwise = use<q4_0>, role::activations = use<int8_activations>);
    scratch_folder const folder;
    gemma3::make_model<recipes::mixed>(cpu{}, small, 1, folder / "packed");
    gemma3::quantize_checkpoint<recipes::bf16>(cpu{}, gemma3::checkpoint::open(folder / "packed"), folder / "bf16");
    thread_pool pool(3);
    auto const one = recover_file<half>(cpu{}, folder / "bf16", folder / "one");
    auto const three = recover_file<half>(cpu{pool}, folder / "bf16", folder / "three");
    CHECK(text_of(folder / "one") == text_of(folder / "three"));
    CHECK(one.size() == 7 * small.layers);
    for (auto const& [name, of] : one) {
        CHECK(of.recovered == three.at(name).recovered);
        CHECK((of.recovered == of.groups || name.find("ffn") != name.npos));  // attention was int4 in groups of 32
    }
}

TEST_CASE("P17: a recipe that has nothing to recover is refused before a file appears", "[gemma3]") {
    scratch_folder const folder;
    gemma3::make_model<recipes::f32>(cpu{}, small, 1, folder / "f32");
    CHECK_THROWS_WITH(recover_file<recipes::bf16>(cpu{}, folder / "f32", folder / "m"),
                      Catch::Matchers::ContainsSubstring("can be recovered"));
    CHECK_FALSE(std::filesystem::exists(folder / "m"));
}
