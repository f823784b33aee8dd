// SPDX-License-Identifier: Apache-2.0
#include "engine.hpp"
#include "machine.hpp"
#include "output.hpp"
#include "progress.hpp"

#include <nibble/numeric/random.hpp>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <vector>

namespace program {

namespace {

/// Tokens a second of several runs.
struct rate {
    double median = 0, least = 0, most = 0;
};

rate rate_of(std::vector<double> runs) {
    std::sort(runs.begin(), runs.end());
    std::size_t const middle = runs.size() / 2;
    double const median = runs.size() % 2 != 0 ? runs[middle] : (runs[middle - 1] + runs[middle]) / 2;
    return {median, runs.front(), runs.back()};
}

/// Runs the ids and gives tokens a second. With a batch of 1 each token is a pass of its own.
class stopwatch {
public:
    explicit stopwatch(engine& running) : engine_(running), logits_(1, running.config().vocabulary) {}

    double operator()(std::span<std::uint32_t const> ids, std::size_t batch) {
        nb::gemma3::kv_cache cache = engine_.cache(ids.size(), batch);
        auto const begin = std::chrono::steady_clock::now();
        if (batch == 1) {
            for (std::size_t i = 0; i < ids.size(); ++i) {
                forward(engine_.where(), engine_.model(), cache, ids.subspan(i, 1), logits_);
            }
        } else {
            forward(engine_.where(), engine_.model(), cache, ids, logits_);
        }
        std::chrono::duration<double> const seconds = std::chrono::steady_clock::now() - begin;
        return static_cast<double>(ids.size()) / seconds.count();
    }

private:
    engine& engine_;
    nb::matrix<float> logits_;
};

std::vector<std::uint32_t> random_ids(std::size_t count, std::uint32_t vocabulary) {
    std::vector<std::uint32_t> ids(count);
    for (std::size_t i = 0; i < count; ++i) {
        ids[i] = nb::random_bits({}, i) % vocabulary;
    }
    return ids;
}

/// Weights that a decoded token reads: all, an embedding that is not the head by one row.
std::uint64_t bytes_per_token(nb::gemma3::model<> const& m) {
    auto const& table = m.parameters.token_embd;
    std::uint64_t const bytes = weight_bytes(m) + bytes_of(table) / std::max<std::size_t>(1, rows_of(table));
    return m.head ? bytes - bytes_of(table) : bytes;
}

std::uint64_t file_bytes(std::filesystem::path const& path) {
    if (std::filesystem::is_regular_file(path) && path.extension() != ".json") {
        return std::filesystem::file_size(path);
    }
    std::uint64_t bytes = 0;
    auto const folder = std::filesystem::is_directory(path) ? path : path.parent_path();
    for (auto const& entry : std::filesystem::directory_iterator(folder.empty() ? "." : folder)) {
        if (entry.path().extension() == ".safetensors") {
            bytes += entry.file_size();
        }
    }
    return bytes;
}

json to_json(std::size_t tokens, rate const& r) {
    return {{"tokens", tokens}, {"tokens_per_second", {{"median", r.median}, {"min", r.least}, {"max", r.most}}}};
}

std::string to_text(std::size_t tokens, rate const& r) {
    return std::to_string(tokens) + " tokens at " + fixed(r.median, 2) + " tokens/s (" + fixed(r.least, 2) + " to " +
           fixed(r.most, 2) + ")";
}

}  // namespace

void bench(bench_options const& options) {
    if (options.prompt == 0 && options.answer == 0) {
        throw nb::error("There is nothing to measure; give -p or -n a number above 0.");
    }
    engine running(options.model);
    auto const ids = random_ids(std::max(options.prompt, options.answer), running.config().vocabulary);
    auto const prompt = std::span(ids).first(options.prompt);
    auto const answer = std::span(ids).first(options.answer);

    std::vector<double> prompts, answers;
    bandwidth memory{};
    std::uint64_t peak = 0;
    {
        progress line("bench");
        stopwatch time(running);
        time(std::span(ids).first(std::min<std::size_t>(ids.size(), 16)), 512);  // caches, page tables, clocks
        for (std::size_t i = 0; i < options.repeat; ++i) {
            line(i, options.repeat);
            if (!prompt.empty()) {
                prompts.push_back(time(prompt, 512));
            }
            if (!answer.empty()) {
                answers.push_back(time(answer, 1));
            }
        }
        peak = peak_memory();
        memory = read_bandwidth(running.where());
    }

    std::uint64_t const read = bytes_per_token(running.model());
    std::uint64_t const file = file_bytes(options.model.path);
    double const peak_to_file = static_cast<double>(peak) / static_cast<double>(file);
    rate const decode = answers.empty() ? rate{} : rate_of(answers);
    double const share = decode.median * static_cast<double>(read) / memory.bytes_per_second;
    if (options.json) {
        json report{{"file", options.model.path},
                    {"activations", running.activations()},
                    {"kv_cache", nb::name_of(running.model().kv_type)},
                    {"threads", running.threads()},
                    {"repeat", options.repeat}};
        if (!prompts.empty()) {
            report["prefill"] = to_json(options.prompt, rate_of(prompts));
        }
        if (!answers.empty()) {
            report["decode"] = to_json(options.answer, decode);
            report["decode"]["bandwidth_share"] = share;
        }
        report["bytes_per_token"] = read;
        report["read_bandwidth"] = {{"bytes_per_second", memory.bytes_per_second},
                                    {"buffer_bytes", memory.buffer_bytes}};
        report["file_bytes"] = file;
        report["peak_memory_bytes"] = peak;
        report["peak_memory_to_file"] = peak_to_file;
        print(report);
        return;
    }
    if (!prompts.empty()) {
        std::cout << "prefill    " << to_text(options.prompt, rate_of(prompts)) << '\n';
    }
    if (!answers.empty()) {
        std::cout << "decode     " << to_text(options.answer, decode) << '\n';
    }
    std::cout << "weights    " << bytes_text(read) << " read a token";
    if (!answers.empty()) {
        std::cout << ", " << fixed(100 * share, 0) << " % of what memory gives";
    }
    std::cout << "\nmemory     " << bytes_text(static_cast<std::uint64_t>(memory.bytes_per_second))
              << "/s read from a buffer of " << bytes_text(memory.buffer_bytes) << "\npeak       " << bytes_text(peak)
              << ", " << fixed(peak_to_file, 2) << " times the file of " << bytes_text(file) << "\nmode       "
              << running.mode() << ", " << options.repeat << (options.repeat == 1 ? " run\n" : " runs\n");
}

}  // namespace program
