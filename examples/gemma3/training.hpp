// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "options.hpp"
#include "output.hpp"

#include <nibble/gemma3/trained_model.hpp>
#include <nibble/gemma3/training_pass.hpp>
#include <nibble/gemma3/vocabulary.hpp>
#include <nibble/io/safetensors_writer.hpp>
#include <nibble/tensor/backend.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace program {

namespace nb = nibble;

/// The texts of the options: the first nine tenths of each to train on, the rest and those of --held-out to measure on.
struct split_texts {
    std::string train;
    std::string held_out;
};

/// Throws nibble::error for a file that cannot be read.
split_texts read_texts(training_options const& options);

/// A run: what is trained, on what, and where it is kept.
struct training_job {
    training_options const& options;
    split_texts const& texts;
    nb::vocabulary const& words;
    nb::gemma3::training_loss loss{};
    nb::safetensors_metadata facts{};  ///< what a run that goes on has to have alike, beside the options
    json about;                        ///< for run.json
};

/// A model as the last step left it; an interrupt may have come before the last of all.
struct trained_result {
    nb::gemma3::trained_model model;
    std::uint64_t steps = 0;
    std::uint64_t skipped = 0;
    double held_out = 0;                  ///< perplexity
    std::vector<std::uint32_t> sample{};  ///< a window of the held-out text
};

/// Trains, or goes on from what the folder has. It gets held-out.txt, token shards, state-<step>.safetensors,
/// metrics.jsonl and run.json.
trained_result train_model(nb::cpu where, nb::gemma3::trained_model model, training_job const& job);

}  // namespace program
