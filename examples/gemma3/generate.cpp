// SPDX-License-Identifier: Apache-2.0
#include "engine.hpp"
#include "input.hpp"
#include "progress.hpp"

#include <nibble/gemma3/generate.hpp>

#include <iostream>

namespace program {

void generate(generate_options const& options) {
    auto ids = read_ids(options.tokens);
    if (options.first == 0 || options.first > ids.size()) {
        throw nb::error("--first is " + std::to_string(options.first) + ", but " + options.tokens + " has " +
                        std::to_string(ids.size()) + " tokens; give 1 to " + std::to_string(ids.size()) + ".");
    }
    ids.resize(options.first);
    engine running(options.model);
    running.require_ids(ids, options.tokens);

    progress line("generating");
    std::string text;
    std::size_t done = 0;
    for (auto const id : nb::gemma3::generate(running.where(), running.model(), ids,
                                              {.max_tokens = options.count,
                                               .sample = {.temperature = 0},
                                               .context = options.first + options.count,
                                               .stop_at_end = false})) {
        text.append(text.empty() ? "" : " ").append(std::to_string(id));
        line(++done, options.count);
    }
    std::cout << text << '\n';
}

}  // namespace program
