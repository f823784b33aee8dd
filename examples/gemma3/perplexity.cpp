// SPDX-License-Identifier: Apache-2.0
#include "engine.hpp"
#include "input.hpp"
#include "output.hpp"
#include "progress.hpp"

#include <nibble/gemma3/windows.hpp>
#include <nibble/nn/cross_entropy.hpp>

#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

namespace program {

namespace {

/// Sums over the tokens that count.
struct score {
    double loss = 0;          ///< Σ −ln p
    double loss_squared = 0;  ///< Σ (ln p)²
    double reference_loss = 0;
    double difference = 0;  ///< Σ (l − r)² over logits l and those of the reference r
    double power = 0;       ///< Σ r²
    std::size_t agreed = 0;
    std::size_t tokens = 0;

    void operator+=(score const& other) {
        loss += other.loss;
        loss_squared += other.loss_squared;
        reference_loss += other.reference_loss;
        difference += other.difference;
        power += other.power;
        agreed += other.agreed;
        tokens += other.tokens;
    }
};

score score_of(std::span<float const> logits, std::uint32_t target) {
    double const loss = nb::cross_entropy(logits, target);
    return {.loss = loss, .loss_squared = loss * loss, .tokens = 1};
}

void compare(score& result, std::span<float const> logits, std::span<float const> reference, std::uint32_t target) {
    result.reference_loss = nb::cross_entropy(reference, target);
    for (std::size_t i = 0; i < logits.size(); ++i) {
        auto const r = static_cast<double>(reference[i]);
        double const d = static_cast<double>(logits[i]) - r;
        result.difference += d * d;
        result.power += r * r;
    }
    auto const best = [](auto l) { return std::max_element(l.begin(), l.end()) - l.begin(); };
    result.agreed = best(logits) == best(reference) ? 1 : 0;
}

class reader {
public:
    reader(engine& model, engine* reference, std::size_t window) : model_(model), logits_(model, window) {
        if (reference != nullptr) {
            reference_.emplace(*reference, window);
        }
    }

    score operator()(std::span<std::uint32_t const> ids) {
        score sum;
        logits_.start(ids);
        if (reference_) {
            reference_->start(ids);
        }
        std::vector<score> scores;
        for (std::size_t done = 0; done + 1 < ids.size();) {
            auto const rows = logits_.next();
            auto const wanted = reference_ ? reference_->next() : rows;
            std::size_t const count = std::min(rows.rows(), ids.size() - 1 - done);  // nothing follows the last token
            scores.assign(count, {});
            model_.where().parallel_for(count, [&](std::size_t begin, std::size_t end) {
                for (std::size_t i = begin; i < end; ++i) {
                    scores[i] = score_of(rows.row(i), ids[done + i + 1]);
                    if (reference_) {
                        compare(scores[i], rows.row(i), wanted.row(i), ids[done + i + 1]);
                    }
                }
            });
            for (auto const& one : scores) {
                sum += one;
            }
            done += rows.rows();
        }
        return sum;
    }

private:
    engine& model_;
    logits_reader logits_;
    std::optional<logits_reader> reference_;
};

}  // namespace

void perplexity(perplexity_options const& options) {
    std::string const text = read_text(options.text);
    engine model(options.model);
    std::optional<engine> reference;
    if (!options.reference.empty()) {
        reference.emplace(model_options{options.reference, options.model.threads, {}, {}});
        if (reference->config().vocabulary != model.config().vocabulary) {
            throw nb::error(options.reference + ": the vocabulary has " +
                            std::to_string(reference->config().vocabulary) + " ids and that of " + options.model.path +
                            " " + std::to_string(model.config().vocabulary) + "; compare models of one vocabulary.");
        }
    }
    auto const windows = nb::gemma3::windows_of(model.words(), text, options.window);
    if (windows.empty()) {
        throw nb::error(options.text + ": the text has no token to predict; give a longer text.");
    }

    score sum;
    {
        progress line("perplexity");
        reader read(model, reference ? &*reference : nullptr, options.window);
        for (std::size_t i = 0; i < windows.size(); ++i) {
            line(i, windows.size());
            sum += read(windows[i]);
        }
    }
    auto const n = static_cast<double>(sum.tokens);
    double const mean = sum.loss / n;
    double const variance = sum.tokens > 1 ? std::max(0.0, (sum.loss_squared - n * mean * mean) / (n - 1)) : 0;
    double const value = std::exp(mean);
    double const standard_error = value * std::sqrt(variance / n);
    double const error = sum.difference / sum.power;
    double const agreement = static_cast<double>(sum.agreed) / n;

    if (options.json) {
        json report{{"perplexity", value},
                    {"standard_error", standard_error},
                    {"tokens", sum.tokens},
                    {"windows", windows.size()},
                    {"window", options.window},
                    {"activations", model.activations()},
                    {"kv_cache", nb::name_of(model.model().kv_type)},
                    {"threads", model.threads()}};
        if (reference) {
            report["reference"] = {{"file", options.reference},
                                   {"activations", reference->activations()},
                                   {"perplexity", std::exp(sum.reference_loss / n)},
                                   {"logits_nmse", error},
                                   {"top1_agreement", agreement}};
        }
        print(report);
        return;
    }
    std::cout << "perplexity  " << fixed(value, 4) << " ± " << fixed(standard_error, 4) << '\n'
              << "tokens      " << sum.tokens << " in " << windows.size() << " windows of up to " << options.window
              << '\n'
              << "mode        " << model.mode() << '\n';
    if (reference) {
        std::cout << "reference   perplexity " << fixed(std::exp(sum.reference_loss / n), 4) << ", "
                  << reference->mode() << '\n'
                  << "logits      NMSE " << significant(error, 3) << ", best token the same in "
                  << fixed(100 * agreement, 2) << " %\n";
    }
}

}  // namespace program
