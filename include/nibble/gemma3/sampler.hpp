// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/error.hpp>
#include <nibble/numeric/exp.hpp>
#include <nibble/numeric/random.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <span>
#include <string>
#include <vector>

namespace nibble::gemma3 {

/// How the next token is chosen from the logits. The steps, in this order:
///   temperature  logits are divided by it; 0 is greedy: the largest logit, the lowest id of equal ones
///   top_k        the k largest logits are left, the lowest ids of equal ones first; 0: all
///   top_p        of these, the fewest most probable that together have at least this probability
///   min_p        of these, those at least min_p times as probable as the most probable
/// and one of them is drawn by its probability.
struct sampling {
    float temperature = 0;
    std::uint32_t top_k = 64;
    float top_p = 0.95f;
    float min_p = 0;
    std::uint64_t seed = 0;
};

/// Chooses tokens one after the other. The same logits give the same tokens on every machine: the random number of a
/// step is a pure function of (seed, step).
class sampler {
public:
    /// Throws nibble::error for an option out of range.
    explicit sampler(sampling const& options = {}) : options_(options) {
        constexpr float largest = (std::numeric_limits<float>::max)();
        check(options.temperature >= 0 && options.temperature <= largest, "temperature", options.temperature,
              "be 0 or more");
        check(options.top_p > 0 && options.top_p <= 1, "top_p", options.top_p, "be above 0 and at most 1");
        check(options.min_p >= 0 && options.min_p <= 1, "min_p", options.min_p, "be 0 to 1");
    }

    /// The id of the next token. Throws nibble::error where a logit is NaN or +infinity or all are −infinity.
    ///   cost  one pass over the logits with top_k well below their number; a sort of them all without top_k
    std::uint32_t operator()(std::span<float const> logits) {
        std::uint32_t const best = first_of_largest(logits);
        std::uint64_t const step = step_++;
        if (options_.temperature == 0 || options_.top_k == 1) {
            return best;
        }
        keep_top_k(logits);
        weigh(logits, logits[best]);
        keep_top_p_and_min_p();
        return draw(step);
    }

private:
    static void check(bool holds, char const* what, float value, char const* rule) {
        if (!holds) {
            throw error(std::string("sampling: ") + what + " is " + std::to_string(value) + "; it must " + rule + ".");
        }
    }

    static std::uint32_t first_of_largest(std::span<float const> logits) {
        constexpr float infinity = std::numeric_limits<float>::infinity();
        float largest = -infinity;
        std::uint32_t best = 0;
        for (std::uint32_t id = 0; id < logits.size(); ++id) {
            if (!(logits[id] < infinity)) {
                throw error("sampler: logit " + std::to_string(id) + " is " + std::to_string(logits[id]) +
                            "; the model or its input is damaged.");
            }
            if (logits[id] > largest) {
                largest = logits[id];
                best = id;
            }
        }
        if (largest == -infinity) {
            throw error("sampler: none of " + std::to_string(logits.size()) +
                        " logits is finite; there is no token to choose.");
        }
        return best;
    }

    /// The ids that are left, the most probable first.
    void keep_top_k(std::span<float const> logits) {
        auto const before = [logits](std::uint32_t a, std::uint32_t b) {
            return logits[a] != logits[b] ? logits[a] > logits[b] : a < b;
        };
        std::size_t const count =
            options_.top_k == 0 ? logits.size() : std::min<std::size_t>(options_.top_k, logits.size());
        ids_.resize(logits.size());
        std::iota(ids_.begin(), ids_.end(), 0u);
        if (count == logits.size()) {
            std::sort(ids_.begin(), ids_.end(), before);
        } else {
            std::partial_sort(ids_.begin(), ids_.begin() + static_cast<std::ptrdiff_t>(count), ids_.end(), before);
            ids_.resize(count);
        }
    }

    /// weights_[i] = e^((logit of ids_[i] − largest) / temperature): probabilities times a constant, the first is 1.
    void weigh(std::span<float const> logits, float largest) {
        weights_.resize(ids_.size());
        for (std::size_t i = 0; i < ids_.size(); ++i) {
            weights_[i] = static_cast<double>(nibble::exp((logits[ids_[i]] - largest) / options_.temperature));
        }
    }

    void keep_top_p_and_min_p() {
        double const wanted =
            static_cast<double>(options_.top_p) * std::accumulate(weights_.begin(), weights_.end(), 0.0);
        auto const least = static_cast<double>(options_.min_p);
        double kept = 0;
        std::size_t count = 0;
        while (count < weights_.size() && weights_[count] > 0 && weights_[count] >= least && kept < wanted) {
            kept += weights_[count++];
        }
        weights_.resize(count);
        ids_.resize(count);
    }

    std::uint32_t draw(std::uint64_t step) const {
        constexpr std::uint32_t stream = 0x73616d70;  // "samp": no tensor of a model has this index
        philox_block const bits = random_block({options_.seed, 0, stream}, step);
        double const uniform =
            static_cast<double>((std::uint64_t{bits.words[0]} << 32 | bits.words[1]) >> 11) * 0x1p-53;  // in [0, 1)
        double const target = uniform * std::accumulate(weights_.begin(), weights_.end(), 0.0);
        double sum = 0;
        for (std::size_t i = 0; i + 1 < ids_.size(); ++i) {
            sum += weights_[i];
            if (target < sum) {
                return ids_[i];
            }
        }
        return ids_.back();
    }

    sampling options_;
    std::uint64_t step_ = 0;
    std::vector<std::uint32_t> ids_;
    std::vector<double> weights_;
};

}  // namespace nibble::gemma3
