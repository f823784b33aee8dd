// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/io/safetensors.hpp>

namespace nibble {

/// Calls sink(std::span<std::byte const>) with the header, then with each tensor's bytes, in the order of the format's
/// reference writer: widest dtype first, then by name. The header is padded with spaces so that data starts at a
/// multiple of 8 bytes. Every check comes before the first call of sink.
template <class Sink>
void write_safetensors(Sink&& sink, std::vector<safetensors_entry> entries,
                       std::vector<std::pair<std::string, std::string>> metadata = {}) {
    auto const json = [](std::string const& text) {
        try {
            return nlohmann::json(text).dump();
        } catch (nlohmann::json::exception const&) {
            throw error("safetensors: " + detail::in_message(text) + " is not UTF-8; give names and metadata in UTF-8");
        }
    };
    std::sort(entries.begin(), entries.end(), [](auto const& a, auto const& b) { return a.name < b.name; });
    for (std::size_t i = 0; i < entries.size(); ++i) {
        auto const& entry = entries[i];
        if (entry.name == "__metadata__" || (i > 0 && entry.name == entries[i - 1].name))
            throw error("safetensors: the name " + detail::in_message(entry.name) + " is taken; rename the tensor");
        if (detail::safetensors_bytes(entry) != entry.bytes.size())
            throw error("safetensors: tensor " + detail::in_message(entry.name) + " has " +
                        std::to_string(entry.bytes.size()) + " bytes, not what its shape needs; fix either");
    }
    std::sort(entries.begin(), entries.end(), [](auto const& a, auto const& b) {
        auto const* const x = detail::find_safetensors_dtype(a.dtype);
        auto const* const y = detail::find_safetensors_dtype(b.dtype);
        return x != y ? x > y : a.name < b.name;
    });
    std::sort(metadata.begin(), metadata.end());
    std::string header = "{";
    for (std::size_t i = 0; i < metadata.size(); ++i) {
        if (i > 0 && metadata[i].first == metadata[i - 1].first)
            throw error("safetensors: metadata " + detail::in_message(metadata[i].first) + " is given twice; keep one");
        header += (i == 0 ? "\"__metadata__\":{" : ",") + json(metadata[i].first) + ":" + json(metadata[i].second);
    }
    if (!metadata.empty())
        header += "}";
    std::uint64_t at = 0;
    for (auto const& entry : entries) {
        header += (header.size() > 1 ? "," : "") + json(entry.name) + ":{\"dtype\":\"" + std::string(entry.dtype) +
                  "\",\"shape\":" + nlohmann::json(entry.shape).dump() + ",\"data_offsets\":[" + std::to_string(at) +
                  "," + std::to_string(at + entry.bytes.size()) + "]}";
        at += entry.bytes.size();
    }
    header += "}";
    header.resize((header.size() + 7) / 8 * 8, ' ');
    std::array<std::byte, 8> length{};
    for (std::size_t i = 0; i < 8; ++i)
        length[i] = static_cast<std::byte>((std::uint64_t{header.size()} >> (8 * i)) & 255);
    sink(std::span<std::byte const>(length));
    sink(std::as_bytes(std::span<char const>(header)));
    for (auto const& entry : entries)
        sink(entry.bytes);
}

}  // namespace nibble
