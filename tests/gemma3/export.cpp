// SPDX-License-Identifier: Apache-2.0
#include "small_model.hpp"
#include "takes.hpp"

#include <nibble/gemma3/export.hpp>
#include <nibble/gemma3/ledger.hpp>
#include <nibble/gemma3/random_vocabulary.hpp>
#include <nibble/io/gguf.hpp>
#include <nibble/io/gguf_checksum.hpp>
#include <nibble/io/stored_tensor.hpp>
#include <nibble/nn/recipes.hpp>
#include <nibble/numeric/random.hpp>
#include <nibble/quantize/quantize.hpp>
#include <nibble/tensor/thread_pool.hpp>

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <limits>
#include <stdexcept>
#include <string>
#include <string_view>
#include <support/scratch_folder.hpp>
#include <vector>

using namespace nibble;
using Catch::Matchers::ContainsSubstring;
namespace fs = std::filesystem;

namespace {

/// The embedding is more than two pieces of a stream.
constexpr auto small = small_model(5000);

/// The same with rows that are whole blocks of 256.
constexpr gemma3::configuration wide{.hidden = 256,
                                     .layers = 1,
                                     .heads = 2,
                                     .kv_heads = 1,
                                     .head_dim = 128,
                                     .ffn = 1024,
                                     .vocabulary = 600,
                                     .window = 16,
                                     .context = 64,
                                     .query_pre_attn_scalar = 128};

/// The rows of any tensor: values between −1 and 1, of a norm between 0 and 2.
struct some_rows {
    template <class Role>
    void operator()(gemma3::tensor_entry<Role> const& entry, std::uint32_t layer, std::size_t first,
                    matrix<float>& chunk) const {
        auto const tensor = static_cast<std::uint32_t>(std::hash<std::string>{}(gemma3::gguf_name(entry, layer)));
        for (std::size_t row = 0; row < chunk.rows(); ++row) {
            for (std::size_t column = 0; column < chunk.columns(); ++column) {
                std::uint32_t const bits = random_bits({.tensor = tensor}, (first + row) * chunk.columns() + column);
                chunk(row, column) = static_cast<float>(static_cast<std::int32_t>(bits >> 8) - (1 << 23)) * 0x1p-23f +
                                     (entry.is_matrix ? 0.0f : 1.0f);
            }
        }
    }
};

/// What values become that are stored as T.
template <class T>
matrix<float> kept(matrix<float> const& values) {
    if constexpr (quantization_scheme<T>) {
        return fake_quantize<T>(cpu{}, values);
    } else {
        matrix<float> result = values;
        for (std::size_t i = 0; i < values.rows() * values.columns(); ++i) {
            result.data()[i] = static_cast<float>(T(values.data()[i]));
        }
        return result;
    }
}

matrix<float> read_back(gguf_file const& file, std::string const& name) {
    auto const t = stored(file, file.tensor(name));
    matrix<float> values(t.rows, t.columns);
    with_view(t, [&](auto const& view) {
        for (std::size_t row = 0; row < t.rows; ++row) {
            decode_row(view, row, 0, values.row(row));
        }
    });
    return values;
}

template <class T, class Role>
void check_tensor(gguf_file const& file, gemma3::configuration const& c, gemma3::tensor_entry<Role> const& entry,
                  std::uint32_t layer) {
    std::string const name = gemma3::gguf_name(entry, layer);
    INFO(name);
    matrix<float> values(entry.rows(c), entry.columns(c));
    some_rows{}(entry, layer, 0, values);
    matrix<float> const expected = kept<T>(values);
    matrix<float> const got = read_back(file, name);
    REQUIRE(got.rows() == expected.rows());
    REQUIRE(got.columns() == expected.columns());
    CHECK(std::memcmp(got.data(), expected.data(), got.rows() * got.columns() * sizeof(float)) == 0);
}

/// Writes a model and reads every tensor of it again.
template <auto Recipe, gemma3::configuration Config = small>
void check_recipe(std::string const& formats, std::string const& recipe) {
    INFO(recipe);
    scratch_folder const folder;
    thread_pool pool(3);
    auto const words = gemma3::random_vocabulary(Config.vocabulary);
    auto const counted = gemma3::write_gguf<Recipe>(cpu{pool}, folder.path / "m", Config, words, some_rows{});
    gemma3::write_gguf<Recipe>(cpu{}, folder.path / "one thread", Config, words, some_rows{});
    CHECK(text_of(folder.path / "m") == text_of(folder.path / "one thread"));

    auto const file = gguf_file::open(folder.path / "m");
    CHECK(verify_checksum(file));
    CHECK(gemma3::configuration_from(file) == Config);
    CHECK(gemma3::vocabulary_from(file).piece(Config.vocabulary - 1) == words.piece(Config.vocabulary - 1));
    CHECK(file.at("nibble.recipe").as_string() == recipe);
    CHECK(file.at("nibble.format_version").as_uint() == 1);
    gemma3::for_each_tensor(Config, [&]<class Role>(gemma3::tensor_entry<Role> const& entry, std::uint32_t layer) {
        if constexpr (is_role<Role>) {
            check_tensor<scheme_for<Recipe, Role{}>>(file, Config, entry, layer);
        } else {
            CHECK(file.tensor(gemma3::gguf_name(entry, layer)).rank == 1);
            check_tensor<float>(file, Config, entry, layer);
        }
    });

    std::uint64_t bytes = 0;
    for (auto const& tensor : file.tensors()) {
        bytes += tensor.bytes.size();
    }
    std::uint64_t counted_bytes = 0;
    std::string counted_formats;
    for (auto const& [format, of_format] : counted.tensor_bytes) {
        counted_formats.append(counted_formats.empty() ? "" : " ").append(format);
        counted_bytes += of_format;
    }
    CHECK(bytes == ledger<Config, Recipe>.weight_bytes);
    CHECK(counted_bytes == bytes);
    CHECK(counted_formats == formats);
    CHECK(counted.file_bytes == fs::file_size(folder.path / "m"));
    CHECK(counted.underflowed_groups == 0);
}

}  // namespace

TEST_CASE("P19: every tensor of a written file is what its scheme makes of its values, by any number of threads",
          "[gemma3]") {
    check_recipe<recipes::f32>("F32", "embedding=f32 attention=f32 mlp=f32 activations=f32 kv_cache=f32");
    check_recipe<recipes::q4_0>("F32 Q4_0", gemma3::recipe_text(info_of<recipes::q4_0>()));
    check_recipe<recipes::int3_g64>("F32 int3.g64",
                                    "embedding=int3.g64 attention=int3.g64 mlp=int3.g64 activations=int8 kv_cache=f32");
    check_recipe<recipes::mixed>("F32 int3.g64 int4.g32 int8",
                                 "embedding=int8 attention=int4.g32 mlp=int3.g64 activations=int8 kv_cache=f32");
    check_recipe<recipes::q4_k, wide>("F32 Q4_K Q6_K", gemma3::recipe_text(info_of<recipes::q4_k>()));
    check_recipe<recipes::mxfp4, wide>("F32 MXFP4 Q8_0", gemma3::recipe_text(info_of<recipes::mxfp4>()));
}

TEST_CASE("Schemes with zeros, 16-bit floats and a head of its own are written too", "[gemma3]") {
    using w7 = scheme<bits<7>, asymmetric_offset, per_group<48>, scale_as<f16>>;
    constexpr auto other = recipe(role::embedding = use<w7>, role::attention = keep<bf16>, role::mlp = keep<f16>);
    scratch_folder const folder;
    auto const words = gemma3::random_vocabulary(small.vocabulary);
    gemma3::write_gguf<other>(cpu{}, folder.path / "m", small, words, some_rows{}, {.untied_head = true});
    auto const file = gguf_file::open(folder.path / "m");
    check_tensor<bf16>(
        file, small, gemma3::attention_entry{"attn_k", "", true, gemma3::extent::key_width, gemma3::extent::hidden}, 1);
    check_tensor<f16>(file, small, gemma3::mlp_entry{"ffn_down", "", true, gemma3::extent::hidden, gemma3::extent::ffn},
                      0);
    CHECK(file.tensors().back().name == "output.weight");
    CHECK(file.at("general.file_type").as_uint() == 1);
    CHECK(file.find("general.quantization_version") == nullptr);

    for (auto const& entry : {gemma3::token_embd_entry, gemma3::output_entry}) {
        auto const t = stored(file, file.tensor(gemma3::gguf_name(entry)));
        CHECK(t.format() == name<w7>());
        matrix<float> values(t.rows, t.columns);
        some_rows{}(entry, 0, 0, values);
        auto const packed = quantize<w7>(cpu{}, values);
        auto const bytes = packed.view().bytes();
        REQUIRE(t.bytes.size() == bytes.size());
        CHECK(std::memcmp(t.bytes.data(), bytes.data(), bytes.size()) == 0);
    }
}

TEST_CASE("Rows whose scales have two levels lie in a file as they do in memory", "[gemma3]") {
    using two = scheme<bits<3>, per_group<32>, asymmetric_offset, scale_as<two_level<unsigned_code<6>, f16, 8>>>;
    scratch_folder const folder;
    auto const words = gemma3::random_vocabulary(wide.vocabulary);
    thread_pool pool(3);
    constexpr auto planes = recipe(role::mlp = use<two>, role::otherwise = keep<float>);
    gemma3::write_gguf<planes>(cpu{pool}, folder.path / "m", wide, words, some_rows{});
    auto const file = gguf_file::open(folder.path / "m");
    gemma3::mlp_entry const entry{"ffn_up", "", true, gemma3::extent::ffn, gemma3::extent::hidden};
    auto const t = stored(file, file.tensor(gemma3::gguf_name(entry, 0)));
    matrix<float> values(t.rows, t.columns);
    some_rows{}(entry, 0, 0, values);
    auto const packed = quantize<two>(cpu{}, values);
    auto const bytes = packed.view().bytes();
    REQUIRE(t.bytes.size() == bytes.size());
    CHECK(std::memcmp(t.bytes.data(), bytes.data(), bytes.size()) == 0);
}

TEST_CASE("A file's tensors have the bytes of the ledger under every recipe and size", "[gemma3]") {
    for_each_recipe([](auto entry) {
        constexpr auto the_recipe = decltype(entry)::recipe;
        INFO(entry.name);
        for (auto const* c : {&small, &gemma3_tiny, &gemma3_270m, &gemma3_1b, &gemma3_4b, &gemma3_12b, &gemma3_27b}) {
            if (!takes<the_recipe>(*c)) {
                continue;
            }
            gguf_writer tied, untied;
            gemma3::add_tensors<the_recipe>(tied, *c);
            gemma3::add_tensors<the_recipe>(untied, *c, true);
            CHECK(tied.data_bytes() == ledger_of<the_recipe>(*c).weight_bytes);
            CHECK(untied.data_bytes() - tied.data_bytes() ==
                  tensor_bytes<scheme_for<the_recipe, role::embedding>>(c->vocabulary, c->hidden));
        }
    });
}

TEST_CASE("A file of ggml's types names them in general.file_type", "[gemma3]") {
    auto const type_of = [](auto entry) {
        scratch_folder const folder;
        gguf_writer writer;
        gemma3::add_tensors<decltype(entry)::recipe>(writer, wide);
        std::vector<std::byte> const bytes(static_cast<std::size_t>(writer.data_bytes()));
        writer.start(folder.path / "m");
        writer.write(bytes);
        writer.commit();
        auto const file = gguf_file::open(folder.path / "m");
        auto const* type = file.find("general.file_type");
        auto const* version = file.find("general.quantization_version");
        return (type == nullptr ? "none" : std::to_string(type->as_uint())) +
               (version == nullptr ? "" : " " + std::to_string(version->as_uint()));
    };
    std::string types;
    for_each_recipe([&](auto entry) { types.append(entry.name).append("=").append(type_of(entry)).append(", "); });
    CHECK(types == "f32=0, bf16=32, f16=1, q8_0=7 2, q5_1=9 2, q5_0=8 2, q4_1=3 2, q4_0=2 2, q4_0_f16=2 2, "
                   "q6_k=18 2, q5_k=16 2, q4_k=14 2, q3_k=11 2, q2_k=10 2, iq4_nl=25 2, mxfp4=38 2, "
                   "int8_channel=none, int4_channel=none, int4_g32=none, int4_g128=none, int3_g64=none, "
                   "int3_g32=none, int2_g32=none, mixed=none, ");
}

TEST_CASE("P17: a value that cannot be stored is refused with its tensor and place, and no file appears", "[gemma3]") {
    scratch_folder const folder;
    auto const words = gemma3::random_vocabulary(small.vocabulary);
    auto const with_bad_value = [&](float bad) {
        return [bad](auto const& entry, std::uint32_t layer, std::size_t first, matrix<float>& chunk) {
            some_rows{}(entry, layer, first, chunk);
            if (entry.gguf == gemma3::token_embd_entry.gguf && first <= 4500 && 4500 < first + chunk.rows()) {
                chunk(4500 - first, 3) = bad;
            }
        };
    };
    fs::path const path = folder.path / "m";
    float const infinite = std::numeric_limits<float>::infinity();
    std::string const tensor = "tensor 'token_embd.weight'";
    std::string const infinity = tensor + " has the value inf at [4500, 3]";
    CHECK_THROWS_WITH(gemma3::write_gguf<recipes::f32>(cpu{}, path, small, words, with_bad_value(infinite)),
                      ContainsSubstring(infinity));
    CHECK_THROWS_WITH(gemma3::write_gguf<recipes::int3_g64>(cpu{}, path, small, words, with_bad_value(infinite)),
                      ContainsSubstring(infinity));
    constexpr auto f16_embedding = recipe(role::embedding = keep<f16>, role::otherwise = keep<float>);
    CHECK_THROWS_WITH(gemma3::write_gguf<f16_embedding>(cpu{}, path, small, words, with_bad_value(65520)),
                      ContainsSubstring(tensor + " has the value 65520.000000 at [4500, 3]") &&
                          ContainsSubstring("range of F16"));
    CHECK_NOTHROW(gemma3::write_gguf<f16_embedding>(cpu{}, path, small, words, with_bad_value(65504)));
    fs::remove(path);
    CHECK_THROWS_WITH(gemma3::write_gguf<recipes::q4_0>(cpu{}, path, small, words, with_bad_value(1e30f)),
                      ContainsSubstring(tensor) && ContainsSubstring("beyond the range of f16"));

    auto odd = small;
    odd.ffn = 100;
    CHECK_THROWS_WITH(gemma3::write_gguf<recipes::q4_0>(cpu{}, path, odd, words, some_rows{}),
                      ContainsSubstring("tensor 'blk.0.ffn_down.weight'"));
    auto few = small;
    few.vocabulary = 4999;
    CHECK_THROWS_WITH(gemma3::write_gguf<recipes::f32>(cpu{}, path, few, words, some_rows{}),
                      ContainsSubstring("5000 pieces") && ContainsSubstring("4999 rows"));
    CHECK(fs::is_empty(folder.path));
}

TEST_CASE("An export tells how far it is, takes more metadata and can be ended", "[gemma3]") {
    scratch_folder const folder;
    auto const words = gemma3::random_vocabulary(small.vocabulary);
    std::string const chat = "{{ a template }}";
    gguf_value const pair{
        "tokenizer.chat_template", reinterpret_cast<std::byte const*>(chat.data()), chat.size(), 0, gguf_type::string,
        gguf_type::string};
    std::vector<std::uint64_t> steps;
    std::uint64_t all = 0;
    auto const progress = [&](std::uint64_t done, std::uint64_t total) {
        CHECK((steps.empty() || steps.back() < done));
        steps.push_back(done);
        all = total;
    };
    gemma3::write_gguf<recipes::int3_g64>(cpu{}, folder.path / "m", small, words, some_rows{},
                                          {.name = "small", .pairs = {&pair, 1}, .progress = progress});
    CHECK(all == ledger<small, recipes::int3_g64>.weight_bytes);
    CHECK(steps.back() == all);
    CHECK(steps.size() >= 28);  // tensors
    auto const file = gguf_file::open(folder.path / "m");
    CHECK(file.at("general.name").as_string() == "small");
    CHECK(file.at("tokenizer.chat_template").as_string() == chat);

    auto const stop = [](std::uint64_t done, std::uint64_t) {
        if (done > 100000) {
            throw std::runtime_error("stopped");
        }
    };
    CHECK_THROWS_WITH(gemma3::write_gguf<recipes::int3_g64>(cpu{}, folder.path / "other", small, words, some_rows{},
                                                            {.progress = stop}),
                      "stopped");
    CHECK_FALSE(fs::exists(folder.path / "other"));
}
