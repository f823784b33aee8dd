// SPDX-License-Identifier: Apache-2.0
// A recipe gives each role of a model its scheme, and the ledger says what that costs before there is a model.
#include <nibble/gemma3/ledger.hpp>
#include <nibble/nn/recipes.hpp>

#include <cstdio>

namespace nb = nibble;

//! [recipe]
constexpr auto recipe = nb::recipe(nb::role::embedding = nb::use<nb::int8_channel>,  //
                                   nb::role::mlp = nb::use<nb::int3_g64>,            //
                                   nb::role::otherwise = nb::use<nb::int4_g32>,      //
                                   nb::role::kv_cache = nb::keep<nb::bf16>);

static_assert(std::same_as<nb::scheme_for<recipe, nb::role::attention>, nb::int4_g32>);
static_assert(nb::ledger<nb::gemma3_4b, recipe>.weight_bytes < 2'150'000'000);          // bytes
static_assert(nb::ledger<nb::gemma3_4b, recipe>.kv_cache_bytes(32'768) < 800'000'000);  // with the sliding window
//! [recipe]

constexpr auto cached = nb::recipe(nb::role::otherwise = nb::keep<nb::bf16>, nb::role::kv_cache = nb::keep<nb::bf16>);

template <nb::gemma3::configuration Size>
void row(char const* size, char const* report) {
    auto const gb = [](std::uint64_t bytes) { return static_cast<double>(bytes) / 1e9; };
    std::printf(
        "| %-4s | %6.3f | %6.3f | %6.3f | %8.3f | %8.3f | %9.3f | %-32s |\n", size,
        gb(nb::ledger<Size, nb::recipes::bf16>.weight_bytes), gb(nb::ledger<Size, nb::recipes::q8_0>.weight_bytes),
        gb(nb::ledger<Size, nb::recipes::q4_0>.weight_bytes), gb(nb::ledger<Size, nb::recipes::q4_0_f16>.weight_bytes),
        gb(nb::ledger<Size, nb::recipes::int3_g64>.weight_bytes), gb(nb::ledger<Size, cached>.kv_cache_bytes(32'768)),
        report);
}

// Prints the table of the README; a test compares the two.
int main() {
    std::puts(
        "| GB   |   bf16 |   q8_0 |   q4_0 | q4_0_f16 | int3_g64 | 32k cache | report: bf16, Int4, blocks of 32 |");
    std::puts(
        "|------|-------:|-------:|-------:|---------:|---------:|----------:|----------------------------------|");
    row<nb::gemma3_270m>("270M", "not in it");
    row<nb::gemma3_1b>("1B", "2.0, 0.5, 0.7");
    row<nb::gemma3_4b>("4B", "8.0, 2.6, 2.9");
    row<nb::gemma3_12b>("12B", "24.0, 6.6, 7.1");
    row<nb::gemma3_27b>("27B", "54.0, 14.1, 15.3");
}
