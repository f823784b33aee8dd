// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/io/ggml_type.hpp>
#include <nibble/io/gguf_value.hpp>
#include <nibble/io/mapped_file.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <limits>

namespace nibble {

/// What a header may ask for. The counts bound the memory of a parse.
struct gguf_limits {
    std::uint64_t max_tensors = 16384;
    std::uint64_t max_pairs = 16384;
    std::uint64_t max_key = 65535;                      ///< bytes
    std::uint64_t max_string = std::uint64_t{1} << 30;  ///< bytes of a string, elements of an array
    std::uint64_t max_name = 63;                        ///< bytes
    std::uint64_t max_alignment = 65536;                ///< bytes
};

/// dims[0] is the contiguous dimension: a matrix of n rows and k columns has dims {k, n}.
struct gguf_tensor {
    std::string_view name;
    std::array<std::uint64_t, 4> dims{1, 1, 1, 1};
    std::span<std::byte const> bytes;
    ggml_type const* type = nullptr;
    std::uint32_t rank = 0;
};

/// A checked GGUF file, version 2 or 3. Everything it hands out views the bytes it was parsed from.
class gguf_file {
public:
    static gguf_file parse(std::span<std::byte const> bytes, gguf_limits const& limits = {}) {
        gguf_file file;
        detail::allocate([&] { file.read(bytes, limits); }, [] { return "the header of a GGUF file"; });
        return file;
    }
    static gguf_file open(std::filesystem::path const& path, gguf_limits const& limits = {},
                          file_mode mode = file_mode::map) {
        gguf_file file;
        file.source_ = mapped_file(path, mode);
        try {
            detail::allocate([&] { file.read(file.source_.bytes(), limits); }, [] { return "the header of the file"; });
        } catch (error const& e) {
            throw error(path.string() + ": " + e.what());
        }
        return file;
    }

    std::span<gguf_tensor const> tensors() const { return tensors_; }
    std::span<gguf_value const> metadata() const { return pairs_; }
    mapped_file const& source() const { return source_; }
    std::span<std::byte const> bytes() const { return bytes_; }
    std::uint64_t alignment() const { return alignment_; }

    gguf_value const* find(std::string_view key) const { return look_up(pairs_, by_key_, &gguf_value::key, key); }
    gguf_tensor const* find_tensor(std::string_view name) const {
        return look_up(tensors_, by_name_, &gguf_tensor::name, name);
    }
    gguf_value const& at(std::string_view key) const {
        if (auto const* value = find(key)) {
            return *value;
        }
        throw error("metadata key '" + std::string(key) + "' is missing");
    }
    gguf_tensor const& tensor(std::string_view name) const {
        if (auto const* found = find_tensor(name)) {
            return *found;
        }
        throw error("tensor '" + std::string(name) + "' is missing");
    }

private:
    using index = std::vector<std::uint32_t>;

    [[noreturn]] static void fail(std::uint64_t offset, std::string const& what) {
        throw error("GGUF: " + what + " at byte " + std::to_string(offset));
    }
    static std::string quoted(std::string_view text) { return "'" + std::string(text.substr(0, 80)) + "'"; }

    template <typename T>
    T take(char const* what) {
        if (bytes_.size() - at_ < sizeof(T)) {
            fail(at_, std::string("the file ends inside ") + what);
        }
        auto const value = load_unaligned<T>(bytes_.data() + at_);
        at_ += sizeof(T);
        return value;
    }
    std::string_view take_text(char const* what, std::uint64_t limit) {
        auto const start = at_;
        auto const length = take<std::uint64_t>(what);
        if (length > limit || length > bytes_.size() - at_) {
            fail(start, std::string("the length ") + std::to_string(length) + " of " + what +
                            " exceeds its limit or the file");
        }
        std::string_view const text(reinterpret_cast<char const*>(bytes_.data() + at_),
                                    static_cast<std::size_t>(length));
        at_ += text.size();
        return text;
    }
    gguf_type take_type(std::string_view key) {
        auto const type = take<std::uint32_t>("a value type");
        if (type > 12) {
            fail(at_ - 4, "key " + quoted(key) + " has the unknown value type " + std::to_string(type));
        }
        return static_cast<gguf_type>(type);
    }

    void read_pair(gguf_limits const& limits) {
        auto const start = at_;
        gguf_value value;
        value.key = take_text("a key", limits.max_key);
        if (value.key.empty()) {
            fail(start, "an empty key");
        }
        value.type = value.element = take_type(value.key);
        if (value.type == gguf_type::array) {
            value.element = take_type(value.key);
            if (value.element == gguf_type::array) {
                fail(at_ - 4, "key " + quoted(value.key) + " nests arrays");
            }
            value.count = take<std::uint64_t>("an array length");
            auto const least = value.element == gguf_type::string ? 8 : gguf_type_bytes(value.element);
            if (value.count > limits.max_string || value.count > (bytes_.size() - at_) / least) {
                fail(at_ - 8, "the array of key " + quoted(value.key) + " has " + std::to_string(value.count) +
                                  " elements, more than its limit or the file holds");
            }
        }
        value.offset = at_;
        value.at = bytes_.data() + at_;
        if (value.type == gguf_type::string) {
            auto const text = take_text("a string value", limits.max_string);
            value.count = text.size();
            value.offset += 8;
            value.at += 8;
        } else if (value.element == gguf_type::string) {
            for (std::uint64_t i = 0; i < value.count; ++i) {
                take_text("a string of an array", limits.max_string);
            }
        } else {
            auto const size = value.count * gguf_type_bytes(value.element);
            if (size > bytes_.size() - at_) {
                fail(at_, "the file ends inside the value of key " + quoted(value.key));
            }
            if (value.element == gguf_type::boolean) {
                for (std::uint64_t i = 0; i < size; ++i) {
                    if (value.at[i] > std::byte{1}) {
                        fail(at_ + i, "key " + quoted(value.key) + " has a bool not 0 or 1");
                    }
                }
            }
            at_ += static_cast<std::size_t>(size);
        }
        pairs_.push_back(value);
    }

    /// Bytes of the tensor; `offset` gets where they start after the header.
    std::uint64_t read_tensor(gguf_limits const& limits, std::uint64_t& offset) {
        constexpr std::uint64_t most = (std::numeric_limits<std::int64_t>::max)();
        gguf_tensor tensor;
        tensor.name = take_text("a tensor name", limits.max_name);
        auto const where = "tensor " + quoted(tensor.name);
        tensor.rank = take<std::uint32_t>("a tensor's rank");
        if (tensor.rank < 1 || tensor.rank > 4) {
            fail(at_ - 4, where + " has rank " + std::to_string(tensor.rank) + ", not 1 to 4,");
        }
        std::uint64_t elements = 1;
        for (std::uint32_t i = 0; i < tensor.rank; ++i) {
            auto const dim = tensor.dims[i] = take<std::uint64_t>("a tensor's dimensions");
            if (dim > most || (elements != 0 && dim > most / elements)) {
                fail(at_ - 8, where + " has too many elements");
            }
            elements *= dim;
        }
        auto const id = take<std::uint32_t>("a tensor's type");
        tensor.type = find_ggml_type(id);
        if (tensor.type == nullptr) {
            fail(at_ - 4, where + " has the unknown type " + std::to_string(id));
        }
        if (tensor.dims[0] % tensor.type->block != 0) {
            fail(at_ - 4, where + " has rows that are not whole blocks of " + std::string(tensor.type->name));
        }
        auto const blocks = elements / tensor.type->block;
        if (blocks > most / tensor.type->bytes) {
            fail(at_ - 4, where + " has too many bytes");
        }
        offset = take<std::uint64_t>("a tensor's offset");
        tensors_.push_back(tensor);
        return blocks * tensor.type->bytes;
    }

    void read(std::span<std::byte const> bytes, gguf_limits const& limits) {
        static_assert(std::endian::native == std::endian::little, "GGUF is read on little-endian hosts");
        bytes_ = bytes;
        if (take<std::uint32_t>("the magic") != 0x46554747U) {
            fail(0, "the first bytes are not GGUF's, so the file is of another format, as seen");
        }
        auto const version = take<std::uint32_t>("the version");
        if (version != 2 && version != 3) {
            fail(4, "version " + std::to_string(version) + " is not 2 or 3");
        }
        auto const tensor_count = take<std::uint64_t>("the tensor count");
        auto const pair_count = take<std::uint64_t>("the pair count");
        auto const rest = bytes.size() - at_;
        if (tensor_count > limits.max_tensors || tensor_count > rest / 32) {
            fail(8, "the tensor count " + std::to_string(tensor_count) + " exceeds its limit or the file");
        }
        if (pair_count > limits.max_pairs || pair_count > rest / 14) {
            fail(16, "the pair count " + std::to_string(pair_count) + " exceeds its limit or the file");
        }

        pairs_.reserve(static_cast<std::size_t>(pair_count));
        for (std::uint64_t i = 0; i < pair_count; ++i) {
            read_pair(limits);
        }
        by_key_ = sorted(pairs_, &gguf_value::key, "key");
        if (auto const* value = find("general.alignment")) {
            if (value->type != gguf_type::u32) {
                fail(value->offset, "general.alignment is not a u32");
            }
            alignment_ = value->as_uint();
            if (alignment_ < 8 || !std::has_single_bit(alignment_) || alignment_ > limits.max_alignment) {
                fail(value->offset,
                     "general.alignment " + std::to_string(alignment_) + " is not a power of two from 8 to the limit");
            }
        }
        read_tensors(tensor_count, limits);
        by_name_ = sorted(tensors_, &gguf_tensor::name, "tensor name");
    }

    void read_tensors(std::uint64_t tensor_count, gguf_limits const& limits) {
        tensors_.reserve(static_cast<std::size_t>(tensor_count));
        auto const infos = at_;
        for (std::uint64_t i = 0, offset = 0; i < tensor_count; ++i) {
            read_tensor(limits, offset);
        }
        auto const data = (std::uint64_t{at_} + alignment_ - 1) / alignment_ * alignment_;
        at_ = infos;
        tensors_.clear();
        std::uint64_t expected = 0;
        for (std::uint64_t i = 0, offset = 0; i < tensor_count; ++i) {
            auto const size = read_tensor(limits, offset);
            auto& tensor = tensors_.back();
            if (offset != expected) {
                fail(at_ - 8, "tensor " + quoted(tensor.name) + " has offset " + std::to_string(offset) +
                                  ", but packing without gaps puts it at " + std::to_string(expected));
            }
            if (size == 0) {
                continue;
            }
            if (data > bytes_.size() || offset > bytes_.size() - data || size > bytes_.size() - data - offset) {
                fail(at_ - 8, "the " + std::to_string(size) + " bytes of tensor " + quoted(tensor.name) +
                                  " end after the file, which has " + std::to_string(bytes_.size()) + "; truncated?");
            }
            tensor.bytes = bytes_.subspan(static_cast<std::size_t>(data + offset), static_cast<std::size_t>(size));
            expected = (offset + size + alignment_ - 1) / alignment_ * alignment_;
        }
    }

    template <typename T>
    index sorted(std::vector<T> const& items, std::string_view T::* name, char const* what) const {
        index order(items.size());
        for (std::size_t i = 0; i < order.size(); ++i) {
            order[i] = static_cast<std::uint32_t>(i);
        }
        std::sort(order.begin(), order.end(), [&](auto a, auto b) { return items[a].*name < items[b].*name; });
        for (std::size_t i = 1; i < order.size(); ++i) {
            auto const text = items[order[i]].*name;
            if (items[order[i - 1]].*name == text) {
                fail(static_cast<std::uint64_t>(reinterpret_cast<std::byte const*>(text.data()) - bytes_.data()),
                     std::string("the ") + what + " " + quoted(text) + " occurs twice,");
            }
        }
        return order;
    }
    template <typename T>
    static T const* look_up(std::vector<T> const& items, index const& order, std::string_view T::* name,
                            std::string_view wanted) {
        auto const found = std::lower_bound(order.begin(), order.end(), wanted,
                                            [&](auto i, std::string_view text) { return items[i].*name < text; });
        return found != order.end() && items[*found].*name == wanted ? &items[*found] : nullptr;
    }

    mapped_file source_;
    std::span<std::byte const> bytes_;
    std::size_t at_ = 0;
    std::uint64_t alignment_ = 32;
    std::vector<gguf_value> pairs_;
    std::vector<gguf_tensor> tensors_;
    index by_key_, by_name_;
};

}  // namespace nibble
