// SPDX-License-Identifier: Apache-2.0
#include "engine.hpp"

#include <catch2/catch_test_macros.hpp>
#include <catch2/matchers/catch_matchers.hpp>
#include <catch2/matchers/catch_matchers_string.hpp>

#include <limits>

using namespace nibble;
using Catch::Matchers::ContainsSubstring;

TEST_CASE("loading on any number of threads gives the same model, with factors 1 + w", "[gemma3]") {
    golden_model const golden("gemma3-tiny");
    scratch_folder const folder("load");
    golden.write(folder.path());
    thread_pool pool(3);
    auto const alone = gemma3::load(folder.path());
    auto const together = gemma3::load(folder.path(), {.where = cpu{pool}, .activations = activation_kind::bf16});
    CHECK(together.activations == activation_kind::bf16);
    auto const tensors = golden_tensors(golden.sizes());
    for_each_parameter(
        [&](auto entry, std::uint32_t layer, auto const& a, auto const& b) {
            auto const name = gemma3::hf_names(entry, layer)[0];
            auto const at = std::find_if(tensors.begin(), tensors.end(), [&](auto const& t) { return t.name == name; });
            REQUIRE(at != tensors.end());
            auto const values = golden_values(golden.sizes().seed, *at);
            if constexpr (entry.is_matrix) {
                auto const& x = std::get<dense_panels<float>>(a);
                auto const& y = std::get<dense_panels<float>>(b);
                for (std::size_t i = 0; i < values.size(); ++i) {
                    REQUIRE(x.decode(i / x.k(), i % x.k()) == values[i]);
                    REQUIRE(y.decode(i / y.k(), i % y.k()) == values[i]);
                }
            } else {
                for (std::size_t i = 0; i < values.size(); ++i) {
                    REQUIRE(a[i] == 1.0f + values[i]);
                    REQUIRE(b[i] == a[i]);
                }
            }
        },
        alone.parameters, together.parameters);
}

TEST_CASE("P6: a value that is not finite is refused by name and row", "[gemma3]") {
    golden_model const golden("gemma3-tiny");
    scratch_folder const folder("nan");
    golden.write(folder.path());
    auto const source = safetensors_checkpoint::open(folder.path());
    std::vector<safetensors_entry> entries;
    std::vector<std::byte> broken;
    for (auto const* tensor : source.tensors()) {
        entries.push_back(*tensor);
        if (tensor->name == "model.layers.2.mlp.up_proj.weight") {
            broken.assign(tensor->bytes.begin(), tensor->bytes.end());
            float const nan = std::numeric_limits<float>::quiet_NaN();
            std::memcpy(&broken[(5 * tensor->shape[1] + 1) * sizeof(float)], &nan, sizeof nan);
            entries.back().bytes = broken;
        }
    }
    scratch_folder const other("nan-copy");
    atomic_file file(other / "model.safetensors");
    write_safetensors([&](std::span<std::byte const> bytes) { file.write(bytes); }, entries);
    file.commit();
    std::filesystem::copy(folder / "config.json", other / "config.json");
    CHECK_THROWS_WITH(gemma3::load(other.path()),
                      ContainsSubstring("model.layers.2.mlp.up_proj.weight") && ContainsSubstring("in row 5"));
    CHECK_NOTHROW(gemma3::load(other.path(), {.check_values = false}));
}
