// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace program {

/// What every command that runs a model takes.
struct model_options {
    std::string path;
    std::size_t threads = 0;  ///< 0: one a hardware thread
    std::string activations;  ///< empty: what the file asks for
    std::string kv;           ///< likewise
};

struct run_options {
    model_options model;
    std::optional<std::string> prompt;
    bool raw = false;
    bool json = false;
    std::size_t max_tokens = 512;
    std::optional<std::size_t> context;  ///< none: 4096, or what the model was trained for if that is less
    float temperature = 1;
    std::uint32_t top_k = 64;
    float top_p = 0.95f;
    float min_p = 0;
    std::optional<std::uint64_t> seed;  ///< none: another one each time
};

struct recipes_options {
    bool json = false;
};

struct inspect_options {
    std::string path;
    std::string stage = "model";
    bool json = false;
};

struct tokenize_options {
    std::string path;
    std::string text;
};

struct logits_options {
    model_options model;
    std::string tokens;
    std::string out;
};

struct generate_options {
    model_options model;
    std::string tokens;
    std::size_t first = 0;
    std::size_t count = 0;
};

struct quantize_options {
    std::string in;
    std::string out;
    std::string recipe;
    std::string gptq{};  ///< text to calibrate on; empty: none
    std::size_t gptq_tokens = 8192;
    bool gptq_order = false;
    bool recover = false;
    bool allow_loss = false;
    std::size_t threads = 0;
    bool json = false;
};

struct export_model_options {
    std::string from;
    std::string out;
    std::string recipe;  ///< empty: the codes that are there
    std::string type = "f32";
    bool allow_loss = false;
    std::size_t threads = 0;
    bool json = false;
};

struct perplexity_options {
    model_options model;
    std::string text;
    std::size_t window = 512;
    bool json = false;
};

struct compare_options {
    std::string reference;
    model_options model;
    std::string text;
    std::size_t window = 512;
    bool json = false;
};

/// What both kinds of training take.
struct training_options {
    std::vector<std::string> texts{};
    std::vector<std::string> held_out{};  ///< more text to measure on
    std::string out{};                    ///< folder
    std::uint64_t steps = 0;
    std::uint64_t batch = 16;    ///< texts a step
    std::uint64_t tokens = 256;  ///< of a text
    double rate = 0;             ///< highest
    std::uint64_t warmup = 20;
    double weight_decay = 0.1;
    std::uint64_t seed = 0;
    std::uint64_t save_every = 100;  ///< steps
    std::uint64_t accumulate = 1;    ///< parts of a step, whose gradients are added up
    std::string state = "f32";       ///< of the optimizer
    bool recompute = false;
    std::size_t threads = 0;
    bool json = false;
};

struct train_options {
    training_options training{.rate = 3e-3};
    std::string configuration;
    std::uint32_t pieces = 0;  ///< of the vocabulary; 0: as many as the configuration has
};

struct qat_options {
    training_options training{.rate = 5e-4};
    std::string checkpoint;
    std::string recipe;
    std::string teacher;  ///< empty: the texts teach
    double temperature = 1;
    std::string activations;  ///< empty: what the recipe says
    std::string kv;           ///< likewise
    bool fixed_scales = false;
};

struct make_options {
    std::string out;
    std::string configuration;
    std::string recipe;
    std::uint64_t seed = 0;
    std::size_t threads = 0;
};

struct bench_options {
    model_options model;
    std::size_t prompt = 512;
    std::size_t answer = 128;
    std::size_t repeat = 5;
    bool json = false;
};

// The commands. Each throws nibble::error for what it cannot do.
void run(run_options const& options);
void recipes(recipes_options const& options);
void inspect(inspect_options const& options);
void tokenize(tokenize_options const& options);
void logits(logits_options const& options);
void generate(generate_options const& options);
void quantize(quantize_options const& options);
void export_model(export_model_options const& options);
void perplexity(perplexity_options const& options);
void compare(compare_options const& options);
void train(train_options const& options);
void qat(qat_options const& options);
void make(make_options const& options);
void bench(bench_options const& options);

}  // namespace program
