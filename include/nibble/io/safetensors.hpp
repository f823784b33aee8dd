// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/io/json_position.hpp>
#include <nibble/numeric/error.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <new>
#include <numeric>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace nibble {

/// What a reader accepts before it gives up. The defaults keep the memory of a refused header below twice its bytes and
/// 1 MiB.
struct safetensors_limits {
    std::uint64_t header_bytes = 100'000'000;
    std::size_t string_bytes = 65'536;  ///< of a name or a metadata text, as written in the header
    std::size_t tensors = 16'384;
    std::size_t metadata_pairs = 4'096;
    std::size_t rank = 8;
};

/// A row-major little-endian tensor; its bytes may start at any address.
struct safetensors_entry {
    std::string name;
    std::string_view dtype;  ///< one of the format's names, static storage
    std::vector<std::uint64_t> shape;
    std::span<std::byte const> bytes;
};

namespace detail {

struct safetensors_dtype {
    std::string_view name;
    unsigned bits;
};

/// In the order of the format's reference writer, which emits the last of them first.
inline constexpr std::array<safetensors_dtype, 22> safetensors_dtypes{
    {{"BOOL", 8},    {"F4", 4},      {"F6_E2M3", 6}, {"F6_E3M2", 6},     {"U8", 8},          {"I8", 8},
     {"F8_E5M2", 8}, {"F8_E4M3", 8}, {"F8_E8M0", 8}, {"F8_E4M3FNUZ", 8}, {"F8_E5M2FNUZ", 8}, {"I16", 16},
     {"U16", 16},    {"F16", 16},    {"BF16", 16},   {"I32", 32},        {"U32", 32},        {"F32", 32},
     {"C64", 64},    {"F64", 64},    {"I64", 64},    {"U64", 64}}};

inline safetensors_dtype const* find_safetensors_dtype(std::string_view name) {
    auto const at = std::find_if(safetensors_dtypes.begin(), safetensors_dtypes.end(),
                                 [&](auto const& d) { return d.name == name; });
    return at == safetensors_dtypes.end() ? nullptr : &*at;
}

/// Bytes of a tensor, or nibble::error where the product overflows or is no whole byte.
inline std::uint64_t safetensors_bytes(safetensors_entry const& entry) {
    auto const* dtype = find_safetensors_dtype(entry.dtype);
    if (dtype == nullptr) {
        throw error("safetensors: tensor " + in_message(entry.name) +
                    " has an unknown dtype; use a dtype of the format");
    }
    std::uint64_t bits = dtype->bits;
    for (auto d : entry.shape) {
        if (d != 0 && bits > UINT64_MAX / d) {
            throw error("safetensors: the size of tensor " + in_message(entry.name) +
                        " overflows 64 bits; fix its shape");
        }
        bits *= d;
    }
    if (bits % 8 != 0) {
        throw error("safetensors: tensor " + in_message(entry.name) + " does not fill whole bytes; pad its shape");
    }
    return bits / 8;
}

/// The header's grammar, three levels deep, as a SAX handler of nlohmann::json.
struct safetensors_header {
    enum class level { before, top, metadata, entry, shape, offsets };

    safetensors_limits limits;
    std::span<std::byte const> data;
    json_position where{};
    std::deque<safetensors_entry> entries{};
    std::deque<std::pair<std::string, std::string>> metadata{};
    level at = level::before;
    std::string field{};
    bool has_metadata = false, has_dtype = false, has_shape = false, has_offsets = false;
    std::vector<std::uint64_t> numbers{};  // of the array being read

    [[noreturn]] void fail(std::string const& what) const {
        auto text = "safetensors: " + what + " at byte " + std::to_string(8 + where.offset());
        if (at >= level::entry) {
            text += " in tensor " + in_message(entries.back().name);
        }
        throw error(text + "; the file is damaged or not safetensors");
    }

    bool null() { fail("unexpected null"); }
    bool boolean(bool) { fail("unexpected boolean"); }
    bool number_integer(std::int64_t) { fail("a negative number"); }
    bool number_float(double, std::string const&) { fail("a number that is no integer below 2^64"); }
    bool binary(std::vector<std::uint8_t>&) { fail("unexpected binary"); }
    bool number_unsigned(std::uint64_t value) {
        if (at != level::shape && at != level::offsets) {
            fail("unexpected number");
        }
        if (at == level::shape && numbers.size() >= limits.rank) {
            fail("more dimensions than the limit of " + std::to_string(limits.rank));
        }
        if (at == level::offsets && numbers.size() >= 2) {
            fail("data_offsets needs two numbers");
        }
        numbers.push_back(value);
        return true;
    }
    bool string(std::string& value) {
        if (at == level::metadata) {
            metadata.back().second = value;
        } else if (at == level::entry && field == "dtype") {
            auto const* dtype = find_safetensors_dtype(value);
            if (dtype == nullptr) {
                fail("unknown dtype " + in_message(value));
            }
            entries.back().dtype = dtype->name;
        } else {
            fail("unexpected string");
        }
        return true;
    }
    bool key(std::string& value) {
        if (at == level::metadata) {
            if (metadata.size() >= limits.metadata_pairs) {
                fail("more metadata pairs than the limit");
            }
            metadata.emplace_back(value, std::string());
        } else if (at == level::top) {
            field = value;
        } else {
            bool& had = value == "dtype" ? has_dtype : value == "shape" ? has_shape : has_offsets;
            if (had || (value != "dtype" && value != "shape" && value != "data_offsets")) {
                fail("a repeated or unknown field " + in_message(value));
            }
            had = true;
            field = value;
        }
        return true;
    }
    bool start_object(std::size_t) {
        if (at == level::before) {
            at = level::top;
        } else if (at == level::top && field == "__metadata__") {
            if (std::exchange(has_metadata, true)) {
                fail("a second __metadata__");
            }
            at = level::metadata;
        } else if (at == level::top) {
            if (entries.size() >= limits.tensors) {
                fail("more tensors than the limit of " + std::to_string(limits.tensors));
            }
            entries.push_back({field, {}, {}, {}});
            has_dtype = has_shape = has_offsets = false;
            at = level::entry;
        } else {
            fail("an object nested too deep");
        }
        return true;
    }
    bool end_object() {
        if (at == level::entry && !(has_dtype && has_shape && has_offsets)) {
            fail("dtype, shape or data_offsets is missing");
        }
        at = level::top;
        return true;
    }
    bool start_array(std::size_t) {
        if (at != level::entry || field == "dtype") {
            fail("unexpected array");
        }
        at = field == "shape" ? level::shape : level::offsets;
        numbers.clear();
        return true;
    }
    bool end_array() {
        if (at == level::shape) {
            entries.back().shape.assign(numbers.begin(), numbers.end());
        } else {
            if (numbers.size() != 2) {
                fail("data_offsets needs two numbers");
            }
            if (numbers[1] < numbers[0] || numbers[1] > data.size()) {
                fail("a range that ends before it begins or after the file");
            }
            entries.back().bytes =
                data.subspan(static_cast<std::size_t>(numbers[0]), static_cast<std::size_t>(numbers[1] - numbers[0]));
        }
        at = level::entry;
        return true;
    }
    bool parse_error(std::size_t, std::string const&, nlohmann::json::exception const&) { fail("invalid JSON"); }
};

}  // namespace detail

/// A validated view of a safetensors file held in memory; the spans are those of the bytes given to parse.
class safetensors_file {
public:
    /// Throws nibble::error on anything the format refuses: after it, the tensors tile the data exactly.
    static safetensors_file parse(std::span<std::byte const> file, safetensors_limits limits = {}) {
        try {
            return parse_checked(file, limits);
        } catch (std::bad_alloc const&) {
            throw error("safetensors: no memory for the header at byte 8; lower the limits or free memory");
        }
    }

    std::deque<safetensors_entry> const& entries() const { return entries_; }
    std::deque<std::pair<std::string, std::string>> const& metadata() const { return metadata_; }

private:
    template <class Range, class Name>
    static void refuse_duplicates(Range const& range, Name name) {
        std::vector<std::uint32_t> order(range.size());
        std::iota(order.begin(), order.end(), 0U);
        std::sort(order.begin(), order.end(), [&](auto a, auto b) { return name(range[a]) < name(range[b]); });
        for (std::size_t i = 1; i < order.size(); ++i) {
            if (name(range[order[i - 1]]) == name(range[order[i]])) {
                throw error("safetensors: " + detail::in_message(name(range[order[i]])) +
                            " appears twice in the header at byte 8; write each name once");
            }
        }
    }

    static safetensors_file parse_checked(std::span<std::byte const> file, safetensors_limits const& limits) {
        if (file.size() < 8) {
            throw error("safetensors: the file ends at byte " + std::to_string(file.size()) +
                        ", inside the 8-byte header length; fetch it again");
        }
        std::uint64_t length = 0;
        for (std::size_t i = 0; i < 8; ++i) {
            length |= std::to_integer<std::uint64_t>(file[i]) << (8 * i);
        }
        if (length > limits.header_bytes || length > file.size() - 8) {
            throw error("safetensors: the header length " + std::to_string(length) +
                        " at byte 0 exceeds the file or the limit; the file is cut or not safetensors");
        }
        auto const* text = reinterpret_cast<char const*>(file.data()) + 8;
        if (length == 0 || *text != '{') {
            throw error("safetensors: the header does not begin with '{' at byte 8; the file is not safetensors");
        }
        detail::safetensors_header header{limits, file.subspan(8 + static_cast<std::size_t>(length))};
        parse_json({text, static_cast<std::size_t>(length)}, limits.string_bytes, header);
        refuse_duplicates(header.entries, [](auto const& e) -> std::string const& { return e.name; });
        refuse_duplicates(header.metadata, [](auto const& m) -> std::string const& { return m.first; });
        check_tiling(header.entries, header.data, 8 + length);
        safetensors_file result;
        result.entries_ = std::move(header.entries);
        result.metadata_ = std::move(header.metadata);
        return result;
    }

    /// The tensors cover the data once, without holes. `base` is where the data begin in the file.
    static void check_tiling(std::deque<safetensors_entry> const& entries, std::span<std::byte const> data,
                             std::uint64_t base) {
        std::vector<std::uint32_t> order(entries.size());
        std::iota(order.begin(), order.end(), 0U);
        std::sort(order.begin(), order.end(), [&](auto a, auto b) {
            auto const x = entries[a].bytes, y = entries[b].bytes;
            return std::pair(x.data(), x.size()) < std::pair(y.data(), y.size());
        });
        std::size_t next = 0;
        for (auto i : order) {
            auto const& entry = entries[i];
            auto const where = " of tensor " + detail::in_message(entry.name) + " ";
            if (entry.bytes.data() != data.data() + next) {
                throw error("safetensors: the range" + where + "leaves a hole or overlaps another at byte " +
                            std::to_string(base + next) + "; the file is damaged");
            }
            if (detail::safetensors_bytes(entry) != entry.bytes.size()) {
                throw error("safetensors: the range" + where + "differs from its shape's size at byte " +
                            std::to_string(base + next) + "; the file is damaged");
            }
            next += entry.bytes.size();
        }
        if (next != data.size()) {
            throw error("safetensors: no tensor claims the bytes from byte " + std::to_string(base + next) +
                        "; the file has a foreign tail or lost entries");
        }
    }

    std::deque<safetensors_entry> entries_;
    std::deque<std::pair<std::string, std::string>> metadata_;
};

}  // namespace nibble
