// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "engine.hpp"
#include "progress.hpp"

#include <nibble/gemma3/windows.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace program {

/// The mean of numbers, one a token, and how sure it is.
struct token_mean {
    double sum = 0;
    double squares = 0;
    std::size_t count = 0;

    void add(double value) {
        sum += value;
        squares += value * value;
        ++count;
    }

    double mean() const { return sum / static_cast<double>(count); }

    /// Of the mean, tokens taken as independent; 0 for one token.
    double standard_error() const {
        auto const n = static_cast<double>(count);
        return count > 1 ? std::sqrt(std::max(0.0, (squares - sum * mean()) / (n - 1)) / n) : 0;
    }
};

/// Of the mean loss: e^mean and its standard error.
struct perplexity_value {
    double value, standard_error;

    explicit perplexity_value(token_mean const& loss)
        : value(std::exp(loss.mean())), standard_error(value * loss.standard_error()) {}
};

/// nibble::gemma3::windows_of. Throws nibble::error, which names its file, where no token is to predict.
inline std::vector<std::vector<std::uint32_t>> windows_to_score(nb::tokenizer const& words, std::string const& text,
                                                                std::string const& path, std::size_t window) {
    auto windows = nb::gemma3::windows_of(words, text, window);
    if (windows.empty()) {
        throw nb::error(path + ": the text has no token to predict; give a longer text.");
    }
    return windows;
}

/// add(score(logits, id)) for every token `id` of the windows but the first of each, in their order; logits[m] are what
/// models[m] predicts it with. The models' vocabularies are of one size. Several threads at a time call score.
template <std::size_t Models, class Score, class Add>
void score_tokens(std::string what, std::array<engine*, Models> models,
                  std::vector<std::vector<std::uint32_t>> const& windows, std::size_t window, Score const& score,
                  Add const& add) {
    using row_of_each = std::array<std::span<float const>, Models>;
    using result = decltype(score(row_of_each(), std::uint32_t()));
    progress line(std::move(what));
    std::vector<logits_reader> readers;
    for (auto* const model : models) {
        readers.emplace_back(*model, window);
    }
    std::vector<result> results;
    for (std::size_t w = 0; w < windows.size(); ++w) {
        line(w, windows.size());
        std::span<std::uint32_t const> const ids = windows[w];
        for (auto& reader : readers) {
            reader.start(ids);
        }
        for (std::size_t done = 0; done + 1 < ids.size();) {
            std::vector<nb::matrix_view<float const>> rows;
            for (auto& reader : readers) {
                rows.push_back(reader.next());
            }
            // Nothing follows the last token.
            std::size_t const count = std::min(rows.front().rows(), ids.size() - 1 - done);
            results.assign(count, {});
            models.front()->where().parallel_for(count, [&](std::size_t begin, std::size_t end) {
                for (std::size_t i = begin; i < end; ++i) {
                    row_of_each each;
                    std::ranges::transform(rows, each.begin(), [&](auto const& of) { return of.row(i); });
                    results[i] = score(each, ids[done + i + 1]);
                }
            });
            for (auto const& one : results) {
                add(one);
            }
            done += rows.front().rows();
        }
    }
}

}  // namespace program
