// SPDX-License-Identifier: Apache-2.0
#include "input.hpp"
#include "options.hpp"

#include <nibble/gemma3/checkpoint.hpp>
#include <nibble/gemma3/tokenizer.hpp>

#include <iostream>

namespace program {

void tokenize(tokenize_options const& options) {
    auto const file = nibble::gemma3::checkpoint::open(options.path);
    if (file.words() == nullptr) {
        throw nibble::error(options.path +
                            ": there is no tokenizer; put tokenizer.model or tokenizer.json beside the files.");
    }
    nibble::tokenizer const words(*file.words());
    char const* before = "";
    for (auto const id : words.encode(read_text(options.text), true)) {
        std::cout << before << id;
        before = " ";
    }
    std::cout << '\n';
}

}  // namespace program
