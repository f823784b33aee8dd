// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/gemma3/trained_model.hpp>
#include <nibble/gemma3/training_pass.hpp>
#include <nibble/nn/adamw.hpp>
#include <nibble/nn/gradient_clip.hpp>
#include <nibble/nn/loss.hpp>
#include <nibble/nn/schedule.hpp>
#include <nibble/numeric/error.hpp>
#include <nibble/numeric/random.hpp>
#include <nibble/quantize/learned_step.hpp>
#include <nibble/tensor/backend.hpp>

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace nibble::gemma3 {

struct trainer_options {
    schedule rate = schedule::constant(1e-3);
    adamw_options adamw{.beta2 = 0.95, .weight_decay = 0.1};  ///< its rate is the schedule's; norms do not decay
    double learned_rate = 0.1;  ///< of scales and all else that is learned beside weights, as a share of theirs
    double clip = 1.0;          ///< the longest gradient
    std::uint64_t seed = 0;     ///< of random rounding
    bool recompute = false;     ///< see loss_and_gradient
};

/// What a step did.
struct training_step {
    double loss = 0;       ///< mean over the tokens, in nats, before the update
    double norm = 0;       ///< of the gradient, before it was clipped
    double rate = 0;       ///< of learning
    bool skipped = false;  ///< the loss or the gradient was not finite, and nothing changed
};

/// A model and the state of its optimizer, which is kept as State: float, or bf16 with stochastic rounding.
///   result  a step is a pure function of the model, the state, its batches and the seed: the same bits for any number
///           of threads
///   memory  weights, gradients and state: 16 bytes a parameter, 12 with bf16; what loss_and_gradient takes; and, where
///           weights are quantized, codes and another gradient of one matrix. A learned scale counts as a parameter.
template <class State = float>
class trainer {
public:
    trainer(trained_model model, trainer_options const& options)
        : model_(std::move(model)), options_(options), gradients_(zero_parameters(model_.config)) {
        for (double const share : {1.0, options_.learned_rate}) {
            auto adamw = options_.adamw;
            adamw.rate = share * options_.rate.peak();
            nibble::detail::factors_of(adamw, 1);  // throws for what is out of range
        }
        if (!(options_.clip > 0)) {
            throw error("A trainer got a longest gradient of " + std::to_string(options_.clip) +
                        "; it has to be above 0, infinity for no limit.");
        }
        std::size_t count = 0;
        for_each_run([&](trained_kind, std::span<float> w) { count += w.size(); }, model_.parameters);
        nibble::detail::allocate(
            [&] {
                mean_.resize(count);
                square_.resize(count);
            },
            [&] { return "the optimizer's state of " + std::to_string(count) + " parameters"; });
    }

    trained_model const& model() const { return model_; }
    trainer_options const& options() const { return options_; }
    std::uint64_t steps() const { return steps_; }      ///< done, those skipped included
    std::uint64_t skipped() const { return skipped_; }  ///< of these

    /// The model, which the trainer is done with.
    trained_model take() && { return std::move(model_); }

    /// One update from the mean over the tokens of all batches. Throws nibble::error where no token is to predict, for
    /// what loss_and_gradient refuses, and for a key or value beyond what a cache of f16 or bf16 holds; nothing changes
    /// then.
    training_step step(cpu where, std::span<training_batch const> batches, training_loss const& loss = {}) {
        training_step result{.rate = options_.rate.rate(steps_ + 1)};
        std::size_t asked = 0;
        for (auto const& batch : batches) {
            asked += static_cast<std::size_t>(
                std::count_if(batch.targets.begin(), batch.targets.end(), [](auto t) { return t != no_target; }));
        }
        if (asked == 0) {
            throw error("A training step got no token to predict; give it texts of two tokens or more.");
        }
        for_each_run([](trained_kind, std::span<float> g) { std::fill(g.begin(), g.end(), 0.0f); }, gradients_);
        random_key const key{.seed = options_.seed, .step = static_cast<std::uint32_t>(steps_)};
        double sum = 0;
        for (auto const& batch : batches) {
            sum += loss_and_gradient(where, model_, batch, loss, static_cast<float>(1.0 / static_cast<double>(asked)),
                                     key, options_.recompute, gradients_);
        }
        for_each_parameter(
            [&](auto const& entry, std::uint32_t, auto const& w, auto& g) {
                if constexpr (requires { w.values; }) {
                    format_of(model_.recipe, entry).differentiate(where, w, key_of(key, w), g);
                }
            },
            model_.parameters, gradients_);
        result.loss = sum / static_cast<double>(asked);
        result.norm = norm_of_gradients(where);
        ++steps_;
        if (!std::isfinite(result.loss) || !std::isfinite(result.norm)) {
            ++skipped_;
            result.skipped = true;
            return result;
        }
        update(where, result, key);
        return result;
    }

    /// The state of the optimizer, in the order of for_each_run.
    std::span<State const> mean() const { return mean_; }
    std::span<State const> square() const { return square_; }

    /// Goes on from what a trainer of the same shape had: fill(parameters, mean, square) puts that in place, all the
    /// numbers that steps change. Throws nibble::error where more steps were skipped than done.
    template <class Fill>
    void resume(std::uint64_t steps, std::uint64_t skipped, Fill&& fill) {
        if (skipped > steps) {
            throw error("A trainer cannot have skipped " + std::to_string(skipped) + " steps of " +
                        std::to_string(steps) + "; give the counts of the run that it resumes.");
        }
        fill(model_.parameters, std::span(mean_), std::span(square_));
        steps_ = steps;
        skipped_ = skipped;
    }

private:
    std::vector<std::span<float>> gradient_runs() {
        std::vector<std::span<float>> runs;
        for_each_run([&](trained_kind, std::span<float> g) { runs.push_back(g); }, gradients_);
        return runs;
    }

    double norm_of_gradients(cpu where) {
        auto const runs = gradient_runs();
        return global_norm(where, std::span<std::span<float> const>(runs));
    }

    void update(cpu where, training_step const& result, random_key key) {
        auto const runs = gradient_runs();
        float const factor = clip_factor(result.norm, options_.clip);
        if (factor != 1.0f) {
            scale_gradients(where, runs, factor);
        }
        std::size_t at = 0;
        std::uint32_t run = first_run;
        for_each_run(
            [&](trained_kind kind, std::span<float> w, std::span<float const> g) {
                auto how = options_.adamw;
                how.rate = kind == trained_kind::learned ? options_.learned_rate * result.rate : result.rate;
                how.weight_decay = kind == trained_kind::weights ? how.weight_decay : 0.0;
                adamw_step<State>(where, how, steps_ - skipped_, w, g, std::span(mean_).subspan(at, w.size()),
                                  std::span(square_).subspan(at, w.size()), {key.seed, key.step, run++});
                at += w.size();
            },
            model_.parameters, gradients_);
        for_each_parameter(
            [](auto const&, std::uint32_t, auto& w) {
                if constexpr (requires { w.learned; }) {
                    keep_positive(w.learned.scale);
                    keep_positive(w.learned.step);
                }
            },
            model_.parameters);
    }

    /// Numbers of runs, for the random bits of their state, begin behind those of all matrices.
    static constexpr std::uint32_t first_run = 0x80000000u;

    trained_model model_;
    trainer_options options_;
    trained_parameters gradients_;
    std::vector<State> mean_;
    std::vector<State> square_;
    std::uint64_t steps_ = 0;
    std::uint64_t skipped_ = 0;
};

}  // namespace nibble::gemma3
