// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/gemma3/vocabulary.hpp>
#include <nibble/numeric/error.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace nibble {

namespace detail {

/// One pass over the fields of a protobuf message. Offsets in errors count from the start of the file.
class protobuf_reader {
public:
    struct field {
        std::uint64_t number = 0, value = 0;  // value: of a varint or fixed field
        unsigned wire = 0;                    // 0 varint, 1 eight bytes, 2 length and bytes, 5 four bytes
        std::span<std::byte const> bytes;
        std::size_t offset = 0;  // of the bytes
    };

    protobuf_reader(std::span<std::byte const> bytes, std::size_t offset) : bytes_(bytes), offset_(offset) {}

    bool next(field& f) {
        if (at_ == bytes_.size()) {
            return false;
        }
        auto const key = varint();
        f = {key >> 3, 0, static_cast<unsigned>(key & 7), {}, 0};
        if (f.number == 0) {
            fail("field number 0");
        }
        if (f.wire == 0) {
            f.value = varint();
        } else if (f.wire == 1) {
            f.value = fixed(8);
        } else if (f.wire == 5) {
            f.value = fixed(4);
        } else if (f.wire == 2) {
            auto const count = varint();
            if (count > bytes_.size() - at_) {
                fail("a field longer than what is left");
            }
            f.offset = offset_ + at_;
            f.bytes = bytes_.subspan(at_, static_cast<std::size_t>(count));
            at_ += f.bytes.size();
        } else {
            fail("an unknown wire type");
        }
        return true;
    }

private:
    [[noreturn]] void fail(std::string const& what) const {
        throw error("sentencepiece model: " + what + " at byte " + std::to_string(offset_ + at_) +
                    "; the file is damaged or is no tokenizer.model");
    }

    std::uint64_t varint() {
        std::uint64_t value = 0;
        for (unsigned shift = 0; shift < 70; shift += 7) {
            if (at_ == bytes_.size()) {
                fail("a cut number");
            }
            auto const b = std::to_integer<std::uint64_t>(bytes_[at_++]);
            if (shift == 63 && b > 1) {
                break;
            }
            value |= (b & 0x7f) << shift;
            if (b < 0x80) {
                return value;
            }
        }
        fail("a number above 64 bits");
    }

    std::uint64_t fixed(std::size_t count) {
        if (count > bytes_.size() - at_) {
            fail("a cut number");
        }
        std::uint64_t value = 0;
        for (std::size_t i = 0; i < count; ++i) {
            value |= std::to_integer<std::uint64_t>(bytes_[at_++]) << (8 * i);
        }
        return value;
    }

    std::span<std::byte const> bytes_;
    std::size_t offset_, at_ = 0;
};

}  // namespace detail

/// The vocabulary in the bytes of a SentencePiece `tokenizer.model` (a protobuf `ModelProto`).
///   error   any bytes give a value or a nibble::error; memory is linear in the bytes
///   source  sentencepiece_model.proto: pieces = 1 {piece 1, score 2, type 3}, trainer_spec = 2 {unk_id 40, bos_id 41,
///           eos_id 42, pad_id 43}, normalizer_spec = 3 {add_dummy_prefix 3}
inline vocabulary parse_sentencepiece_model(std::span<std::byte const> bytes) {
    std::vector<std::string> pieces;
    std::vector<float> scores;
    std::vector<token_kind> kinds;
    std::int32_t unk = 0, bos = 1, eos = 2, pad = -1;  // the defaults of the .proto
    bool dummy_prefix = true;

    detail::protobuf_reader::field outer, inner;
    detail::protobuf_reader model(bytes, 0);
    while (model.next(outer)) {
        if (outer.wire != 2 || outer.number > 3) {
            continue;
        }
        detail::protobuf_reader message(outer.bytes, outer.offset);
        std::string piece;
        float score = 0;
        std::uint64_t kind = 1;
        while (message.next(inner)) {
            auto const number = [&](std::int32_t& to) {
                if (inner.wire == 0) {
                    to = static_cast<std::int32_t>(static_cast<std::uint32_t>(inner.value));
                }
            };
            if (outer.number == 1) {
                if (inner.number == 1 && inner.wire == 2) {
                    piece.assign(reinterpret_cast<char const*>(inner.bytes.data()), inner.bytes.size());
                }
                if (inner.number == 2 && inner.wire == 5) {
                    score = std::bit_cast<float>(static_cast<std::uint32_t>(inner.value));
                }
                if (inner.number == 3 && inner.wire == 0) {
                    kind = inner.value;
                }
            } else if (outer.number == 2) {
                if (inner.number == 40) {
                    number(unk);
                }
                if (inner.number == 41) {
                    number(bos);
                }
                if (inner.number == 42) {
                    number(eos);
                }
                if (inner.number == 43) {
                    number(pad);
                }
            } else if (inner.number == 3 && inner.wire == 0) {
                dummy_prefix = inner.value != 0;
            }
        }
        if (outer.number != 1) {
            continue;
        }
        if (kind < 1 || kind > 6) {
            throw error("sentencepiece model: piece " + std::to_string(pieces.size()) + " at byte " +
                        std::to_string(outer.offset) + " has type " + std::to_string(kind) + "; types are 1 to 6");
        }
        pieces.push_back(std::move(piece));
        scores.push_back(score);
        kinds.push_back(static_cast<token_kind>(kind));
    }
    if (pieces.empty()) {
        throw error("sentencepiece model: no pieces in the file; is it a tokenizer.model?");
    }
    auto const id = [](std::int32_t i) { return i < 0 ? std::nullopt : std::optional(static_cast<std::uint32_t>(i)); };
    return {std::move(pieces), std::move(scores), std::move(kinds),
            vocabulary_options{id(bos), id(eos), id(unk), id(pad), true, dummy_prefix}};
}

}  // namespace nibble
