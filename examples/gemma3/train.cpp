// SPDX-License-Identifier: Apache-2.0
#include "describe.hpp"
#include "progress.hpp"
#include "recipe_job.hpp"
#include "training.hpp"

#include <nibble/gemma3/checkpoint_rows.hpp>
#include <nibble/gemma3/random_model.hpp>
#include <nibble/gemma3/train_vocabulary.hpp>
#include <nibble/numeric/error.hpp>
#include <nibble/tensor/thread_pool.hpp>

#include <filesystem>
#include <optional>
#include <type_traits>
#include <utility>

namespace program {

namespace {

/// The model of the last step as DIR/model.gguf, and what the run came to.
template <class Job>
void finish(nb::cpu where, training_options const& o, trained_result const& result, nb::vocabulary const& words,
            std::string const& name) {
    auto const path = (std::filesystem::path(o.out) / "model.gguf").string();
    auto const written = Job::export_trained(where, result.model, words, path, {.name = name});
    if (o.json) {
        print({{"file", path},
               {"file_bytes", written.file_bytes},
               {"steps", result.steps},
               {"skipped", result.skipped},
               {"held_out_perplexity", result.held_out}});
        return;
    }
    std::cout << path << ": " << bytes_text(written.file_bytes) << ", " << result.steps << " of " << o.steps
              << " steps, perplexity on the held-out tenth of the text " << fixed(result.held_out, 3) << '\n';
    if (result.skipped != 0) {
        std::cout << result.skipped << " steps were skipped, their gradients not being finite\n";
    }
}

/// The f32 parameters of a checkpoint whose head is its embedding.
nb::gemma3::trained_parameters parameters_of(nb::gemma3::checkpoint const& file, std::string const& path) {
    if (file.head() != nullptr) {
        throw nb::error(path + ": the head is not the embedding, as Gemma 3's is; training does not know such models.");
    }
    return nb::gemma3::parameters_from(file.config(), nb::gemma3::detail::checkpoint_rows<nb::known_storages>(file));
}

json about(training_options const& o, nb::gemma3::configuration const& c, nb::gemma3::trained_parameters& p) {
    std::uint64_t count = 0;
    nb::gemma3::for_each_run([&](nb::gemma3::trained_kind, std::span<float> run) { count += run.size(); }, p);
    return {{"parameters", count}, {"steps", o.steps}, {"texts_a_step", o.batch}, {"tokens_a_text", o.tokens},
            {"rate", o.rate},      {"seed", o.seed},   {"text", o.texts},         {"configuration", to_json(c)}};
}

}  // namespace

void train(train_options const& options) {
    auto const& o = options.training;
    auto c = nb::gemma3::find_configuration(options.configuration);
    auto const texts = read_texts(o.texts);
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
        finish<job>(where, o, result, words, "gemma3 " + options.configuration);
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
        auto const texts = read_texts(o.texts);
        nb::thread_pool pool(o.threads);
        nb::cpu const where(pool);
        std::optional<nb::gemma3::trained_model> teacher;
        if (!options.teacher.empty()) {
            auto const of = nb::gemma3::checkpoint::open(options.teacher);
            if (of.config().vocabulary != file.config().vocabulary) {
                throw nb::error(options.teacher + " has a vocabulary of " + std::to_string(of.config().vocabulary) +
                                " pieces and " + options.checkpoint + " one of " +
                                std::to_string(file.config().vocabulary) + "; a teacher has to know the same tokens.");
            }
            teacher = nb::gemma3::make_trained(where, of.config(), nb::gemma3::trained_recipe_of<nb::recipes::f32>(),
                                               parameters_of(of, options.teacher));
        }
        auto parameters = parameters_of(file, options.checkpoint);
        auto facts = about(o, file.config(), parameters);
        facts["command"] = "qat";
        facts["recipe"] = options.recipe;
        facts["checkpoint"] = options.checkpoint;
        facts["teacher"] = options.teacher;
        auto model = nb::gemma3::make_trained(where, file.config(), recipe, std::move(parameters));
        training_job const what{
            .options = o,
            .texts = texts,
            .words = *file.words(),
            .loss = {.teacher = teacher ? &*teacher : nullptr, .temperature = static_cast<float>(options.temperature)},
            .facts = {{"teacher", options.teacher}, {"temperature", significant(options.temperature, 9)}},
            .about = facts};
        auto const result = train_model(where, std::move(model), what);
        finish<job>(where, o, result, *file.words(), "gemma3 " + options.recipe);
    });
}

}  // namespace program
