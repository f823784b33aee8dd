// SPDX-License-Identifier: Apache-2.0
#include "training.hpp"

#include "input.hpp"
#include "interrupt.hpp"
#include "progress.hpp"

#include <nibble/gemma3/tokenizer.hpp>
#include <nibble/gemma3/trainer.hpp>
#include <nibble/gemma3/training_checkpoint.hpp>
#include <nibble/gemma3/training_texts.hpp>
#include <nibble/io/atomic_file.hpp>
#include <nibble/io/token_order.hpp>
#include <nibble/io/token_shard.hpp>
#include <nibble/nn/cross_entropy.hpp>
#include <nibble/numeric/error.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <span>
#include <utility>

namespace program {

namespace fs = std::filesystem;

namespace {

/// Tokens of a text, in a file of the folder.
nb::token_shard shard_of(nb::tokenizer const& words, std::string const& text, fs::path const& path) {
    std::vector<std::uint32_t> ids;
    words.append(ids, text);
    nb::token_shard_writer writer(path, static_cast<std::uint32_t>(words.vocabulary().size()));
    writer.write(ids);
    writer.commit();
    return nb::token_shard(path);
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

/// Takes away what a run that was killed has left behind the last whole line.
void drop_cut_line(fs::path const& path) {
    std::error_code missing;
    if (!fs::exists(path, missing)) {
        return;
    }
    auto const text = read_text(path.string());
    if (auto const end = text.rfind('\n') + 1; end != text.size()) {  // npos + 1 is 0
        fs::resize_file(path, end);
    }
}

}  // namespace

split_texts read_texts(std::vector<std::string> const& paths) {
    split_texts texts;
    for (auto const& path : paths) {
        auto const text = read_text(path);
        std::size_t cut = text.size() - text.size() / 10;
        while (cut < text.size() && (static_cast<unsigned char>(text[cut]) & 0xc0u) == 0x80u) {
            ++cut;  // not inside a character
        }
        texts.train += text.substr(0, cut);
        texts.held_out += text.substr(cut);
    }
    return texts;
}

trained_result train_model(nb::cpu where, nb::gemma3::trained_model model, training_job const& job) {
    auto const& o = job.options;
    fs::path const folder(o.out);
    std::error_code failed;
    fs::create_directories(folder, failed);
    if (failed) {
        throw nb::error(o.out + ": cannot make the folder: " + failed.message() + "; give another --out.");
    }
    nb::tokenizer const tokens_of(job.words);
    auto const bos = job.words.options().bos;
    auto const train = shard_of(tokens_of, job.texts.train, folder / "train.ids");
    auto const held_out = shard_of(tokens_of, job.texts.held_out, folder / "held-out.ids");
    if (held_out.size() <= o.tokens) {
        throw nb::error("A tenth of the text is kept to measure on, and it has " + std::to_string(held_out.size()) +
                        " tokens, not more than the " + std::to_string(o.tokens) +
                        " of a window; give a longer text, or fewer --tokens.");
    }
    nb::token_order const order(o.seed, train.size(), o.tokens, o.batch);

    nb::gemma3::training_run run{.vocabulary = nb::gemma3::hash_of(job.words), .data = job.facts};
    run.data.emplace_back("batch", std::to_string(o.batch));
    run.data.emplace_back("tokens", std::to_string(o.tokens));
    run.data.emplace_back("text", std::to_string(train.size()) + " tokens");
    nb::gemma3::trainer<> trainer(
        std::move(model), {.rate = nb::schedule::cosine(o.rate, o.rate / 20, std::min(o.warmup, o.steps), o.steps),
                           .adamw = {.beta2 = 0.95, .weight_decay = o.weight_decay},
                           .seed = o.seed,
                           .recompute = o.recompute});
    if (auto const found = nb::gemma3::load_newest(folder, trainer, run)) {
        for (auto const& reason : found->damaged) {
            std::cerr << "passed over: " << reason << '\n';
        }
        std::cerr << "goes on from " << found->path.string() << '\n';
    }
    std::string const about = job.about.dump(2) + "\n";
    nb::write_whole_file(folder / "run.json", std::as_bytes(std::span(about)));

    drop_cut_line(folder / "metrics.jsonl");
    std::ofstream metrics(folder / "metrics.jsonl", std::ios::app);
    auto const note = [&](json const& line) {
        metrics << line.dump() << '\n';
        if (!metrics.flush()) {
            throw nb::error((folder / "metrics.jsonl").string() + ": could not be written; is the disk full?");
        }
    };
    window_reader reader(train, bos, o.tokens);
    progress line("training " + o.out);
    interrupt const stop;
    double measured = 0;
    auto const keep = [&] {
        nb::gemma3::save_newest(folder, trainer, run);
        measured = measure(where, trainer.model(), held_out, bos, o.tokens);
        note({{"step", trainer.steps()}, {"held_out", measured}});
    };
    bool kept = false;
    while (trainer.steps() < o.steps && !stop.requested()) {
        auto const begin = std::chrono::steady_clock::now();
        std::vector<std::uint32_t> ids, targets;
        for (std::uint64_t slot = 0; slot < o.batch; ++slot) {
            reader.append(order(trainer.steps(), slot), ids, targets);
        }
        nb::gemma3::training_batch const batch{ids, targets, o.tokens};
        auto const did = trainer.step(where, std::span(&batch, 1), job.loss);
        double const seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
        note({{"step", trainer.steps()},
              {"loss", did.loss},
              {"norm", did.norm},
              {"rate", did.rate},
              {"tokens", ids.size()},
              {"seconds", seconds},
              {"skipped", did.skipped}});
        line(trainer.steps(), o.steps);
        line.note("loss " + fixed(did.loss, 3) + ", " + fixed(static_cast<double>(ids.size()) / seconds, 0) +
                  " tokens/s");
        kept = trainer.steps() % o.save_every == 0;
        if (kept) {
            keep();
        }
    }
    if (!kept) {
        keep();
    }
    return {trainer.model(), trainer.steps(), trainer.skipped(), measured};
}

}  // namespace program
