// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/io/atomic_file.hpp>
#include <nibble/io/safetensors_writer.hpp>
#include <nibble/numeric/error.hpp>
#include <nibble/numeric/random.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <span>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

/// Sizes of a random Gemma 3 and the seed of its weights, under the names that tests/golden/make_logits.py gives them.
struct golden_sizes {
    std::uint64_t seed, layers, hidden, heads, kv_heads, head_size, ffn, vocabulary;
};

struct golden_tensor {
    std::uint32_t number;  ///< its place in golden_tensors, and the tensor of its random_key
    std::string name;      ///< as in safetensors files
    std::vector<std::uint64_t> shape;
    float scale;  ///< a power of two; values lie in [−scale, scale)

    friend bool operator==(golden_tensor const&, golden_tensor const&) = default;
};

/// Every tensor of the model, in the order of their numbers; make_logits.py says why the scales are what they are.
inline std::vector<golden_tensor> golden_tensors(golden_sizes const& s) {
    std::vector<golden_tensor> tensors;
    auto const add = [&](std::string name, std::vector<std::uint64_t> shape, float scale) {
        tensors.push_back({static_cast<std::uint32_t>(tensors.size()), name + ".weight", std::move(shape), scale});
    };
    std::uint64_t const q = s.heads * s.head_size;
    std::uint64_t const kv = s.kv_heads * s.head_size;
    add("model.embed_tokens", {s.vocabulary, s.hidden}, 0.25f);
    for (std::uint64_t i = 0; i < s.layers; ++i) {
        std::string const layer = "model.layers." + std::to_string(i) + ".";
        add(layer + "input_layernorm", {s.hidden}, 0.25f);
        add(layer + "self_attn.q_proj", {q, s.hidden}, 0.25f);
        add(layer + "self_attn.k_proj", {kv, s.hidden}, 0.25f);
        add(layer + "self_attn.v_proj", {kv, s.hidden}, 0.25f);
        add(layer + "self_attn.q_norm", {s.head_size}, 2.0f);
        add(layer + "self_attn.k_norm", {s.head_size}, 2.0f);
        add(layer + "self_attn.o_proj", {s.hidden, q}, 0.25f);
        add(layer + "post_attention_layernorm", {s.hidden}, 0.25f);
        add(layer + "pre_feedforward_layernorm", {s.hidden}, 0.25f);
        add(layer + "mlp.gate_proj", {s.ffn, s.hidden}, 0.25f);
        add(layer + "mlp.up_proj", {s.ffn, s.hidden}, 0.25f);
        add(layer + "mlp.down_proj", {s.hidden, s.ffn}, 0.25f);
        add(layer + "post_feedforward_layernorm", {s.hidden}, 0.25f);
    }
    add("model.norm", {s.hidden}, 4.0f);
    return tensors;
}

/// Element e is  ((bits >> 8) − 2^23) · 2^-23 · scale,  bits = random_bits({seed, 0, number}, e); exact in f32.
inline std::vector<float> golden_values(std::uint64_t seed, golden_tensor const& tensor) {
    std::uint64_t count = 1;
    for (std::uint64_t const d : tensor.shape) {
        count *= d;
    }
    std::vector<float> values(count);
    for (std::uint64_t e = 0; e < count; ++e) {
        std::uint32_t const bits = nibble::random_bits({seed, 0, tensor.number}, e);
        values[e] = static_cast<float>(static_cast<std::int32_t>(bits >> 8) - (1 << 23)) * (0x1p-23f * tensor.scale);
    }
    return values;
}

/// Σ over e of (e + 1) · pattern of element e, mod 2^64.
inline std::uint64_t golden_checksum(std::span<float const> values) {
    std::uint64_t sum = 0;
    for (std::size_t e = 0; e < values.size(); ++e) {
        sum += (e + 1) * std::uint64_t{std::bit_cast<std::uint32_t>(values[e])};
    }
    return sum;
}

/// Writes what transformers' save_pretrained would: model.safetensors, f32, and config.json with the text given.
inline void write_golden_model(golden_sizes const& sizes, std::string const& config,
                               std::filesystem::path const& folder) {
    auto const tensors = golden_tensors(sizes);
    std::vector<std::vector<float>> values;
    std::vector<nibble::safetensors_entry> entries;
    for (auto const& tensor : tensors) {
        values.push_back(golden_values(sizes.seed, tensor));
        entries.push_back({tensor.name, "F32", tensor.shape, std::as_bytes(std::span<float const>(values.back()))});
    }
    nibble::atomic_file model(folder / "model.safetensors");
    nibble::write_safetensors([&](std::span<std::byte const> bytes) { model.write(bytes); }, std::move(entries),
                              {{"format", "pt"}});
    model.commit();
    nibble::write_whole_file(folder / "config.json", std::as_bytes(std::span(config)));
}

/// One model of tests/golden: what make_logits.py wrote about it, and the model itself, made anew.
class golden_model {
public:
    /// `name` is "gemma3-tiny", "gemma3-tiny-rope8" or "gemma3-train"; throws nibble::error where a file is missing or
    /// damaged.
    explicit golden_model(std::string name) : name_(std::move(name)), about_(nlohmann::json::parse(read(".json"))) {
        auto const size = [&](char const* key) { return about_.at(key).get<std::uint64_t>(); };
        sizes_ = {size("seed"),     size("layers"),    size("hidden"), size("heads"),
                  size("kv_heads"), size("head_size"), size("ffn"),    size("vocabulary")};
    }

    golden_sizes const& sizes() const { return sizes_; }
    std::string config() const { return read(".config.json"); }
    std::vector<std::int32_t> tokens() const { return numbers(read(".tokens.txt")); }

    /// Ids chosen greedily after the first 8 tokens.
    std::vector<std::int32_t> greedy() const {
        std::string const text = read(".greedy.txt");
        return numbers(text.substr(0, text.find('\n')));
    }

    /// Logits of every position: [tokens, vocabulary], float64 results rounded to f32.
    std::vector<float> logits() const {
        auto values = floats(".logits.f32");
        if (values.size() != tokens().size() * sizes_.vocabulary) {
            fail("the logits have another size than tokens times vocabulary");
        }
        return values;
    }

    /// What make_gradients_of_model.py wrote: the loss, then the gradient of every tensor.
    std::vector<float> gradients() const { return floats(".gradients.f32"); }

    /// Throws nibble::error unless every tensor made here is the one that the logits were calculated with.
    void check() const {
        auto const tensors = golden_tensors(sizes_);
        auto const& rows = about_.at("tensors");
        if (rows.size() != tensors.size()) {
            fail("it has " + std::to_string(rows.size()) + " tensors, golden_tensors " +
                 std::to_string(tensors.size()));
        }
        for (auto const& tensor : tensors) {
            auto const& row = rows.at(tensor.number);
            golden_tensor const written{row.at("number"), row.at("name"), row.at("shape"), row.at("scale")};
            if (tensor != written) {
                fail("tensor " + std::to_string(tensor.number) + " is " + written.name + " there and " + tensor.name +
                     " here, or differs in shape or scale");
            }
            if (golden_checksum(golden_values(sizes_.seed, tensor)) != row.at("checksum").get<std::uint64_t>()) {
                fail("the values of " + tensor.name + " differ");
            }
        }
    }

    /// Checks, then writes model.safetensors and config.json into the folder.
    void write(std::filesystem::path const& folder) const {
        check();
        write_golden_model(sizes_, config(), folder);
    }

private:
    [[noreturn]] void fail(std::string const& what) const {
        throw nibble::error("tests/golden/" + name_ + ": " + what + "; run make_logits.py or mend golden_model.hpp.");
    }

    std::string read(char const* suffix) const {
        std::ifstream file(NIBBLE_SOURCE_DIR "/tests/golden/" + name_ + suffix, std::ios::binary);
        if (!file) {
            fail("cannot open " + name_ + suffix);
        }
        return {std::istreambuf_iterator<char>(file), {}};
    }

    std::vector<float> floats(char const* suffix) const {
        std::string const bytes = read(suffix);
        std::vector<float> values;
        for (std::size_t i = 0; i + 4 <= bytes.size(); i += 4) {
            std::uint32_t pattern = 0;
            for (std::size_t b = 0; b < 4; ++b) {
                pattern |= std::uint32_t{static_cast<unsigned char>(bytes[i + b])} << (8 * b);
            }
            values.push_back(std::bit_cast<float>(pattern));
        }
        return values;
    }

    static std::vector<std::int32_t> numbers(std::string const& text) {
        std::istringstream stream(text);
        return {std::istream_iterator<std::int32_t>(stream), {}};
    }

    std::string name_;
    nlohmann::json about_;
    golden_sizes sizes_{};
};
