// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "output.hpp"

#include <cstdint>
#include <filesystem>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace program {

/// What a line of metrics.jsonl says about a step; NaN where it says nothing, or null.
struct step_record {
    static constexpr double none = std::numeric_limits<double>::quiet_NaN();

    std::uint64_t step = 0;
    double loss = none;     ///< mean of the step's tokens, in nats
    double norm = none;     ///< of the gradient, before it was clipped
    double rate = none;     ///< of learning
    double tokens = none;   ///< that the step took
    double seconds = none;  ///< that it took
    bool skipped = false;
};

struct held_out_record {
    std::uint64_t step = 0;
    double perplexity = step_record::none;
};

/// Both by rising step, each step once.
struct step_records {
    std::vector<step_record> steps;
    std::vector<held_out_record> held_out;
};

struct code_counts {
    std::string tensor, scheme;
    std::vector<double> counts;  ///< how many weights have each code; one or more, 0 to 1e18
};

/// A comparison of recipes: a cell is NaN where nothing was measured.
struct comparison_row {
    std::string recipe;
    double exact = step_record::none;      ///< perplexities on held-out text: of the float control,
    double rounded = step_record::none;    ///< of its weights rounded,
    double gptq = step_record::none;       ///< quantized by GPTQ,
    double qat = step_record::none;        ///< and trained quantized
    double recovered = step_record::none;  ///< (rounded − qat) / (rounded − exact)
    double kl = step_record::none;         ///< of the trained one from the control, in nats a token
    double top1 = step_record::none;       ///< share of tokens
    double bytes = step_record::none;
    double tokens_per_second = step_record::none;
};

/// The output folder of a training run, as a page needs it.
struct training_record {
    std::string name;  ///< of the folder
    step_records metrics;
    json run = json::object();  ///< run.json; no object in it deeper than `json_depth`
    std::vector<comparison_row> table;
    std::vector<code_counts> codes;
};

inline constexpr int json_depth = 32;

/// The lines of metrics.jsonl, each an object: {"step": 12, "loss": 2.31, "norm": 0.8, "rate": 0.001, "tokens": 4096,
/// "seconds": 0.3, "skipped": false} or {"step": 100, "held_out": 3.9}; other objects are passed over. Of lines for the
/// same step, as a resumed run writes them, the last counts. A last line that is not JSON, cut by a crash, is left out.
/// Throws nibble::error with `name` and the line's number for any other that is wrong, and where no step is left.
step_records parse_metrics(std::string_view text, std::string const& name);

/// metrics.jsonl, and run.json, table.json and codes.json where they are. Throws nibble::error, which names the file.
training_record read_training_record(std::filesystem::path const& folder);

}  // namespace program
