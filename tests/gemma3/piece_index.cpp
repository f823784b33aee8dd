// SPDX-License-Identifier: Apache-2.0
#include <nibble/gemma3/piece_index.hpp>

#include <catch2/catch_test_macros.hpp>

TEST_CASE("every text finds the first id that has it, and no other text finds one", "[gemma3]") {
    std::vector<std::string> pieces;
    for (int i = 0; i < 5000; ++i) {
        pieces.push_back(std::to_string(i * 7919 % 4000));
    }
    nibble::piece_index index(pieces.size());
    for (std::uint32_t id = 0; id < pieces.size(); ++id) {
        index.add(pieces, id);
    }
    for (std::uint32_t id = 0; id < 4000; ++id) {
        CHECK(index.find(pieces, pieces[id]) == id);  // 7919 and 4000 have no common divisor: the first 4000 differ
    }
    CHECK_FALSE(index.find(pieces, "4000"));
    CHECK_FALSE(index.find(pieces, ""));
    CHECK_FALSE(nibble::piece_index().find(pieces, "1"));
}
