// SPDX-License-Identifier: Apache-2.0
#include "code_counts.hpp"
#include "describe.hpp"
#include "engine.hpp"
#include "one_vocabulary.hpp"
#include "progress.hpp"
#include "recipe_job.hpp"
#include "training.hpp"

#include <nibble/gemma3/checkpoint_rows.hpp>
#include <nibble/gemma3/random_model.hpp>
#include <nibble/gemma3/train_vocabulary.hpp>
#include <nibble/gemma3/training_texts.hpp>
#include <nibble/io/atomic_file.hpp>
#include <nibble/io/xxh64.hpp>
#include <nibble/numeric/error.hpp>
#include <nibble/tensor/thread_pool.hpp>

#include <cmath>
#include <filesystem>
#include <optional>
#include <utility>

namespace program {

namespace {

/// The largest difference between the logits of a model in training and those of its file, of one text.
double largest_difference(nb::cpu where, nb::gemma3::trained_model const& model, model_options const& file,
                          std::vector<std::uint32_t> const& ids) {
    engine served(file);
    logits_reader reader(served, ids.size());
    reader.start(ids);
    auto rows = reader.next();
    std::size_t row = 0;
    double largest = 0;
    nb::gemma3::for_each_logits(where, model, ids, ids.size(), {}, [&](std::size_t, nb::matrix<float> const& logits) {
        for (std::size_t i = 0; i < logits.rows(); ++i, ++row) {
            if (row == rows.rows()) {
                rows = reader.next();
                row = 0;
            }
            for (std::size_t c = 0; c < logits.columns(); ++c) {
                double const difference = static_cast<double>(logits(i, c)) - static_cast<double>(rows(row, c));
                largest = std::isnan(largest) || std::fabs(difference) <= largest ? largest : std::fabs(difference);
            }
        }
    });
    return largest;
}

/// The model of the last step as DIR/model.gguf, its codes counted in codes.json, and what the run came to.
template <class Job>
void finish(nb::cpu where, training_options const& o, trained_result const& result, nb::vocabulary const& words,
            nb::gemma3::export_options const& how) {
    if (result.steps < o.steps) {
        throw nb::error("Stopped behind step " + std::to_string(result.steps) + " of " + std::to_string(o.steps) +
                        "; the same command goes on.");
    }
    auto const path = (std::filesystem::path(o.out) / "model.gguf").string();
    auto const written = Job::export_trained(where, result.model, words, path, how);
    std::string const codes = code_counts_of(path).dump() + "\n";
    nb::write_whole_file(std::filesystem::path(o.out) / "codes.json", std::as_bytes(std::span(codes)));
    double const difference = largest_difference(where, result.model, {path, o.threads, {}, {}}, result.sample);
    if (o.json) {
        print({{"file", path},
               {"file_bytes", written.file_bytes},
               {"steps", result.steps},
               {"skipped", result.skipped},
               {"held_out_perplexity", result.held_out},
               {"largest_difference_of_logits", difference}});
        return;
    }
    std::cout << path << ": " << bytes_text(written.file_bytes) << ", " << result.steps << " of " << o.steps
              << " steps, perplexity on the held-out text " << fixed(result.held_out, 3)
              << "\nlogits in training and from the file: "
              << (difference == 0 ? "equal" : "differ by " + significant(difference, 2) + " at most") << '\n';
    if (result.skipped != 0) {
        std::cout << result.skipped << " steps were skipped, their gradients not being finite\n";
    }
}

/// XXH64 of all numbers.
std::string parameters_hash(nb::gemma3::trained_parameters const& p) {
    nb::xxh64 hash;
    nb::gemma3::for_each_run(
        [&](nb::gemma3::trained_kind, std::span<float const> run) { hash.add(std::as_bytes(run)); }, p);
    return std::to_string(hash.value());
}

/// The f32 parameters of a checkpoint whose head is its embedding.
nb::gemma3::trained_parameters parameters_of(nb::gemma3::checkpoint const& file, std::string const& path) {
    if (file.head() != nullptr) {
        throw nb::error(path + ": the head is not the embedding, as Gemma 3's is; training does not know such models.");
    }
    return nb::gemma3::parameters_from(file.config(), nb::gemma3::detail::checkpoint_rows<nb::known_storages>(file));
}

json about(training_options const& o, nb::gemma3::configuration const& c, nb::gemma3::trained_parameters const& p) {
    std::uint64_t count = 0;
    nb::gemma3::for_each_run([&](nb::gemma3::trained_kind, std::span<float const> run) { count += run.size(); }, p);
    return {{"parameters", count},       {"steps", o.steps},       {"texts_a_step", o.batch},
            {"tokens_a_text", o.tokens}, {"rate", o.rate},         {"seed", o.seed},
            {"text", o.texts},           {"held_out", o.held_out}, {"configuration", to_json(c)}};
}

}  // namespace

void train(train_options const& options) {
    auto const& o = options.training;
    auto c = nb::gemma3::find_configuration(options.configuration);
    auto const texts = read_texts(o);
    auto const words = nb::gemma3::train_vocabulary(texts.train, options.pieces != 0 ? options.pieces : c.vocabulary);
    c.vocabulary = static_cast<std::uint32_t>(words.size());
    nb::thread_pool pool(o.threads);
    nb::cpu const where(pool);
    auto parameters = nb::gemma3::parameters_from(c, nb::gemma3::random_rows(c, o.seed));
    auto facts = about(o, c, parameters);
    facts["command"] = "train";
    nb::with_recipe("f32", [&](auto const& entry) {
        using job = job_of<decltype(entry)>;
        auto model = nb::gemma3::make_trained(where, c, job::trained(false), std::move(parameters));
        auto const result =
            train_model(where, std::move(model), {.options = o, .texts = texts, .words = words, .about = facts});
        finish<job>(where, o, result, words, {.name = "gemma3 " + options.configuration});
    });
}

void qat(qat_options const& options) {
    auto const& o = options.training;
    nb::with_recipe(options.recipe, [&](auto const& entry) {
        using job = job_of<decltype(entry)>;
        auto const file = nb::gemma3::checkpoint::open(options.checkpoint);
        if (file.words() == nullptr) {
            throw nb::error(options.checkpoint +
                            ": there is no tokenizer; put tokenizer.model or tokenizer.json beside the files.");
        }
        auto recipe = job::trained(!options.fixed_scales);
        if (!options.activations.empty()) {
            recipe.activations = nb::parse_activation_kind(options.activations);
        }
        if (!options.kv.empty()) {
            recipe.kv_type = nb::parse_kv_type(options.kv);
        }
        auto const texts = read_texts(o);
        nb::thread_pool pool(o.threads);
        nb::cpu const where(pool);
        std::optional<nb::gemma3::trained_model> teacher;
        if (!options.teacher.empty()) {
            auto const of = nb::gemma3::checkpoint::open(options.teacher);
            require_one_vocabulary({of.config().vocabulary, of.words(), options.teacher},
                                   {file.config().vocabulary, file.words(), options.checkpoint});
            teacher = nb::gemma3::make_trained(where, of.config(), nb::gemma3::trained_recipe_of<nb::recipes::f32>(),
                                               parameters_of(of, options.teacher));
        }
        auto parameters = parameters_of(file, options.checkpoint);
        auto facts = about(o, file.config(), parameters);
        facts["command"] = "qat";
        facts["recipe"] = options.recipe;
        facts["checkpoint"] = options.checkpoint;
        facts["teacher"] = options.teacher;
        auto const hash = parameters_hash(parameters);
        auto model = nb::gemma3::make_trained(where, file.config(), recipe, std::move(parameters));
        training_job const what{
            .options = o,
            .texts = texts,
            .words = *file.words(),
            .loss = {.teacher = teacher ? &*teacher : nullptr, .temperature = static_cast<float>(options.temperature)},
            .facts = {{"checkpoint", hash},
                      {"teacher", teacher ? parameters_hash(teacher->parameters) : "none"},
                      {"temperature", significant(options.temperature, 9)}},
            .about = facts};
        auto const result = train_model(where, std::move(model), what);
        std::vector<nb::gguf_value> pairs;
        if (auto const* const chat = file.gguf() ? file.gguf()->find("tokenizer.chat_template") : nullptr) {
            pairs.push_back(*chat);
        }
        finish<job>(where, o, result, *file.words(), {.name = "gemma3 " + options.recipe, .pairs = pairs});
    });
}

}  // namespace program
