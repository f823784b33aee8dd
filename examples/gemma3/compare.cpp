// SPDX-License-Identifier: Apache-2.0
#include "input.hpp"
#include "one_vocabulary.hpp"
#include "output.hpp"
#include "scoring.hpp"

#include <nibble/nn/compare_logits.hpp>
#include <nibble/nn/cross_entropy.hpp>

namespace program {

namespace {

/// What the logits a of the reference and b of the other model say about one token.
struct token_score {
    double loss_a = 0;
    double loss_b = 0;
    double divergence = 0;  ///< KL(a || b)
    double difference = 0;  ///< Σ (b − a)² over the vocabulary
    double power = 0;       ///< Σ a²
    bool agrees = false;    ///< both hold the same token for the most probable
};

token_score score_of(std::span<float const> a, std::span<float const> b, std::uint32_t id) {
    auto const compared = nb::compare_logits(a, b);
    token_score result{.loss_a = nb::cross_entropy(a, id),
                       .loss_b = nb::cross_entropy(b, id),
                       .divergence = compared.divergence,
                       .agrees = compared.same_top};
    for (std::size_t i = 0; i < a.size(); ++i) {
        auto const reference = static_cast<double>(a[i]);
        double const error = static_cast<double>(b[i]) - reference;
        result.difference += error * error;
        result.power += reference * reference;
    }
    return result;
}

known_tokens tokens_of(engine const& model, std::string const& path) {
    auto const& words = model.model().words;
    return {model.config().vocabulary, words ? &words->vocabulary() : nullptr, path};
}

json report_of(engine const& model, std::string const& path, perplexity_value const& perplexity) {
    return {{"file", path},
            {"perplexity", perplexity.value},
            {"standard_error", perplexity.standard_error},
            {"activations", model.activations()},
            {"kv_cache", nb::name_of(model.model().kv_type)}};
}

}  // namespace

void compare(compare_options const& options) {
    std::string const text = read_text(options.text);
    engine reference({options.reference, options.model.threads, {}, {}});
    engine model(options.model);
    require_one_vocabulary(tokens_of(reference, options.reference), tokens_of(model, options.model.path));
    auto const windows = windows_to_score(reference.words(), text, options.text, options.window);

    token_mean loss_a, loss_b, divergence;
    double difference = 0, power = 0;
    std::size_t agreed = 0;
    score_tokens<2>(
        "comparing", {&reference, &model}, windows, options.window,
        [](auto const& logits, std::uint32_t id) { return score_of(logits[0], logits[1], id); },
        [&](token_score const& one) {
            loss_a.add(one.loss_a);
            loss_b.add(one.loss_b);
            divergence.add(one.divergence);
            difference += one.difference;
            power += one.power;
            agreed += one.agrees ? 1 : 0;
        });
    perplexity_value const a(loss_a), b(loss_b);
    double const agreement = static_cast<double>(agreed) / static_cast<double>(loss_a.count);
    double const error = difference / power;

    if (options.json) {
        print({{"reference", report_of(reference, options.reference, a)},
               {"model", report_of(model, options.model.path, b)},
               {"kl", divergence.mean()},
               {"kl_standard_error", divergence.standard_error()},
               {"top1_agreement", agreement},
               {"logits_nmse", error},
               {"tokens", loss_a.count},
               {"windows", windows.size()},
               {"window", options.window},
               {"threads", model.threads()}});
        return;
    }
    auto const line = [](char const* name, perplexity_value const& one, engine const& from) {
        std::cout << name << "perplexity " << fixed(one.value, 4) << " ± " << fixed(one.standard_error, 4) << ", "
                  << from.mode() << '\n';
    };
    line("A           ", a, reference);
    line("B           ", b, model);
    std::cout << "KL(A || B)  " << significant(divergence.mean(), 4) << " ± "
              << significant(divergence.standard_error(), 2) << " nats a token\n"
              << "best token  the same in " << fixed(100 * agreement, 2) << " %\n"
              << "logits      NMSE " << significant(error, 3) << '\n'
              << "tokens      " << loss_a.count << " in " << windows.size() << " windows of up to " << options.window
              << '\n';
}

}  // namespace program
