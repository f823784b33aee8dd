// SPDX-License-Identifier: Apache-2.0
#include "training.hpp"

#include "input.hpp"
#include "interrupt.hpp"
#include "line_file.hpp"
#include "progress.hpp"

#include <nibble/gemma3/tokenizer.hpp>
#include <nibble/gemma3/trainer.hpp>
#include <nibble/gemma3/training_checkpoint.hpp>
#include <nibble/gemma3/training_texts.hpp>
#include <nibble/gemma3/vocabulary_hash.hpp>
#include <nibble/io/atomic_file.hpp>
#include <nibble/io/token_order.hpp>
#include <nibble/io/token_shard.hpp>
#include <nibble/io/xxh64.hpp>
#include <nibble/nn/cross_entropy.hpp>
#include <nibble/numeric/bf16.hpp>
#include <nibble/numeric/error.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <utility>

namespace program {

namespace fs = std::filesystem;

namespace {

std::vector<std::uint32_t> ids_of(nb::tokenizer const& words, std::string const& text) {
    std::vector<std::uint32_t> ids;
    words.append(ids, text);
    return ids;
}

/// The ids in a file, mapped.
nb::token_shard shard_of(nb::vocabulary const& words, std::vector<std::uint32_t> const& ids, fs::path const& path) {
    nb::token_shard_writer writer(path, static_cast<std::uint32_t>(words.size()));
    writer.write(ids);
    writer.commit();
    return nb::token_shard(path);
}

std::string text_hash(std::string const& text) {
    nb::xxh64 hash;
    hash.add(std::as_bytes(std::span(text)));
    return std::to_string(hash.value());
}

/// Windows of a shard as a model is to see them: bos in the place of the first token, whose successors are predicted.
class window_reader {
public:
    window_reader(nb::token_shard const& shard, std::optional<std::uint32_t> bos, std::size_t tokens)
        : shard_(shard), bos_(bos), window_(tokens + 1) {}

    void append(std::uint64_t first, std::vector<std::uint32_t>& ids, std::vector<std::uint32_t>& targets) {
        shard_.read(first, window_);
        targets.insert(targets.end(), window_.begin() + 1, window_.end());
        window_.front() = bos_.value_or(window_.front());
        ids.insert(ids.end(), window_.begin(), window_.end() - 1);
    }

private:
    nb::token_shard const& shard_;
    std::optional<std::uint32_t> bos_;
    std::vector<std::uint32_t> window_;
};

/// Perplexity on a shard, or its first windows.
double measure(nb::cpu where, nb::gemma3::trained_model const& model, nb::token_shard const& shard,
               std::optional<std::uint32_t> bos, std::size_t tokens) {
    constexpr std::size_t most = 128;  // windows
    constexpr std::size_t together = 8;
    std::size_t const windows = std::min<std::size_t>(most, (shard.size() - 1) / tokens);
    window_reader reader(shard, bos, tokens);
    double sum = 0;
    for (std::size_t w = 0; w < windows; w += together) {
        std::vector<std::uint32_t> ids, targets;
        for (std::size_t i = w; i < std::min(windows, w + together); ++i) {
            reader.append(i * tokens, ids, targets);
        }
        nb::gemma3::for_each_logits(where, model, ids, tokens, {},
                                    [&](std::size_t first, nb::matrix<float> const& logits) {
                                        for (std::size_t row = 0; row < logits.rows(); ++row) {
                                            sum += nb::cross_entropy(logits.row(row), targets[first + row]);
                                        }
                                    });
    }
    return std::exp(sum / static_cast<double>(windows * tokens));
}

/// The texts of a run as ids.
struct id_texts {
    std::vector<std::uint32_t> train;
    std::vector<std::uint32_t> held_out;
};

id_texts ids_of(training_job const& job) {
    nb::tokenizer const tokens_of(job.words);
    id_texts ids{ids_of(tokens_of, job.texts.train), ids_of(tokens_of, job.texts.held_out)};
    if (ids.held_out.size() <= job.options.tokens) {
        throw nb::error("The text that is kept to measure on has " + std::to_string(ids.held_out.size()) +
                        " tokens, not more than the " + std::to_string(job.options.tokens) +
                        " of a window; give a longer --text, or --held-out, or fewer --tokens.");
    }
    return ids;
}

/// What a checkpoint of the run says that it is of.
nb::gemma3::training_run facts_of(training_job const& job) {
    nb::gemma3::training_run run{.vocabulary = nb::gemma3::hash_of(job.words), .data = job.facts};
    run.data.emplace_back("batch", std::to_string(job.options.batch));
    run.data.emplace_back("tokens", std::to_string(job.options.tokens));
    run.data.emplace_back("accumulate", std::to_string(job.options.accumulate));
    run.data.emplace_back("text", text_hash(job.texts.train));
    run.data.emplace_back("held_out", text_hash(job.texts.held_out));
    return run;
}

/// Whether the folder had a checkpoint of the run, from which the trainer goes on.
template <class State>
bool goes_on(nb::gemma3::trainer<State>& trainer, fs::path const& folder, nb::gemma3::training_run const& run) {
    auto const found = nb::gemma3::load_newest(folder, trainer, run);
    if (found) {
        for (auto const& reason : found->damaged) {
            std::cerr << "passed over: " << reason << '\n';
        }
        std::cerr << "goes on from " << found->path.string() << '\n';
    }
    return found.has_value();
}

struct shards {
    nb::token_shard train;
    nb::token_shard held_out;
};

/// Puts what a run is about into its folder, which is no other run's, without what killed writers left there.
shards write_inputs(training_job const& job, id_texts const& ids, fs::path const& folder) {
    for (auto const* const name :
         {"train.ids", "held-out.ids", "held-out.txt", "run.json", "model.gguf", "codes.json"}) {
        nb::remove_remains(folder / name);
    }
    shards all{shard_of(job.words, ids.train, folder / "train.ids"),
               shard_of(job.words, ids.held_out, folder / "held-out.ids")};
    nb::write_whole_file(folder / "held-out.txt", std::as_bytes(std::span(job.texts.held_out)));
    std::string const about = job.about.dump(2) + "\n";
    nb::write_whole_file(folder / "run.json", std::as_bytes(std::span(about)));
    return all;
}

/// The texts of a step, in the parts whose gradients are accumulated.
class step_texts {
public:
    step_texts(window_reader& reader, nb::token_order const& order, training_options const& o, std::uint64_t step) {
        ids_.resize(o.accumulate);
        targets_.resize(o.accumulate);
        for (std::uint64_t slot = 0; slot < o.batch; ++slot) {
            std::uint64_t const part = slot * o.accumulate / o.batch;
            reader.append(order(step, slot), ids_[part], targets_[part]);
        }
        for (std::size_t part = 0; part < o.accumulate; ++part) {
            batches_.push_back({ids_[part], targets_[part], o.tokens});
        }
    }

    std::span<nb::gemma3::training_batch const> batches() const { return batches_; }

private:
    std::vector<std::vector<std::uint32_t>> ids_, targets_;
    std::vector<nb::gemma3::training_batch> batches_;
};

template <class State>
trained_result train_with_state(nb::cpu where, nb::gemma3::trained_model model, training_job const& job) {
    auto const& o = job.options;
    if (o.accumulate > o.batch) {
        throw nb::error("--accumulate " + std::to_string(o.accumulate) + " takes the " + std::to_string(o.batch) +
                        " texts of a step in more parts than there are; give at most --batch.");
    }
    fs::path const folder(o.out);
    std::error_code failed;
    fs::create_directories(folder, failed);
    if (failed) {
        throw nb::error(o.out + ": cannot make the folder: " + failed.message() + "; give another --out.");
    }
    auto const bos = job.words.options().bos;
    auto const ids = ids_of(job);
    nb::token_order const order(o.seed, ids.train.size(), o.tokens, o.batch);
    auto const run = facts_of(job);
    nb::gemma3::trainer<State> trainer(
        std::move(model), {.rate = nb::schedule::cosine(o.rate, o.rate / 20, std::min(o.warmup, o.steps), o.steps),
                           .adamw = {.beta2 = 0.95, .weight_decay = o.weight_decay},
                           .seed = o.seed,
                           .recompute = o.recompute});
    bool kept = goes_on(trainer, folder, run);
    auto const [train, held_out] = write_inputs(job, ids, folder);

    line_file metrics((folder / "metrics.jsonl").string());
    auto const note = [&](json const& line) { metrics.append(line.dump()); };
    window_reader reader(train, bos, o.tokens);
    progress line("training " + o.out);
    interrupt const stop;
    std::optional<double> measured;
    // The lines of a step are on the disk before its checkpoint: what goes on from there does not write them again.
    auto const keep = [&] {
        measured = measure(where, trainer.model(), held_out, bos, o.tokens);
        note({{"step", trainer.steps()}, {"held_out", *measured}});
        metrics.flush();
        nb::gemma3::save_newest(folder, trainer, run);
    };
    std::uint64_t const tokens = o.batch * o.tokens;
    while (trainer.steps() < o.steps && !stop.requested()) {
        auto const begin = std::chrono::steady_clock::now();
        step_texts const texts(reader, order, o, trainer.steps());
        auto const did = trainer.step(where, texts.batches(), job.loss);
        double const seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
        note({{"step", trainer.steps()},
              {"loss", did.loss},
              {"norm", did.norm},
              {"rate", did.rate},
              {"tokens", tokens},
              {"seconds", seconds},
              {"skipped", did.skipped}});
        line(trainer.steps(), o.steps);
        line.note("loss " + fixed(did.loss, 3) + ", " + fixed(static_cast<double>(tokens) / seconds, 0) + " tokens/s");
        kept = trainer.steps() % o.save_every == 0;
        if (kept) {
            keep();
        }
    }
    if (!kept) {
        keep();
    }
    if (!measured) {  // the process that saved this step was killed as it wrote the model
        measured = measure(where, trainer.model(), held_out, bos, o.tokens);
    }
    auto const steps = trainer.steps();
    auto const skipped = trainer.skipped();
    std::vector<std::uint32_t> sample, unused;
    window_reader(held_out, bos, o.tokens).append(0, sample, unused);
    return {std::move(trainer).take(), steps, skipped, *measured, std::move(sample)};
}

}  // namespace

split_texts read_texts(training_options const& options) {
    split_texts texts;
    for (auto const& path : options.texts) {
        auto const text = read_text(path);
        std::size_t cut = text.size() - text.size() / 10;
        while (cut < text.size() && (static_cast<unsigned char>(text[cut]) & 0xc0u) == 0x80u) {
            ++cut;  // not inside a character
        }
        texts.train += text.substr(0, cut);
        texts.held_out += text.substr(cut);
    }
    for (auto const& path : options.held_out) {
        texts.held_out += read_text(path);
    }
    return texts;
}

trained_result train_model(nb::cpu where, nb::gemma3::trained_model model, training_job const& job) {
    if (job.options.state == "bf16") {
        return train_with_state<nb::bf16>(where, std::move(model), job);
    }
    return train_with_state<float>(where, std::move(model), job);
}

}  // namespace program
