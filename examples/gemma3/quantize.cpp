// SPDX-License-Identifier: Apache-2.0
#include "input.hpp"
#include "options.hpp"
#include "output.hpp"
#include "progress.hpp"
#include "recipe_job.hpp"

#include <nibble/gemma3/tokenizer.hpp>
#include <nibble/gemma3/windows.hpp>
#include <nibble/tensor/thread_pool.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace program {

namespace {

/// The first tokens of a text, as many as the options ask for, in windows of 512.
std::vector<std::vector<std::uint32_t>> calibration_texts(nb::gemma3::checkpoint const& file, std::string const& text,
                                                          quantize_options const& options) {
    if (file.words() == nullptr) {
        throw nb::error(options.in +
                        ": there is no tokenizer; put tokenizer.model or tokenizer.json beside the files.");
    }
    auto windows = nb::gemma3::windows_of(nb::tokenizer(*file.words()), text, 512);
    std::size_t taken = 0;
    std::size_t tokens = 0;
    for (; taken < windows.size() && tokens < options.gptq_tokens; ++taken) {
        auto& one = windows[taken];
        one.resize(std::min(one.size(), options.gptq_tokens - tokens));
        tokens += one.size();
    }
    if (tokens < options.gptq_tokens) {
        throw nb::error(options.gptq + ": the text has " + std::to_string(tokens) + " tokens, but " +
                        std::to_string(options.gptq_tokens) +
                        " are to be taken; give a longer text, or fewer --gptq-tokens.");
    }
    windows.resize(taken);
    return windows;
}

/// What became of the outputs of the matrices of the blocks.
class output_errors {
public:
    void add(std::string const& tensor, double nearest, double written) {
        matrices_.push_back({{"tensor", tensor}, {"nearest", nearest}, {"written", written}});
        share_ += nearest == written ? 1 : written / nearest;
    }

    json const& matrices() const { return matrices_; }
    /// The mean over the matrices of their squared error over that of the nearest codes.
    double share() const { return share_ / static_cast<double>(matrices_.size()); }

private:
    json matrices_ = json::array();
    double share_ = 0;
};

}  // namespace

void quantize(quantize_options const& options) {
    bool const calibrates = !options.gptq.empty();
    std::string const text = calibrates ? read_text(options.gptq) : std::string();
    nb::gemma3::export_statistics written;
    output_errors errors;
    std::map<std::string, nb::gemma3::recovered_groups> recovered;
    nb::with_recipe(options.recipe, [&](auto const& entry) {
        using job = job_of<decltype(entry)>;
        auto const file = nb::gemma3::checkpoint::open(options.in);
        nb::gemma3::calibration how{.feedback = {.order_by_diagonal = options.gptq_order},
                                    .report = [&](auto const&... matrix) { errors.add(matrix...); }};
        if (calibrates) {
            how.texts = calibration_texts(file, text, options);
        }
        nb::thread_pool pool(options.threads);
        progress line("quantizing " + options.in);
        nb::gemma3::export_options const how_to_write{.allow_loss = options.allow_loss, .progress = std::ref(line)};
        if (calibrates) {
            written = job::calibrate(nb::cpu(pool), file, how, options.out, how_to_write);
        } else if (options.recover) {
            auto const keep = [&](auto const& groups) { recovered = groups; };
            written = job::recover(nb::cpu(pool), file, {.report = keep}, options.out, how_to_write);
        } else {
            written = job::quantize(nb::cpu(pool), file, options.out, how_to_write);
        }
    });
    nb::gemma3::recovered_groups sum;
    for (auto const& [tensor, groups] : recovered) {
        sum.recovered += groups.recovered;
        sum.groups += groups.groups;
    }
    if (options.json) {
        json report{{"file", options.out},
                    {"recipe", options.recipe},
                    {"file_bytes", written.file_bytes},
                    {"tensor_bytes", json(written.tensor_bytes)},
                    {"underflowed_groups", written.underflowed_groups}};
        if (!written.requantized.empty()) {
            report["relative_rms_of_requantized"] = written.requantized;
        }
        if (calibrates) {
            report["gptq"] = {{"text", options.gptq},
                              {"tokens", options.gptq_tokens},
                              {"mean_error_share", errors.share()},
                              {"squared_output_errors", errors.matrices()}};
        }
        if (options.recover) {
            json tensors = json::array();
            for (auto const& [tensor, groups] : recovered) {
                tensors.push_back({{"tensor", tensor}, {"recovered", groups.recovered}, {"groups", groups.groups}});
            }
            report["recover"] = {{"recovered", sum.recovered}, {"groups", sum.groups}, {"tensors", std::move(tensors)}};
        }
        print(report);
        return;
    }
    std::cout << options.out << ": " << bytes_text(written.file_bytes) << ", recipe " << options.recipe;
    if (written.underflowed_groups != 0) {
        std::cout << "; " << written.underflowed_groups << " groups are too small for their scale and became zero";
    }
    std::cout << '\n';
    if (!written.requantized.empty()) {
        auto const worst =
            std::ranges::max_element(written.requantized, {}, [](auto const& one) { return one.second; });
        std::cout << written.requantized.size() << " matrices got other codes than they had; " << worst->first
                  << " lost most, " << fixed(100 * worst->second, 2) << " % of the rms of its weights\n";
    }
    if (calibrates) {
        std::cout << "squared error of outputs on " << options.gptq_tokens
                  << " tokens: " << fixed(100 * errors.share(), 1) << " % of that of the nearest codes, in the mean of "
                  << errors.matrices().size() << " matrices\n";
    }
    if (options.recover) {
        for (auto const& [tensor, groups] : recovered) {
            if (groups.recovered != groups.groups) {
                std::cout << tensor << ": " << groups.recovered << " of " << groups.groups << " groups recovered\n";
            }
        }
        std::cout << "recovered: " << sum.recovered << " of " << sum.groups << " groups\n";
    }
}

}  // namespace program
