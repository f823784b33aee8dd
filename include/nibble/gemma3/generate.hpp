// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/gemma3/chat.hpp>
#include <nibble/gemma3/forward.hpp>
#include <nibble/gemma3/kv_cache.hpp>
#include <nibble/gemma3/model.hpp>
#include <nibble/gemma3/sampler.hpp>
#include <nibble/gemma3/tokenizer.hpp>
#include <nibble/numeric/error.hpp>
#include <nibble/tensor/backend.hpp>
#include <nibble/tensor/matrix.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nibble::gemma3 {

/// One text in a model's memory. The model must outlive it.
template <class W = any_weight>
class session {
public:
    /// context: tokens it can hold; batch: tokens that run at once
    session(cpu where, model<W> const& m, std::size_t context = 4096, std::size_t batch = 512)
        : where_(where), model_(&m), cache_(m.config, context, batch, m.kv_type), logits_(1, m.config.vocabulary) {}

    /// Runs the tokens and gives the logits that follow the last of them; they stay until the next call.
    /// Throws nibble::error for no tokens, and as forward does.
    std::span<float const> feed(std::span<std::uint32_t const> tokens) {
        if (tokens.empty()) {
            throw error("There are no tokens to run; give at least one, for example the vocabulary's bos.");
        }
        forward(where_, *model_, cache_, tokens, logits_);
        return logits_.row(0);
    }

    model<W> const& of() const { return *model_; }
    kv_cache const& cache() const { return cache_; }

private:
    cpu where_;
    model<W> const* model_;
    kv_cache cache_;
    matrix<float> logits_;
};

namespace detail {

template <class W>
tokenizer const& words_of(model<W> const& m) {
    if (!m.words) {
        throw error("The model has no tokenizer; put tokenizer.model or tokenizer.json beside its files.");
    }
    return *m.words;
}

}  // namespace detail

struct generation_options {
    std::size_t max_tokens = 256;
    sampling sample{};           ///< greedy unless a temperature is given
    std::size_t context = 4096;  ///< tokens of prompt and answer together
    bool stop_at_end = true;     ///< at an id that ends a text or a turn
};

/// Walks a stream once: value(), then advance() until done().
template <class Stream>
class stream_iterator {
public:
    using value_type = typename Stream::value_type;
    using difference_type = std::ptrdiff_t;

    explicit stream_iterator(Stream* from = nullptr) : from_(from) {}
    value_type const& operator*() const { return from_->value(); }
    stream_iterator& operator++() {
        from_->advance();
        return *this;
    }
    void operator++(int) { from_->advance(); }
    friend bool operator==(stream_iterator const& it, std::default_sentinel_t) { return it.from_->done(); }

private:
    Stream* from_;
};

/// The ids that a model gives after a prompt, one at a time: a range to be walked once. Ends after max_tokens, at a
/// full context, or at an id that ends a text, which is not given.
template <class W>
class token_stream {
public:
    using value_type = std::uint32_t;

    token_stream(cpu where, model<W> const& m, std::span<std::uint32_t const> prompt, generation_options const& options)
        : options_(options),
          session_(where, m,
                   (std::min)(options.context, prompt.size() + (std::min)(options.max_tokens, options.context))),
          choose_(options.sample), prompt_(prompt.begin(), prompt.end()) {}

    /// Runs the prompt, the first time.
    stream_iterator<token_stream> begin() {
        if (!std::exchange(begun_, true)) {
            take(prompt_);
        }
        return stream_iterator(this);
    }
    std::default_sentinel_t end() const { return {}; }

    bool done() const { return !id_; }
    std::uint32_t const& value() const { return *id_; }
    void advance() {
        std::uint32_t const last = *id_;
        id_.reset();
        if (session_.cache().length() < session_.cache().context()) {
            take({&last, 1});
        }
    }

private:
    void take(std::span<std::uint32_t const> tokens) {
        if (given_ == options_.max_tokens) {
            return;
        }
        std::uint32_t const id = choose_(session_.feed(tokens));
        auto const& ends = session_.of().end_ids;
        if (!options_.stop_at_end || std::find(ends.begin(), ends.end(), id) == ends.end()) {
            id_ = id;
            ++given_;
        }
    }

    generation_options options_;
    session<W> session_;
    sampler choose_;
    std::vector<std::uint32_t> prompt_;
    bool begun_ = false;
    std::size_t given_ = 0;
    std::optional<std::uint32_t> id_;
};

/// The text that a model gives after a prompt, piece by piece, each whole UTF-8 where the model writes UTF-8.
template <class W>
class text_stream {
public:
    using value_type = std::string;

    text_stream(cpu where, model<W> const& m, std::span<std::uint32_t const> prompt, generation_options const& options)
        : tokens_(where, m, prompt, options), decoder_(detail::words_of(m)) {}

    stream_iterator<text_stream> begin() {
        if (!std::exchange(begun_, true)) {
            tokens_.begin();
            read();
        }
        return stream_iterator(this);
    }
    std::default_sentinel_t end() const { return {}; }

    bool done() const { return done_; }
    std::string const& value() const { return piece_; }
    void advance() {
        if (tokens_.done()) {
            done_ = true;  // what the decoder held back has been given
            return;
        }
        tokens_.advance();
        read();
    }

private:
    void read() {
        piece_ = tokens_.done() ? decoder_.finish() : decoder_.push(tokens_.value());
        done_ = tokens_.done() && piece_.empty();
    }

    token_stream<W> tokens_;
    streaming_decoder decoder_;
    std::string piece_;
    bool begun_ = false;
    bool done_ = false;
};

/// The ids that follow the ids of a prompt.
template <class W>
token_stream<W> generate(cpu where, model<W> const& m, std::span<std::uint32_t const> prompt,
                         generation_options const& options = {}) {
    return {where, m, prompt, options};
}

/// The text that follows a prompt, as it is: for a model that only continues text. A model that answers wants turns;
/// see below.
template <class W>
text_stream<W> generate(cpu where, model<W> const& m, std::string_view prompt, generation_options const& options = {}) {
    return {where, m, detail::words_of(m).encode(prompt), options};
}

/// The model's answer to a conversation in Gemma's turns (chat_ids):
///     for (auto const& piece : generate(cpu{pool}, model, {{chat_role::user, "Why is the sky blue?"}}))
///         std::cout << piece << std::flush;
template <class W>
text_stream<W> generate(cpu where, model<W> const& m, std::vector<chat_message> const& messages,
                        generation_options const& options = {}) {
    return {where, m, chat_ids(detail::words_of(m), messages), options};
}

/// A stream reads its model as long as it runs; give it one that has a name.
template <class W, class Prompt>
void generate(cpu where, model<W>&& m, Prompt const& prompt, generation_options const& options = {}) = delete;

}  // namespace nibble::gemma3
