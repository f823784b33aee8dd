// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/io/safetensors.hpp>

namespace nibble {

/// Pairs of the header's `__metadata__`.
using safetensors_metadata = std::vector<std::pair<std::string, std::string>>;

namespace detail {

inline void refuse_taken_names(std::vector<safetensors_entry> const& entries) {
    std::vector<std::string_view> names{"__metadata__"};
    for (auto const& entry : entries) {
        names.push_back(entry.name);
    }
    std::sort(names.begin(), names.end());
    auto const twice = std::adjacent_find(names.begin(), names.end());
    if (twice != names.end()) {
        throw error("safetensors: the name " + in_message(*twice) + " is taken; rename the tensor");
    }
}

/// Of all tensors together.
inline std::uint64_t safetensors_bytes(std::vector<safetensors_entry> const& entries) {
    std::uint64_t total = 0;
    for (auto const& entry : entries) {
        auto const bytes = safetensors_bytes(entry);
        if (bytes > UINT64_MAX - total) {
            throw error("safetensors: the size of all tensors up to " + in_message(entry.name) +
                        " overflows 64 bits; fix the shapes");
        }
        total += bytes;
    }
    return total;
}

/// A file up to its data, and the tensors in the order of the data. A layout has passed every check of a write.
struct safetensors_layout {
    std::string head;  ///< the header behind its length
    std::vector<safetensors_entry> entries;
};

inline safetensors_layout lay_out_safetensors(std::vector<safetensors_entry> entries, safetensors_metadata metadata) {
    auto const json = [](std::string const& text) {
        try {
            return nlohmann::json(text).dump();
        } catch (nlohmann::json::exception const&) {
            throw error("safetensors: " + in_message(text) + " is not UTF-8; give names and metadata in UTF-8");
        }
    };
    refuse_taken_names(entries);
    safetensors_bytes(entries);
    std::sort(entries.begin(), entries.end(), [](auto const& a, auto const& b) {
        auto const* const x = find_safetensors_dtype(a.dtype);
        auto const* const y = find_safetensors_dtype(b.dtype);
        return x != y ? x > y : a.name < b.name;
    });
    std::sort(metadata.begin(), metadata.end());
    std::string header = "{";
    for (std::size_t i = 0; i < metadata.size(); ++i) {
        if (i > 0 && metadata[i].first == metadata[i - 1].first) {
            throw error("safetensors: metadata " + in_message(metadata[i].first) + " is given twice; keep one");
        }
        header += (i == 0 ? "\"__metadata__\":{" : ",") + json(metadata[i].first) + ":" + json(metadata[i].second);
    }
    if (!metadata.empty()) {
        header += "}";
    }
    std::uint64_t at = 0;
    for (auto const& entry : entries) {
        auto const end = at + safetensors_bytes(entry);
        header += (header.size() > 1 ? "," : "") + json(entry.name) + ":{\"dtype\":\"" + std::string(entry.dtype) +
                  "\",\"shape\":" + nlohmann::json(entry.shape).dump() + ",\"data_offsets\":[" + std::to_string(at) +
                  "," + std::to_string(end) + "]}";
        at = end;
    }
    header += "}";
    header.resize((header.size() + 7) / 8 * 8, ' ');
    std::string length(8, '\0');
    for (std::size_t i = 0; i < 8; ++i) {
        length[i] = static_cast<char>((std::uint64_t{header.size()} >> (8 * i)) & 255);
    }
    return {length + header, std::move(entries)};
}

template <class Sink, class Fill>
void stream_layout(safetensors_layout const& layout, Sink&& sink, Fill&& fill) {
    sink(std::as_bytes(std::span<char const>(layout.head)));
    for (auto const& entry : layout.entries) {
        auto left = safetensors_bytes(entry);
        auto const require = [&](bool right, char const* what) {
            if (!right) {
                throw error("safetensors: tensor " + in_message(entry.name) + " was filled with " + what +
                            " bytes than its shape needs; fix either");
            }
        };
        fill(entry, [&](std::span<std::byte const> part) {
            require(part.size() <= left, "more");
            left -= part.size();
            sink(part);
        });
        require(left == 0, "fewer");
    }
}

}  // namespace detail

/// Calls sink(std::span<std::byte const>) with the header, then fill(entry, out) for each tensor, in the order of the
/// format's reference writer: widest dtype first, then by name. fill gives the tensor's bytes to out, which is called
/// as sink is, in as many parts as it likes; the `bytes` of an entry are fill's own matter. The header is padded with
/// spaces so that data starts at a multiple of 8 bytes.
///   error   refuses entries and metadata before the first call of sink, a wrong number of bytes when fill gives it
template <class Sink, class Fill>
void stream_safetensors(Sink&& sink, std::vector<safetensors_entry> entries, Fill&& fill,
                        safetensors_metadata metadata = {}) {
    detail::stream_layout(detail::lay_out_safetensors(std::move(entries), std::move(metadata)), sink, fill);
}

/// The same with the bytes that the entries hold. Every check comes before the first call of sink.
template <class Sink>
void write_safetensors(Sink&& sink, std::vector<safetensors_entry> entries, safetensors_metadata metadata = {}) {
    for (auto const& entry : entries) {
        if (detail::safetensors_bytes(entry) != entry.bytes.size()) {
            throw error("safetensors: tensor " + detail::in_message(entry.name) + " has " +
                        std::to_string(entry.bytes.size()) + " bytes, not what its shape needs; fix either");
        }
    }
    stream_safetensors(
        sink, std::move(entries), [](auto const& entry, auto const& out) { out(entry.bytes); }, std::move(metadata));
}

}  // namespace nibble
