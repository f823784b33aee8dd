// SPDX-License-Identifier: Apache-2.0
// gemma3: runs, trains, quantizes and measures Gemma 3 models. This file is its command line.
#include "options.hpp"
#include "report.hpp"

#include <CLI/CLI.hpp>

#include <exception>
#include <iostream>
#include <memory>
#include <new>
#include <string>

namespace {

using namespace program;

/// A subcommand whose options live as long as the program; what is parsed last runs.
template <class Options>
std::pair<CLI::App*, Options&> add_command(CLI::App& app, char const* name, char const* description,
                                           void (*command)(Options const&)) {
    auto const options = std::make_shared<Options>();
    CLI::App* const sub = app.add_subcommand(name, description);
    sub->callback([options, command] { command(*options); });
    return {sub, *options};
}

/// A number without a sign: unsigned options would wrap a negative one.
CLI::Validator whole() {
    return {[](std::string& text) {
                bool const digits = !text.empty() && text.find_first_not_of("0123456789") == text.npos;
                return digits && text.size() <= 18 ? std::string()
                                                   : "'" + text + "' is not a whole number of at most 18 digits";
            },
            ""};
}

void add_threads(CLI::App* sub, std::size_t& threads) {
    sub->add_option("-t,--threads", threads, "Threads; the default is one a hardware thread")
        ->check(CLI::Range(1, 4096));
}

void add_model(CLI::App* sub, model_options& options, char const* name = "MODEL") {
    sub->add_option(name, options.path,
                    "GGUF file, or safetensors file, index or folder with config.json and the tokenizer beside it")
        ->required();
    add_threads(sub, options.threads);
    sub->add_option("--activations", options.activations,
                    "f32, bf16 or int8; the default is what the file's recipe says, else int8 for quantized weights "
                    "and f32 for float weights");
    sub->add_option(
        "--kv", options.kv,
        "What keys and values are kept as: f32, f16, bf16 or int8; the default is what the file's recipe says, "
        "else f32");
}

void add_json(CLI::App* sub, bool& json) { sub->add_flag("--json", json, "Print one JSON value"); }

void add_run(CLI::App& app) {
    auto [sub, o] = add_command(app, "run", "Answer a prompt, or chat on a terminal", &program::run);
    add_model(sub, o.model);
    sub->add_option("--prompt", o.prompt, "The prompt; without it, a chat on a terminal, or what comes through a pipe");
    sub->add_flag("--raw", o.raw, "Go on from the prompt as it is, without the model's turn template");
    sub->add_option("--max-tokens", o.max_tokens, "Tokens of an answer")->check(whole())->capture_default_str();
    sub->add_option("--context", o.context,
                    "Tokens the model can remember; the default is 4096 or what it was trained for")
        ->check(whole());
    sub->add_option("--temperature", o.temperature, "0 takes the most probable token always")->capture_default_str();
    sub->add_option("--top-k", o.top_k, "Choose among so many tokens; 0: all")->check(whole())->capture_default_str();
    sub->add_option("--top-p", o.top_p, "of these, among the fewest that have this probability together")
        ->capture_default_str();
    sub->add_option("--min-p", o.min_p, "of these, among those at least so probable, relative to the most probable")
        ->capture_default_str();
    sub->add_option("--seed", o.seed, "The same seed gives the same text; the default is another one each time")
        ->check(whole());
    add_json(sub, o.json);
}

void add_recipes(CLI::App& app) {
    auto [sub, o] = add_command(app, "recipes", "Print the table of recipes", &program::recipes);
    add_json(sub, o.json);
}

void add_inspect(CLI::App& app) {
    auto [sub, o] = add_command(app, "inspect", "Say what is in a file, and whether it is sound", &program::inspect);
    sub->add_option("FILE", o.path, "GGUF file, or safetensors file, index or folder")->required();
    sub->add_option(
           "--stage", o.stage,
           "container: the file can be read; model: and is a Gemma 3; data: and its values are finite, its checksum "
           "right if it has one")
        ->capture_default_str();
    add_json(sub, o.json);
}

void add_tokenize(CLI::App& app) {
    auto [sub, o] = add_command(
        app, "tokenize", "Print the ids of a text; control pieces in it, such as <end_of_turn>, become their ids",
        &program::tokenize);
    sub->add_option("MODEL", o.path, "The model whose tokenizer it is")->required();
    sub->add_option("--text", o.text, "File with the text, - for the standard input")->required();
}

void add_logits(CLI::App& app) {
    auto [sub, o] = add_command(app, "logits", "Write the logits of every position", &program::logits);
    add_model(sub, o.model);
    sub->add_option("--tokens", o.tokens, "File with decimal ids, - for the standard input")->required();
    sub->add_option("--out", o.out, "File for little-endian f32, a row of the vocabulary's size for each position")
        ->required();
}

void add_generate(CLI::App& app) {
    auto [sub, o] = add_command(app, "generate", "Print the most probable ids after some tokens", &program::generate);
    add_model(sub, o.model);
    sub->add_option("--tokens", o.tokens, "File with decimal ids, - for the standard input")->required();
    sub->add_option("--first", o.first, "Tokens to take from the file")->check(whole())->required();
    sub->add_option("--count", o.count, "Ids to print; an id that ends a text does not end them")
        ->check(whole())
        ->required();
}

void add_quantize(CLI::App& app) {
    auto [sub, o] = add_command(app, "quantize", "Store a model under a recipe, as GGUF", &program::quantize);
    sub->add_option("IN", o.in, "GGUF file, or safetensors file, index or folder")->required();
    sub->add_option("OUT", o.out, "GGUF file to write")->required();
    sub->add_option("--recipe", o.recipe, "A name of `gemma3 recipes`")->required();
    sub->footer(
        "With --gptq the matrices of the blocks are quantized one column after the other, each making up for the "
        "errors\n"
        "of those before it on the inputs that the text gives it; the embedding gets the nearest codes. The text is "
        "cut\n"
        "into windows of 512 tokens. IN has to be a model of floats.\n"
        "With --recover, groups of weights that already lie on a grid of the recipe, as those of a model do that was\n"
        "trained for it and stored as floats, get exactly the codes that they had; the others are quantized.\n"
        "Where IN is quantized already, matrices keep their codes if the recipe stores them alike; any other change\n"
        "needs --allow-loss.");
    auto* const gptq = sub->add_option("--gptq", o.gptq,
                                       "File with text of the kind that the model is for, - for the "
                                       "standard input: keep the outputs on it, not the weights");
    sub->add_option("--gptq-tokens", o.gptq_tokens, "Tokens of the text to take, bos of each window included")
        ->needs(gptq)
        ->check(CLI::Range(1, 1 << 24))
        ->capture_default_str();
    sub->add_flag("--gptq-order", o.gptq_order,
                  "Columns of larger inputs first, with the scales of the weights as they are")
        ->needs(gptq);
    sub->add_flag("--recover", o.recover, "Find the codes of weights that were quantized before")->excludes(gptq);
    sub->add_flag("--allow-loss", o.allow_loss,
                  "Quantize what is quantized already once more, and say what that loses");
    add_threads(sub, o.threads);
    add_json(sub, o.json);
}

void add_export(CLI::App& app) {
    auto [sub, o] = add_command(app, "export", "Write a trained model as GGUF or safetensors, with exactly its values",
                                &program::export_model);
    sub->footer(
        "A GGUF file is the model's own, byte for byte, or with --recipe what `gemma3 quantize` writes. A safetensors\n"
        "file has the values that the codes stand for, one by one, as transformers names them, and config.json and\n"
        "tokenizer.model beside it. What is not kept exactly needs --allow-loss.");
    sub->add_option("FROM", o.from, "The folder of `gemma3 train` or `gemma3 qat`, or a model")->required();
    sub->add_option("OUT", o.out, "File to write, with a name that ends in .gguf or .safetensors")->required();
    sub->add_option("--recipe", o.recipe, "A name of `gemma3 recipes`, for a GGUF file");
    sub->add_option("--type", o.type,
                    "f32, which holds the values of every recipe and most norms, or bf16; for a safetensors file")
        ->check(CLI::IsMember({"f32", "bf16"}))
        ->capture_default_str();
    sub->add_flag("--allow-loss", o.allow_loss, "Round what is not kept exactly, and say what that loses");
    add_threads(sub, o.threads);
    add_json(sub, o.json);
}

void add_text(CLI::App* sub, std::string& text, std::size_t& window) {
    sub->add_option("--text", text, "File with the text, - for the standard input")->required();
    sub->add_option("--window", window, "Tokens of a window, bos included")
        ->capture_default_str()
        ->check(CLI::Range(2, 1 << 20));
}

void add_perplexity(CLI::App& app) {
    auto [sub, o] = add_command(app, "perplexity", "Measure how well a model predicts a text", &program::perplexity);
    sub->footer(
        "The text's tokens are cut into windows that do not overlap; each window has N tokens with bos, which comes\n"
        "first, and is a text of its own to the model. Perplexity is e^(mean of -ln p) over all tokens but the first\n"
        "of each window; the last window may be shorter. The standard error takes tokens as independent.");
    add_model(sub, o.model);
    add_text(sub, o.text, o.window);
    add_json(sub, o.json);
}

void add_compare(CLI::App& app) {
    auto [sub, o] = add_command(app, "compare", "Say how far a model is from another on a text", &program::compare);
    sub->footer(
        "Windows and perplexity are those of `gemma3 perplexity`. Over the same tokens it also prints the mean of\n"
        "KL(A || B) = sum p_A ln(p_A / p_B), how often both hold the same token for the most probable, and the NMSE\n"
        "sum (b - a)^2 / sum a^2 of the logits. --activations and --kv are for B; A runs as its file says.");
    sub->add_option("A", o.reference, "The reference, files as for B")->required();
    add_model(sub, o.model, "B");
    add_text(sub, o.text, o.window);
    add_json(sub, o.json);
}

void add_training(CLI::App* sub, training_options& o) {
    sub->add_option("--text", o.texts, "Files with text; a tenth of each is kept to measure on")->required();
    sub->add_option("--held-out", o.held_out, "Files with more text to measure on");
    sub->add_option("--out", o.out, "Folder of the run; one that has a run goes on with it")->required();
    sub->add_option("--steps", o.steps, "Steps of training")->required()->check(CLI::Range(1, 1 << 30));
    sub->add_option("--batch", o.batch, "Texts a step")->check(CLI::Range(1, 1 << 20))->capture_default_str();
    sub->add_option("--tokens", o.tokens, "Tokens of a text")->check(CLI::Range(2, 1 << 20))->capture_default_str();
    sub->add_option("--rate", o.rate, "Highest learning rate, which falls to a 20th in half a cosine")
        ->check(CLI::PositiveNumber)
        ->capture_default_str();
    sub->add_option("--warmup", o.warmup, "Steps in which the rate rises")->check(whole())->capture_default_str();
    sub->add_option("--weight-decay", o.weight_decay, "Of matrices")
        ->check(CLI::NonNegativeNumber)
        ->capture_default_str();
    sub->add_option("--seed", o.seed, "Of the order of the texts, and of the weights of `train`")
        ->check(whole())
        ->capture_default_str();
    sub->add_option("--save-every", o.save_every, "Steps from one checkpoint to the next")
        ->check(CLI::Range(1, 1 << 30))
        ->capture_default_str();
    sub->add_option("--accumulate", o.accumulate,
                    "Parts that the texts of a step are taken in, their gradients added up: less memory")
        ->check(CLI::Range(1, 1 << 20))
        ->capture_default_str();
    sub->add_option("--state", o.state,
                    "How AdamW keeps its state: f32, or bf16, rounded at random: 4 bytes less a weight")
        ->check(CLI::IsMember({"f32", "bf16"}))
        ->capture_default_str();
    sub->add_flag("--recompute", o.recompute, "Run blocks again on the way back: less memory, more time");
    add_threads(sub, o.threads);
    add_json(sub, o.json);
}

void add_train(CLI::App& app) {
    auto [sub, o] = add_command(app, "train", "Train a model from random weights", &program::train);
    sub->footer(
        "The folder gets the state of the run (state-STEP.safetensors), metrics.jsonl with a line a step, and at the\n"
        "end model.gguf. Ctrl-C saves and stops; the same command goes on, with the same bits.");
    sub->add_option("--config", o.configuration, "tiny, or a size of Gemma 3")->required();
    sub->add_option("--pieces", o.pieces,
                    "Of the vocabulary, which is learned from the text; as the configuration has "
                    "unless given, 263 for bytes alone")
        ->check(CLI::Range(263, 262208));
    add_training(sub, o.training);
}

void add_qat(CLI::App& app) {
    auto [sub, o] = add_command(app, "qat", "Train a model so that it bears a recipe", &program::qat);
    sub->footer(
        "Every product sees the weights as the recipe stores them. With --teacher, the targets are the probabilities\n"
        "of that model, the float one for example, else the text. The folder is as with `gemma3 train`; its "
        "model.gguf\n"
        "has exactly the codes and scales of the last step.");
    sub->add_option("CHECKPOINT", o.checkpoint, "A trained model: GGUF, or safetensors")->required();
    sub->add_option("--recipe", o.recipe, "A name of `gemma3 recipes`")->required();
    sub->add_option("--teacher", o.teacher, "Model whose probabilities are the targets");
    sub->add_option("--temperature", o.temperature, "Of these probabilities")
        ->check(CLI::PositiveNumber)
        ->capture_default_str();
    sub->add_option("--activations", o.activations, "f32, bf16 or int8; the default is what the recipe says");
    sub->add_option("--kv", o.kv, "What keys and values are kept as, likewise: f32, f16, bf16 or int8");
    sub->add_flag("--fixed-scales", o.fixed_scales, "Fit scales to the weights in every step, do not learn them");
    add_training(sub, o.training);
}

void add_report(CLI::App& app) {
    auto [sub, o] = add_command(app, "report", "Write a page about a training run", &program::report);
    sub->footer("The page, report.html in the folder, needs no other file and no script.");
    sub->add_option("DIR", o.folder, "The folder of `gemma3 train` or `gemma3 qat`")->required();
    add_json(sub, o.json);
}

void add_make(CLI::App& app) {
    auto [sub, o] = add_command(app, "make", "Make a model with random weights", &program::make);
    sub->add_option("OUT", o.out, "GGUF file to write")->required();
    sub->add_option("--config", o.configuration, "270m, 1b, 4b, 12b, 27b or tiny")->required();
    sub->add_option("--recipe", o.recipe, "A name of `gemma3 recipes`")->required();
    sub->add_option("--seed", o.seed, "The same seed gives the same file")->check(whole())->capture_default_str();
    add_threads(sub, o.threads);
}

void add_bench(CLI::App& app) {
    auto [sub, o] = add_command(app, "bench", "Measure speed and memory", &program::bench);
    sub->footer(
        "Prefill runs -p random tokens in batches of 512 and takes the logits of the last; decode runs -n tokens one\n"
        "after the other from an empty context. Memory bandwidth is what the same threads read from a buffer larger\n"
        "than the last-level cache. A token reads every weight once, and the keys and values so far, which are not\n"
        "counted. Peak memory is that of the process before the buffer is made.");
    add_model(sub, o.model);
    sub->add_option("-p", o.prompt, "Tokens of prefill; 0: none")->check(whole())->capture_default_str();
    sub->add_option("-n", o.answer, "Tokens of decode; 0: none")->check(whole())->capture_default_str();
    sub->add_option("--repeat", o.repeat, "Runs of each")->capture_default_str()->check(CLI::Range(1, 1000));
    add_json(sub, o.json);
}

int fail(std::string const& what) {
    std::cerr << "error: " << what << '\n';
    return 2;
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app("Run, train, quantize and measure Gemma 3 models.", "gemma3");
    app.set_version_flag("--version", "gemma3 (nibble) " NIBBLE_VERSION);
    app.require_subcommand(1);
    app.get_formatter()->column_width(28);
    add_run(app);
    add_inspect(app);
    add_quantize(app);
    add_perplexity(app);
    add_compare(app);
    add_bench(app);
    add_tokenize(app);
    add_logits(app);
    add_generate(app);
    add_train(app);
    add_qat(app);
    add_report(app);
    add_export(app);
    add_make(app);
    add_recipes(app);
    try {
        app.parse(argc, argv);
        if (!std::cout.flush()) {
            return fail("the standard output could not be written; is the disk full?");
        }
        return 0;
    } catch (CLI::ParseError const& e) {
        if (e.get_exit_code() == 0) {
            return app.exit(e);  // --help and --version
        }
        if (app.get_subcommands().empty() && app.remaining_size() != 0) {
            return fail("'" + app.remaining().front() + "' is not a command; gemma3 --help lists them.");
        }
        return fail(std::string(e.what()) + "; gemma3 --help and gemma3 COMMAND --help say what there is.");
    } catch (std::bad_alloc const&) {
        return fail("there is not enough memory; take a smaller model, context or batch.");
    } catch (std::exception const& e) {
        return fail(e.what());
    }
}
