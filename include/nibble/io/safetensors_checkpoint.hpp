// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/io/json_fields.hpp>
#include <nibble/io/mapped_file.hpp>
#include <nibble/io/safetensors.hpp>

#include <filesystem>
#include <set>

namespace nibble {

/// The tensors of a model in one safetensors file or in several with an index, `model.safetensors.index.json`:
///   {"metadata": {…}, "weight_map": {"<tensor>": "<file in the same folder>", …}}
///   error   refuses a file name that leaves the folder, a tensor that lies in two files or not in the one the index
///           names, and what safetensors_file refuses; the text names the file
/// The entries stay where they are when the checkpoint is moved, and go with it.
class safetensors_checkpoint {
public:
    /// `path` is a safetensors file, an index (`*.json`), or a folder with `model.safetensors` or, if there is none,
    /// `model.safetensors.index.json`.
    static safetensors_checkpoint open(std::filesystem::path const& path, safetensors_limits const& limits = {},
                                       file_mode mode = file_mode::map) {
        safetensors_checkpoint result;
        auto file = path;
        if (std::error_code none; std::filesystem::is_directory(path, none)) {
            file = path / "model.safetensors";
            if (!std::filesystem::exists(file, none)) {
                file = path / "model.safetensors.index.json";
            }
            if (!std::filesystem::exists(file, none)) {
                throw error(path.string() + ": the folder has neither model.safetensors nor "
                                            "model.safetensors.index.json; give the path of the file");
            }
        }
        result.folder_ = file.has_parent_path() ? file.parent_path() : std::filesystem::path(".");
        if (file.extension() == ".json") {
            result.open_index(file, limits, mode);
        } else {
            result.open_shard(file.filename().string(), limits, mode);
            result.sort_tensors();
        }
        return result;
    }

    /// By name.
    std::span<safetensors_entry const* const> tensors() const { return tensors_; }

    /// The tensor with this name, or null.
    safetensors_entry const* find(std::string_view name) const {
        auto const at = place_of(name);
        return at < tensors_.size() && tensors_[at]->name == name ? tensors_[at] : nullptr;
    }

    /// Where the files lie, and the model's config.json beside them.
    std::filesystem::path const& folder() const { return folder_; }

    /// Gives back the memory that mapped bytes of a tensor take; a later access reads the file again.
    void drop(std::span<std::byte const> part) const {
        for (auto const& owner : shards_) {
            owner.bytes.drop(part);
        }
    }

private:
    struct shard {
        std::string name;
        mapped_file bytes;
        safetensors_file file;
    };

    /// Calls `read` and puts the file's name in front of what it says.
    template <typename Read>
    static auto naming(std::filesystem::path const& file, Read read) {
        try {
            return read();
        } catch (error const& e) {
            throw error(file.string() + ": " + e.what());
        }
    }

    void open_shard(std::string const& name, safetensors_limits const& limits, file_mode mode) {
        auto const path = folder_ / name;
        mapped_file bytes(path, mode);
        auto file = naming(path, [&] { return safetensors_file::parse(bytes.bytes(), limits); });
        shards_.push_back(shard{name, std::move(bytes), std::move(file)});
    }

    void open_index(std::filesystem::path const& index, safetensors_limits const& limits, file_mode mode) {
        mapped_file const bytes(index, mode);
        auto const fields = naming(index, [&] { return parse_json_fields(bytes.bytes()); });
        std::set<std::string_view> files;
        naming(index, [&] {
            for (auto const* entry : weight_map(fields)) {
                files.insert(file_name(*entry));
            }
        });
        for (auto const name : files) {
            open_shard(std::string(name), limits, mode);
        }
        auto const owners = sort_tensors();
        naming(index, [&] {
            for (auto const* entry : weight_map(fields)) {
                auto const at = place_of(entry->key());
                if (find(entry->key()) == nullptr || owners[at]->name != entry->as_string()) {
                    throw error("tensor " + detail::in_message(entry->key()) + " of the index is not in " +
                                detail::in_message(entry->as_string()) + "; fetch both again");
                }
            }
        });
    }

    static std::span<json_field const* const> weight_map(json_fields const& fields) {
        if (fields.at("weight_map").kind() != json_kind::object) {
            throw error("JSON: 'weight_map' is no object; the file is no index of a checkpoint");
        }
        return fields.members("weight_map");
    }

    static std::string_view file_name(json_field const& entry) {
        auto const name = entry.as_string();
        if (name.empty() || name == "." || name == ".." ||
            name.find_first_of(std::string_view("/\\\0", 3)) != name.npos) {
            throw error("tensor " + detail::in_message(entry.key()) + " lies in " + detail::in_message(name) +
                        ", which is not the name of a file in the folder of the index; correct the index");
        }
        return name;
    }

    /// Fills tensors_ and gives the file of each.
    std::vector<shard const*> sort_tensors() {
        std::vector<std::pair<safetensors_entry const*, shard const*>> all;
        for (auto const& owner : shards_) {
            for (auto const& entry : owner.file.entries()) {
                all.emplace_back(&entry, &owner);
            }
        }
        std::sort(all.begin(), all.end(), [](auto const& a, auto const& b) { return a.first->name < b.first->name; });
        std::vector<shard const*> owners;
        for (auto const& [entry, owner] : all) {
            if (!tensors_.empty() && tensors_.back()->name == entry->name) {
                throw error(folder_.string() + ": tensor " + detail::in_message(entry->name) + " lies in both " +
                            owners.back()->name + " and " + owner->name + "; keep one");
            }
            tensors_.push_back(entry);
            owners.push_back(owner);
        }
        return owners;
    }

    std::size_t place_of(std::string_view name) const {
        auto const at = std::lower_bound(tensors_.begin(), tensors_.end(), name,
                                         [](auto const* entry, std::string_view text) { return entry->name < text; });
        return static_cast<std::size_t>(at - tensors_.begin());
    }

    std::filesystem::path folder_;
    std::deque<shard> shards_;
    std::vector<safetensors_entry const*> tensors_;
};

}  // namespace nibble
