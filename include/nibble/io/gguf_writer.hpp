// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/io/atomic_file.hpp>
#include <nibble/io/gguf.hpp>
#include <nibble/io/gguf_checksum.hpp>
#include <nibble/io/xxh64.hpp>

#include <concepts>
#include <memory>
#include <optional>
#include <unordered_set>

namespace nibble {

namespace detail {

template <typename T, typename... Ts>
concept one_of = (std::same_as<T, Ts> || ...);

}  // namespace detail

/// A C++ type that is one of GGUF's value types; `int` is one, `long long` is not.
template <typename T>
concept gguf_number = detail::one_of<T, bool, std::uint8_t, std::int8_t, std::uint16_t, std::int16_t, std::uint32_t,
                                     std::int32_t, std::uint64_t, std::int64_t, float, double>;

/// The value type that T is written as.
template <gguf_number T>
constexpr gguf_type gguf_type_of() {
    if constexpr (std::same_as<T, bool>) {
        return gguf_type::boolean;
    } else if constexpr (std::floating_point<T>) {
        return sizeof(T) == 4 ? gguf_type::f32 : gguf_type::f64;
    } else if constexpr (std::signed_integral<T>) {
        return std::array{gguf_type::i8, gguf_type::i16, gguf_type::i32, gguf_type::i64}[std::bit_width(sizeof(T)) - 1];
    } else {
        return std::array{gguf_type::u8, gguf_type::u16, gguf_type::u32, gguf_type::u64}[std::bit_width(sizeof(T)) - 1];
    }
}

/// Writes a GGUF file, version 3: first all add() and add_tensor(), then start(), the tensors' bytes through write(),
/// commit(). The file appears at commit(), whole; a writer that is destroyed earlier leaves nothing.
///   layout  header, tensor infos, then each tensor's bytes, in the order of add_tensor(); zeros up to a multiple of
///           the alignment behind the infos and behind each tensor. The alignment is 32 bytes or what the pair
///           `general.alignment` says
///   error   refuses, before a byte is written, what gguf_file::parse with its default limits would refuse. A refused
///           add() or add_tensor() leaves the writer as it was
class gguf_writer {
public:
    template <gguf_number T>
    void add(std::string_view key, T value) {
        add_elements(key, std::span<T const>(&value, 1), gguf_type_of<T>());
    }
    void add(std::string_view key, std::string_view value) {
        add({key, reinterpret_cast<std::byte const*>(value.data()), value.size(), 0, gguf_type::string,
             gguf_type::string});
    }
    void add(std::string_view key, std::span<float const> values) { add_elements(key, values, gguf_type::array); }
    void add(std::string_view key, std::span<std::int32_t const> values) {
        add_elements(key, values, gguf_type::array);
    }
    void add(std::string_view key, std::span<std::string_view const> values) {
        std::string bytes;
        for (auto const text : values) {
            put(bytes, std::uint64_t{text.size()});
            bytes += text;
        }
        add({key, reinterpret_cast<std::byte const*>(bytes.data()), values.size(), 0, gguf_type::array,
             gguf_type::string});
    }

    /// A pair as it is, for example one of another file. `general.alignment` sets the alignment of this file.
    void add(gguf_value const& pair) {
        check_key(pair);
        check_value(pair);
        auto const bytes = bytes_of(pair);
        std::string header;
        put(header, std::uint64_t{pair.key.size()});
        header += pair.key;
        put(header, static_cast<std::uint32_t>(pair.type));
        if (pair.type == gguf_type::array) {
            put(header, static_cast<std::uint32_t>(pair.element));
        }
        if (pair.type == gguf_type::array || pair.type == gguf_type::string) {
            put(header, pair.count);
        }
        header += bytes;
        pairs_ += header;
        keys_.emplace(pair.key);
        if (pair.key == "general.alignment") {
            alignment_ = pair.as_uint();
        }
    }

    /// Adds the pair that verify_checksum reads; its value is known at commit().
    void add_checksum() {
        add(gguf_checksum_key, std::uint64_t{0});
        checksum_at_ = header_bytes + pairs_.size() - sizeof(std::uint64_t);
    }

    /// Declares the next tensor. dims[0] is the contiguous dimension, as in gguf_tensor.
    void add_tensor(std::string_view name, ggml_type const& type, std::span<std::uint64_t const> dims) {
        auto const where = "tensor " + quoted(name);
        refuse_if_started(where);
        if (name.size() > limits.max_name) {
            fail(where + " has a name of " + std::to_string(name.size()) + " bytes; use at most " +
                 std::to_string(limits.max_name));
        }
        if (names_.contains(std::string(name))) {
            fail(where + " is declared twice; rename one");
        }
        if (tensors_.size() == limits.max_tensors) {
            fail(where + " is one more than " + std::to_string(limits.max_tensors) + " tensors; write two files");
        }
        if (dims.empty() || dims.size() > 4) {
            fail(where + " has rank " + std::to_string(dims.size()) + "; give 1 to 4 dimensions");
        }
        auto const* const known = find_ggml_type(type.id);
        if (known == nullptr || known->block != type.block || known->bytes != type.bytes) {
            fail(where + " has the unknown type " + quoted(type.name) + "; use one of ggml_types");
        }
        if (dims[0] % type.block != 0) {
            fail(where + " has rows of " + std::to_string(dims[0]) + " elements, not whole blocks of " +
                 std::string(type.name) + "; use a multiple of " + std::to_string(type.block));
        }
        std::uint64_t elements = 1;
        for (auto const dim : dims) {
            if (dim > most || (elements != 0 && dim > most / elements)) {
                fail(where + " has 2^63 elements or more; correct its dimensions");
            }
            elements *= dim;
        }
        auto const blocks = elements / type.block;
        // Padding, 2^30 bytes at most, lies in the other half of the range.
        if (blocks > (most / 2 - data_bytes_) / type.bytes) {
            fail(where + " brings the file to 2^62 bytes or more; correct its dimensions");
        }
        tensors_.push_back({std::string(name), known, {dims.begin(), dims.end()}, blocks * type.bytes});
        names_.emplace(name);
        data_bytes_ += blocks * type.bytes;
    }

    /// Of all tensors, without padding.
    std::uint64_t data_bytes() const { return data_bytes_; }

    /// Of the whole file.
    std::uint64_t file_bytes() const {
        std::uint64_t bytes = header_bytes + pairs_.size();
        for (auto const& tensor : tensors_) {
            bytes += 8 + tensor.name.size() + 4 + 8 * tensor.dims.size() + 4 + 8;
        }
        bytes = aligned(bytes);
        for (auto const& tensor : tensors_) {
            bytes += aligned(tensor.bytes);
        }
        return bytes;
    }

    /// Writes the header. Nothing can be added from here to commit().
    void start(std::filesystem::path path) {
        refuse_if_started("start()");
        std::string header = "GGUF";
        put(header, std::uint32_t{3});
        put(header, std::uint64_t{tensors_.size()});
        put(header, std::uint64_t{keys_.size()});
        header += pairs_;
        std::uint64_t offset = 0;
        for (auto const& tensor : tensors_) {
            put(header, std::uint64_t{tensor.name.size()});
            header += tensor.name;
            put(header, static_cast<std::uint32_t>(tensor.dims.size()));
            for (auto const dim : tensor.dims) {
                put(header, dim);
            }
            put(header, tensor.type->id);
            put(header, offset);
            offset += aligned(tensor.bytes);
        }
        header.resize(static_cast<std::size_t>(aligned(header.size())));
        auto file = std::make_unique<atomic_file>(std::move(path));
        hash_ = {};
        write_to(*file, std::as_bytes(std::span(header)));
        file_ = std::move(file);
        done_ = written_ = tensor_ = 0;
        skip_empty_tensors();
    }

    /// The next bytes of the tensors' data, which may begin and end inside a tensor. When a write fails the file is
    /// abandoned.
    void write(std::span<std::byte const> bytes) {
        if (file_ == nullptr) {
            fail("write() has no open file; call start() first");
        }
        if (bytes.size() > data_bytes_ - written_) {
            fail(std::to_string(bytes.size()) + " bytes come where the tensors have only " +
                 std::to_string(data_bytes_ - written_) + " left; compare them with their dimensions");
        }
        auto file = std::move(file_);
        while (!bytes.empty()) {
            auto const size = tensors_[tensor_].bytes;
            auto const part =
                bytes.first(static_cast<std::size_t>(std::min<std::uint64_t>(bytes.size(), size - done_)));
            write_to(*file, part);
            bytes = bytes.subspan(part.size());
            written_ += part.size();
            done_ += part.size();
            if (done_ == size) {
                std::vector<std::byte> const padding(static_cast<std::size_t>(aligned(size) - size));
                write_to(*file, padding);
                done_ = 0;
                ++tensor_;
                skip_empty_tensors();
            }
        }
        file_ = std::move(file);
    }

    /// Gives the file its name, on the disk. The writer can then start() another file of the same header.
    void commit() {
        if (file_ == nullptr) {
            fail("commit() has no open file; call start() first");
        }
        if (written_ != data_bytes_) {
            fail("tensor " + quoted(tensors_[tensor_].name) + " is the first without all its bytes: " +
                 std::to_string(data_bytes_ - written_) + " are missing; write them before commit()");
        }
        auto const file = std::exchange(file_, nullptr);
        if (checksum_at_) {
            auto const value = hash_.value();
            file->overwrite(*checksum_at_, std::as_bytes(std::span(&value, 1)));
        }
        file->commit();
    }

private:
    struct declared_tensor {
        std::string name;
        ggml_type const* type;
        std::vector<std::uint64_t> dims;
        std::uint64_t bytes;
    };
    static constexpr gguf_limits limits{};
    static constexpr std::size_t header_bytes = 24;  // magic, version, two counts
    static constexpr std::uint64_t most = (std::numeric_limits<std::int64_t>::max)();

    [[noreturn]] static void fail(std::string const& what) { throw error("GGUF writer: " + what + "."); }
    static std::string quoted(std::string_view text) { return "'" + std::string(text.substr(0, 80)) + "'"; }

    template <typename T>
    static void put(std::string& to, T value) {
        static_assert(std::endian::native == std::endian::little, "GGUF is written on little-endian hosts");
        to.append(reinterpret_cast<char const*>(&value), sizeof value);
    }
    template <typename T>
    void add_elements(std::string_view key, std::span<T const> values, gguf_type type) {
        add({key, reinterpret_cast<std::byte const*>(values.data()), values.size(), 0, type, gguf_type_of<T>()});
    }

    void write_to(atomic_file& file, std::span<std::byte const> bytes) {
        if (checksum_at_) {
            hash_.add(bytes);
        }
        file.write(bytes);
    }
    void skip_empty_tensors() {
        while (tensor_ < tensors_.size() && tensors_[tensor_].bytes == 0) {
            ++tensor_;
        }
    }
    void refuse_if_started(std::string const& what) const {
        if (file_ != nullptr) {
            fail(what + " comes after the header was written; commit() the file first");
        }
    }
    void check_key(gguf_value const& pair) const {
        auto const where = "key " + quoted(pair.key);
        refuse_if_started(where);
        if (pair.key.empty()) {
            fail("an empty key; name the value");
        }
        if (pair.key.size() > limits.max_key) {
            fail(where + " has " + std::to_string(pair.key.size()) + " bytes; use at most " +
                 std::to_string(limits.max_key));
        }
        if (keys_.contains(std::string(pair.key))) {
            fail(where + " is added twice; keep one");
        }
        if (keys_.size() == limits.max_pairs) {
            fail(where + " is one more than " + std::to_string(limits.max_pairs) + " pairs; leave some out");
        }
    }
    static void check_value(gguf_value const& pair) {
        auto const where = "key " + quoted(pair.key);
        if (pair.type > gguf_type::f64 || pair.element > gguf_type::f64) {
            fail(where + " has an unknown value type; use one of gguf_type");
        }
        if (pair.type == gguf_type::array && pair.element == gguf_type::array) {
            fail(where + " nests arrays; write one array a key");
        }
        if (pair.count > limits.max_string) {
            fail(where + " has " + std::to_string(pair.count) + " elements or bytes; use at most 2^30");
        }
        if ((pair.type == gguf_type::array ? pair.element : pair.type) == gguf_type::boolean) {
            for (auto const byte : bytes_of(pair)) {
                if (byte != '\0' && byte != '\1') {
                    fail(where + " has a bool not 0 or 1; correct the value");
                }
            }
        }
        if (pair.key == "general.alignment") {
            if (pair.type != gguf_type::u32) {
                fail(where + " is not a u32; give a std::uint32_t");
            }
            auto const bytes = pair.as_uint();
            if (bytes < 8 || !std::has_single_bit(bytes) || bytes > limits.max_alignment) {
                fail(where + " is " + std::to_string(bytes) + "; use a power of two from 8 to " +
                     std::to_string(limits.max_alignment));
            }
        }
    }
    /// A number, a string's text or an array's elements.
    static std::string_view bytes_of(gguf_value const& pair) {
        std::uint64_t size = pair.count;
        if (pair.type == gguf_type::array && pair.element == gguf_type::string) {
            size = 0;
            for (std::uint64_t i = 0; i < pair.count; ++i) {
                auto const length = load_unaligned<std::uint64_t>(pair.at + size);
                if (length > limits.max_string) {
                    fail("key " + quoted(pair.key) + " has a string of " + std::to_string(length) +
                         " bytes; use at most 2^30");
                }
                size += 8 + length;
            }
        } else if (pair.type == gguf_type::array) {
            size *= gguf_type_bytes(pair.element);
        } else if (pair.type != gguf_type::string) {
            size = gguf_type_bytes(pair.type);
        }
        return {reinterpret_cast<char const*>(pair.at), static_cast<std::size_t>(size)};
    }
    std::uint64_t aligned(std::uint64_t bytes) const { return (bytes + alignment_ - 1) / alignment_ * alignment_; }

    std::string pairs_;  // as in the file
    std::unordered_set<std::string> keys_, names_;
    std::vector<declared_tensor> tensors_;
    std::uint64_t alignment_ = 32, data_bytes_ = 0;
    std::unique_ptr<atomic_file> file_;
    std::optional<std::size_t> checksum_at_;  // where its value lies in the file
    xxh64 hash_;
    std::uint64_t tensor_ = 0;              // the one being written
    std::uint64_t done_ = 0, written_ = 0;  // bytes of that tensor, of all
};

}  // namespace nibble
