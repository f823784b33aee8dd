// SPDX-License-Identifier: Apache-2.0
#include "input.hpp"
#include "output.hpp"
#include "scoring.hpp"

#include <nibble/nn/cross_entropy.hpp>

namespace program {

void perplexity(perplexity_options const& options) {
    std::string const text = read_text(options.text);
    engine model(options.model);
    auto const windows = windows_to_score(model.words(), text, options.text, options.window);
    token_mean loss;
    score_tokens<1>(
        "perplexity", {&model}, windows, options.window,
        [](auto const& logits, std::uint32_t id) { return nb::cross_entropy(logits[0], id); },
        [&](double one) { loss.add(one); });
    perplexity_value const result(loss);

    if (options.json) {
        print({{"perplexity", result.value},
               {"standard_error", result.standard_error},
               {"tokens", loss.count},
               {"windows", windows.size()},
               {"window", options.window},
               {"activations", model.activations()},
               {"kv_cache", nb::name_of(model.model().kv_type)},
               {"threads", model.threads()}});
        return;
    }
    std::cout << "perplexity  " << fixed(result.value, 4) << " ± " << fixed(result.standard_error, 4) << '\n'
              << "tokens      " << loss.count << " in " << windows.size() << " windows of up to " << options.window
              << '\n'
              << "mode        " << model.mode() << '\n';
}

}  // namespace program
