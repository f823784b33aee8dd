// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/gemma3/vocabulary.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace nibble {

namespace detail {

/// Appends the fields of a protobuf message.
class protobuf_writer {
public:
    void add(std::uint32_t field, std::uint64_t value) {
        key(field, 0);
        varint(value);
    }
    void add(std::uint32_t field, float value) {
        key(field, 5);
        auto const bits = std::bit_cast<std::uint32_t>(value);
        for (int shift = 0; shift < 32; shift += 8) {
            put(bits >> shift & 0xff);
        }
    }
    void add(std::uint32_t field, std::string_view text) {
        key(field, 2);
        varint(text.size());
        for (char const c : text) {
            put(static_cast<unsigned char>(c));
        }
    }
    void add(std::uint32_t field, protobuf_writer const& message) {
        key(field, 2);
        varint(message.bytes_.size());
        bytes_.insert(bytes_.end(), message.bytes_.begin(), message.bytes_.end());
    }

    std::vector<std::byte> const& bytes() const { return bytes_; }

private:
    void key(std::uint32_t field, unsigned wire) { varint(std::uint64_t{field} << 3 | wire); }

    void varint(std::uint64_t value) {
        for (; value >= 0x80; value >>= 7) {
            put(0x80 | (value & 0x7f));
        }
        put(value);
    }

    void put(std::uint64_t byte) { bytes_.push_back(static_cast<std::byte>(byte)); }

    std::vector<std::byte> bytes_;
};

/// What trainers of a SentencePiece model state and its readers ask for: a byte-pair model of unchanged text.
inline protobuf_writer sentencepiece_trainer(vocabulary const& words) {
    protobuf_writer trainer;
    bool all_bytes = true;
    for (unsigned byte = 0; byte < 256; ++byte) {
        all_bytes = all_bytes && words.byte_id(static_cast<std::uint8_t>(byte)).has_value();
    }
    constexpr std::uint64_t byte_pair = 2;
    trainer.add(3, byte_pair);
    trainer.add(4, std::uint64_t{words.size()});
    trainer.add(35, std::uint64_t{all_bytes});
    auto const& options = words.options();
    std::optional<std::uint32_t> const special[]{options.unk, options.bos, options.eos, options.pad};
    for (std::uint32_t i = 0; i < 4; ++i) {
        trainer.add(40 + i, special[i] ? std::uint64_t{*special[i]} : ~std::uint64_t{0});  // −1: there is none
    }
    for (std::uint32_t i = 0; i < 4; ++i) {
        if (special[i]) {
            trainer.add(45 + i, std::string_view(words.piece(*special[i])));
        }
    }
    return trainer;
}

}  // namespace detail

/// The bytes of a SentencePiece `tokenizer.model` (a protobuf `ModelProto`), of which parse_sentencepiece_model makes
/// the same vocabulary but for add_bos, which has no field in the format and is read as true.
///   source  sentencepiece_model.proto: pieces = 1 {piece 1, score 2, type 3}, trainer_spec = 2 {model_type 3,
///           vocab_size 4, byte_fallback 35, ids of unk, bos, eos, pad 40 to 43, their pieces 45 to 48},
///           normalizer_spec = 3 {name 1, add_dummy_prefix 3, remove_extra_whitespaces 4, escape_whitespaces 5}
inline std::vector<std::byte> to_sentencepiece_model(vocabulary const& words) {
    detail::protobuf_writer model;
    for (std::uint32_t id = 0; id < words.size(); ++id) {
        detail::protobuf_writer piece;
        piece.add(1, std::string_view(words.piece(id)));
        piece.add(2, words.score(id));
        piece.add(3, static_cast<std::uint64_t>(words.kind(id)));
        model.add(1, piece);
    }
    model.add(2, detail::sentencepiece_trainer(words));
    detail::protobuf_writer normalizer;
    normalizer.add(1, std::string_view("identity"));
    normalizer.add(3, std::uint64_t{words.options().add_space_prefix});
    normalizer.add(4, std::uint64_t{0});
    normalizer.add(5, std::uint64_t{1});
    model.add(3, normalizer);
    return model.bytes();
}

}  // namespace nibble
