// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/gemma3/configuration_gguf.hpp>
#include <nibble/gemma3/configuration_json.hpp>
#include <nibble/gemma3/sentencepiece_model.hpp>
#include <nibble/gemma3/tensor_names.hpp>
#include <nibble/gemma3/tokenizer_json.hpp>
#include <nibble/gemma3/vocabulary_gguf.hpp>
#include <nibble/io/gguf.hpp>
#include <nibble/io/mapped_file.hpp>
#include <nibble/io/safetensors_checkpoint.hpp>
#include <nibble/io/stored_tensor.hpp>
#include <nibble/nn/attention.hpp>
#include <nibble/nn/linear.hpp>
#include <nibble/numeric/error.hpp>
#include <nibble/scheme/storage_list.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nibble::gemma3 {

/// A Gemma 3 in a file, opened and checked but not read: every tensor of the model is there, has its shape and a format
/// that can be decoded. The values are not looked at, but for a scale of a whole matrix, which has to be 1.
class checkpoint {
public:
    using tensor_map = model_parameters<stored_tensor, stored_tensor>;

    /// `path` is a GGUF file, or a safetensors file, index or folder with config.json and tokenizer.model or
    /// tokenizer.json beside it. Throws nibble::error with the file's name for anything else.
    template <class List = known_storages>
    static checkpoint open(std::filesystem::path const& path, file_mode mode = file_mode::map) {
        checkpoint result;
        result.require_view_ = [](stored_tensor const& t) { with_view<List>(t, [](auto const&) {}); };
        if (is_gguf(path)) {
            result.gguf_ = std::make_shared<gguf_file>(gguf_file::open(path, {}, mode));
            result.naming(path, [&] { result.read_gguf(); });
        } else {
            result.safetensors_ =
                std::make_shared<safetensors_checkpoint>(safetensors_checkpoint::open(path, {}, mode));
            result.naming(path, [&] { result.read_safetensors(); });
        }
        return result;
    }

    configuration const& config() const { return config_; }
    /// Null where no tokenizer lies beside the safetensors files.
    nibble::vocabulary const* words() const { return words_ ? &*words_ : nullptr; }
    /// Ids that end a text or a turn.
    std::span<std::uint32_t const> end_ids() const { return end_ids_; }
    /// What the file's recipe says, or int8 where a matrix is quantized and f32 where none is: for a file without a
    /// recipe, or with one of float weights although it is quantized.
    activation_kind activations() const { return activations_; }
    /// What the file's recipe says that keys and values are kept as, else f32.
    nibble::kv_type kv_type() const { return kv_type_; }

    tensor_map const& tensors() const { return tensors_; }
    /// The head, where it is not the embedding.
    stored_tensor const* head() const { return head_ ? &*head_ : nullptr; }

    /// The factors of a norm: 1 + w, which safetensors files hold as w.
    std::vector<float> norm(stored_tensor const& t) const {
        std::vector<float> factors(t.columns);
        with_view<storage_list<>>(t, [&](auto const& view) { decode_row(view, 0, 0, factors); });
        if (safetensors_ != nullptr) {
            for (float& factor : factors) {
                factor += 1.0f;
            }
        }
        return factors;
    }

    /// Null for safetensors.
    gguf_file const* gguf() const { return gguf_.get(); }

    /// Gives back the memory that mapped bytes of the file take.
    void drop(std::span<std::byte const> bytes) const {
        if (gguf_ != nullptr) {
            gguf_->source().drop(bytes);
        } else {
            safetensors_->drop(bytes);
        }
    }

private:
    static bool is_gguf(std::filesystem::path const& path) {
        std::error_code none;
        if (std::filesystem::is_directory(path, none) || path.extension() == ".json" ||
            path.extension() == ".safetensors") {
            return false;
        }
        return true;  // whatever it is, the reader of GGUF says what is wrong with it
    }

    template <class F>
    static void naming(std::filesystem::path const& path, F&& f) {
        try {
            f();
        } catch (error const& e) {
            throw error(path.string() + ": " + e.what());
        }
    }

    template <class Role>
    void require_shape(tensor_entry<Role> const& entry, configuration const& c, stored_tensor const& t) const {
        if (t.rows != entry.rows(c) || t.columns != entry.columns(c)) {
            throw error("tensor '" + t.name + "' is " + std::to_string(t.rows) + " x " + std::to_string(t.columns) +
                        ", but the configuration asks for " + std::to_string(entry.rows(c)) + " x " +
                        std::to_string(entry.columns(c)) + "; the file and its metadata do not belong together");
        }
        if (!entry.is_matrix && !t.is_float()) {
            throw error("tensor '" + t.name + "' is stored as " + t.format() + "; a norm has to be F32, F16 or BF16");
        }
        require_view_(t);
    }

    /// Fills tensors_ with what find(entry, layer) gives.
    template <class Find>
    void take_tensors(Find&& find) {
        tensors_.blocks.resize(config_.layers);
        for_each_parameter(
            [&](auto const& entry, std::uint32_t layer, stored_tensor& t) {
                t = find(entry, layer);
                require_shape(entry, config_, t);
            },
            tensors_);
    }

    /// The word behind `key` in the text of a recipe.
    static std::optional<std::string_view> choice_of(std::string_view key, std::string_view text) {
        auto const at = text.find(key);
        if (at == text.npos) {
            return std::nullopt;
        }
        auto const word = text.substr(at + key.size());
        return word.substr(0, word.find(' '));
    }

    /// Whether the text of a recipe has a matrix that is not float.
    static bool is_quantized(std::string_view recipe) {
        for (auto const* key : {"embedding=", "attention=", "mlp="}) {
            auto const word = choice_of(key, recipe);
            if (word && *word != "f32" && *word != "f16" && *word != "bf16") {
                return true;
            }
        }
        return false;
    }

    /// A file may multiply a whole matrix by a number beside it, named alike; of those only 1 is run.
    void require_no_scale(std::string const& matrix) const {
        auto const name = matrix.substr(0, matrix.rfind('.')) + ".scale";
        auto const* found = gguf_->find_tensor(name);
        if (found == nullptr) {
            return;
        }
        auto const scale = stored(*gguf_, *found);
        float value = 0;
        if (scale.is_float() && scale.rows * scale.columns == 1) {
            with_view<storage_list<>>(scale, [&](auto const& view) { decode_row(view, 0, 0, {&value, 1}); });
        }
        if (value != 1) {
            throw error("tensor '" + name + "' scales all of '" + matrix + "', by a number other than 1, which this " +
                        "program has no code for; fold the scale into the weights and quantize them again");
        }
    }

    void read_gguf() {
        config_ = configuration_from(*gguf_);
        take_tensors([&](auto const& entry, std::uint32_t layer) {
            auto const name = gguf_name(entry, layer);
            if (entry.is_matrix) {
                require_no_scale(name);
            }
            return stored(*gguf_, gguf_->tensor(name));
        });
        if (auto const* head = gguf_->find_tensor(gguf_name(output_entry))) {
            require_no_scale(gguf_name(output_entry));
            head_ = stored(*gguf_, *head);
            require_shape(token_embd_entry, config_, *head_);
        }
        words_ = vocabulary_from(*gguf_);
        if (words_->size() != config_.vocabulary) {
            throw error("the vocabulary has " + std::to_string(words_->size()) + " pieces and the embedding " +
                        std::to_string(config_.vocabulary) + " rows; both must be equal");
        }
        take_end_ids({});
        activations_ = by_format();
        if (auto const* recipe = gguf_->find("nibble.recipe")) {
            std::string_view const text = recipe->as_string();
            bool const quantized = activations_ == activation_kind::int8;
            auto const kind = choice_of("activations=", text);
            if (kind && is_quantized(text) == quantized) {  // a program that quantized the file may have kept the text
                activations_ = parse_activation_kind(*kind);
            }
            if (auto const type = choice_of("kv_cache=", text)) {
                kv_type_ = parse_kv_type(*type);
            }
        }
    }

    void read_safetensors() {
        auto const& folder = safetensors_->folder();
        mapped_file const json(folder / "config.json", file_mode::read);
        auto const stated = parse_json_fields(json.bytes());
        config_ = configuration_from(stated);
        read_vocabulary(folder);
        std::size_t const rows = config_.vocabulary;
        if (words_ && words_->size() < rows) {
            config_.vocabulary = static_cast<std::uint32_t>(words_->size());  // the rows behind it are padding
        } else if (words_ && words_->size() > rows) {
            words_ = words_->first(rows);  // an image token that a text-only model has no row for
        }
        take_tensors([&](auto const& entry, std::uint32_t layer) {
            for (auto const& name : hf_names(entry, layer)) {
                if (auto const* found = safetensors_->find(name)) {
                    stored_tensor t = stored(*found);
                    bool const padded = std::string_view(entry.gguf) == token_embd_entry.gguf && t.rows == rows &&
                                        rows != config_.vocabulary;
                    if (padded) {
                        t.bytes = t.bytes.first(t.bytes.size() / t.rows * config_.vocabulary);
                        t.rows = config_.vocabulary;
                    }
                    return t;
                }
            }
            throw error("tensor '" + hf_names(entry, layer)[0] + "' is missing");
        });
        take_end_ids(eos_ids_from(stated));
        activations_ = activation_kind::f32;
    }

    void read_vocabulary(std::filesystem::path const& folder) {
        std::error_code none;
        auto const model = folder / "tokenizer.model";
        auto const json = folder / "tokenizer.json";
        if (std::filesystem::exists(model, none)) {
            naming(model, [&] { words_ = parse_sentencepiece_model(mapped_file(model, file_mode::read).bytes()); });
        } else if (std::filesystem::exists(json, none)) {
            naming(json, [&] { words_ = parse_tokenizer_json(mapped_file(json, file_mode::read).bytes()); });
        }
    }

    void take_end_ids(std::span<std::uint32_t const> stated) {
        end_ids_.assign(stated.begin(), stated.end());
        if (words_) {
            for (auto const id : {words_->options().eos, words_->find("<eos>"), words_->find("<end_of_turn>")}) {
                if (id) {
                    end_ids_.push_back(*id);
                }
            }
        }
        std::sort(end_ids_.begin(), end_ids_.end());
        end_ids_.erase(std::unique(end_ids_.begin(), end_ids_.end()), end_ids_.end());
    }

    activation_kind by_format() const {
        bool quantized = false;
        for_each_parameter([&](auto const& entry, std::uint32_t,
                               stored_tensor const& t) { quantized = quantized || (entry.is_matrix && !t.is_float()); },
                           tensors_);
        return quantized ? activation_kind::int8 : activation_kind::f32;
    }

    void (*require_view_)(stored_tensor const&) = nullptr;  ///< throws for a format that cannot be decoded
    std::shared_ptr<gguf_file const> gguf_;
    std::shared_ptr<safetensors_checkpoint const> safetensors_;
    configuration config_;
    std::optional<nibble::vocabulary> words_;
    std::vector<std::uint32_t> end_ids_;
    activation_kind activations_ = activation_kind::f32;
    nibble::kv_type kv_type_ = nibble::kv_type::f32;
    tensor_map tensors_;
    std::optional<stored_tensor> head_;
};

}  // namespace nibble::gemma3
