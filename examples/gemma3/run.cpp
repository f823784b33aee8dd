// SPDX-License-Identifier: Apache-2.0
#include "engine.hpp"
#include "input.hpp"
#include "interrupt.hpp"
#include "output.hpp"

#include <nibble/gemma3/chat.hpp>
#include <nibble/gemma3/generate.hpp>

#include <algorithm>
#include <chrono>
#include <iostream>
#include <random>

#include <unistd.h>

namespace program {

namespace {

using clock = std::chrono::steady_clock;

/// How one answer went.
struct figures {
    std::size_t prompt_tokens = 0;
    std::size_t answer_tokens = 0;
    double prompt_seconds = 0;
    double answer_seconds = 0;
    std::size_t steps = 0;       ///< tokens of the answer that were run
    char const* end = "length";  ///< what ended it: "end", "length", "context" or "interrupt"

    double prompt_rate() const { return prompt_seconds > 0 ? static_cast<double>(prompt_tokens) / prompt_seconds : 0; }
    double answer_rate() const { return answer_seconds > 0 ? static_cast<double>(steps) / answer_seconds : 0; }
};

/// A conversation: what the model has seen, and how it goes on.
class speaker {
public:
    speaker(engine& running, run_options const& options, std::size_t context, std::uint64_t seed)
        : session_(running.where(), running.model(), context), words_(running.words()),
          choose_({options.temperature, options.top_k, options.top_p, options.min_p, seed}),
          max_tokens_(options.max_tokens) {}

    bool is_new() const { return session_.cache().length() == 0; }

    /// Runs the ids and calls say(text) for each piece of the answer. Throws nibble::error, with nothing run, where the
    /// ids do not fit the context.
    template <class Say>
    figures answer(std::span<std::uint32_t const> ids, Say&& say) {
        figures result{.prompt_tokens = ids.size()};
        session_.cache().require_room(ids.size());
        interrupt const stop;
        auto const begin = clock::now();
        std::span<float const> logits;
        for (std::size_t done = 0; done < ids.size() || done == 0;) {
            std::size_t const count = std::min(session_.cache().batch(), ids.size() - done);
            logits = session_.feed(ids.subspan(done, count));
            done += count;
            if (stop.requested()) {
                result.end = "interrupt";
                result.prompt_seconds = since(begin);
                return result;
            }
        }
        result.prompt_seconds = since(begin);

        auto const spoken = clock::now();
        nb::streaming_decoder decoder(words_);
        auto const& ends = session_.of().end_ids;
        while (result.answer_tokens < max_tokens_) {
            std::uint32_t const id = choose_(logits);
            if (std::find(ends.begin(), ends.end(), id) != ends.end()) {
                result.end = "end";
                break;
            }
            ++result.answer_tokens;
            say(decoder.push(id));
            if (stop.requested()) {
                result.end = "interrupt";
                break;
            }
            if (session_.cache().length() == session_.cache().context()) {
                result.end = "context";
                break;
            }
            logits = session_.feed({&id, 1});
            ++result.steps;
        }
        say(decoder.finish());
        result.answer_seconds = since(spoken);
        return result;
    }

private:
    static double since(clock::time_point begin) { return std::chrono::duration<double>(clock::now() - begin).count(); }

    nb::gemma3::session<> session_;
    nb::tokenizer const& words_;
    nb::gemma3::sampler choose_;
    std::size_t max_tokens_;
};

bool has_turns(nb::vocabulary const& words) {
    return words.options().bos && words.find("<start_of_turn>") && words.find("<end_of_turn>");
}

std::size_t context_of(run_options const& options, engine const& running) {
    return options.context.value_or(std::min<std::size_t>(4096, running.config().context));
}

std::string to_text(figures const& f) {
    return std::to_string(f.prompt_tokens) + " tokens read at " + fixed(f.prompt_rate(), 1) + " tokens/s, " +
           std::to_string(f.answer_tokens) + " written at " + fixed(f.answer_rate(), 1) + " tokens/s";
}

std::string remark(figures const& f) {
    if (std::string_view(f.end) == "context") {
        return "; the context is full, a longer one is --context N";
    }
    return std::string_view(f.end) == "interrupt" ? "; interrupted" : "";
}

void answer_once(engine& running, run_options const& options, std::string const& prompt, std::uint64_t seed) {
    auto const& words = running.words();
    bool const as_turn = !options.raw && has_turns(words.vocabulary());
    nb::chat_message const message{nb::chat_role::user, prompt};
    auto const ids = as_turn ? chat_ids(words, {&message, 1}) : words.encode(prompt);
    speaker model(running, options, std::min(context_of(options, running), ids.size() + options.max_tokens), seed);
    std::string text;
    auto const f = model.answer(ids, [&](std::string const& piece) {
        if (options.json) {
            text += piece;
        } else {
            std::cout << piece << std::flush;
        }
    });
    if (options.json) {
        print({{"text", text},
               {"end", f.end},
               {"prompt", {{"tokens", f.prompt_tokens}, {"tokens_per_second", f.prompt_rate()}}},
               {"answer", {{"tokens", f.answer_tokens}, {"tokens_per_second", f.answer_rate()}}},
               {"activations", running.activations()},
               {"kv_cache", nb::name_of(running.model().kv_type)},
               {"threads", running.threads()},
               {"temperature", options.temperature},
               {"seed", seed}});
        return;
    }
    std::cout << '\n' << std::flush;
    std::cerr << to_text(f) << "; " << running.mode();
    if (options.temperature != 0) {
        std::cerr << "; --seed " << seed;
    }
    std::cerr << remark(f) << '\n';
}

/// The ids of a user's turn; behind an answer, which has no end of its own in the model's memory yet, the end comes
/// first.
std::vector<std::uint32_t> turn_ids(nb::tokenizer const& words, std::string const& text, bool is_first) {
    nb::chat_message const message{nb::chat_role::user, text};
    auto ids = chat_ids(words, {&message, 1});
    if (is_first) {
        return ids;
    }
    std::vector<std::uint32_t> behind{*words.vocabulary().find("<end_of_turn>")};
    words.append(behind, "\n");
    behind.insert(behind.end(), ids.begin() + 1, ids.end());  // without bos
    return behind;
}

void chat(engine& running, run_options const& options, std::uint64_t seed) {
    auto const& words = running.words();
    if (options.json || options.raw) {
        throw nb::error("--json and --raw are for one prompt; give it with --prompt TEXT or through a pipe.");
    }
    if (!has_turns(words.vocabulary())) {
        throw nb::error(options.model.path + ": the vocabulary has no <start_of_turn>, so this model does not chat; "
                                             "give a text to go on from with --prompt TEXT.");
    }
    std::size_t const context = context_of(options, running);
    std::optional<speaker> model(std::in_place, running, options, context, seed);
    std::cerr << running.mode() << ", a context of " << context << " tokens, --seed " << seed
              << ". /clear forgets, /quit ends; Ctrl-C stops an answer.\n";
    interrupt const at_prompt(interrupt::reads::end);
    for (std::string line; std::cerr << "> " << std::flush, std::getline(std::cin, line);) {
        if (line == "/quit") {
            return;
        }
        if (line == "/clear") {
            model.emplace(running, options, context, seed);
            continue;
        }
        if (line.find_first_not_of(" \t\r") == line.npos) {
            continue;
        }
        try {
            auto const ids = turn_ids(words, line, model->is_new());
            auto const f = model->answer(ids, [](std::string const& piece) { std::cout << piece << std::flush; });
            std::cout << '\n' << std::flush;
            std::cerr << "(" << to_text(f) << remark(f) << ")\n";
        } catch (nb::error const& e) {
            std::cerr << "error: " << e.what() << " /clear makes room.\n";
        }
    }
    std::cerr << '\n';
}

}  // namespace

void run(run_options const& options) {
    bool const from_terminal = !options.prompt && ::isatty(STDIN_FILENO) == 1;
    std::string const prompt = options.prompt ? *options.prompt : from_terminal ? "" : read_text("-");
    std::uint64_t const seed = options.seed ? *options.seed : std::random_device{}();
    engine running(options.model);
    if (from_terminal) {
        chat(running, options, seed);
    } else {
        answer_once(running, options, prompt, seed);
    }
}

}  // namespace program
