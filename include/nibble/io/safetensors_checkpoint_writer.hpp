// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/io/atomic_file.hpp>
#include <nibble/io/safetensors_writer.hpp>

#include <cerrno>
#include <filesystem>
#include <system_error>

namespace nibble {

struct safetensors_checkpoint_options {
    /// Of the tensors in one file; a tensor that alone has more gets a file of its own.
    std::uint64_t shard_bytes = 5'000'000'000;
    /// Of every file. Some versions of transformers refuse a file without this pair.
    safetensors_metadata metadata{{"format", "pt"}};
};

namespace detail {

/// The tensors of each file, in the order given: a new file begins where the next tensor would exceed `limit`.
inline std::vector<std::vector<safetensors_entry>> into_shards(std::vector<safetensors_entry> entries,
                                                               std::uint64_t limit) {
    std::vector<std::vector<safetensors_entry>> shards(1);
    std::uint64_t held = 0;
    for (auto& entry : entries) {
        auto const bytes = safetensors_bytes(entry);
        if (!shards.back().empty() && (held > limit || bytes > limit - held)) {
            shards.emplace_back();
            held = 0;
        }
        held += bytes;
        shards.back().push_back(std::move(entry));
    }
    return shards;
}

/// `model-00002-of-00003.safetensors`, in a later generation `model-1-00002-of-00003.safetensors`; `number` counts
/// from 1.
inline std::string shard_name(std::size_t generation, std::size_t number, std::size_t count) {
    auto const five_digits = [](std::size_t value) {
        auto const text = std::to_string(value);
        return std::string(text.size() < 5 ? 5 - text.size() : 0, '0') + text;
    };
    return "model-" + (generation == 0 ? "" : std::to_string(generation) + "-") + five_digits(number) + "-of-" +
           five_digits(count) + ".safetensors";
}

/// Digits and dashes on both sides of `-of-`, as shard_name gives them.
inline bool is_shard_name(std::string_view name) {
    constexpr std::string_view before = "model-", between = "-of-", after = ".safetensors";
    if (name.size() < before.size() + after.size() || !name.starts_with(before) || !name.ends_with(after)) {
        return false;
    }
    name = name.substr(before.size(), name.size() - before.size() - after.size());
    auto const middle = name.find(between);
    auto const counts = [](std::string_view text) {
        return !text.empty() && text.find_first_not_of("0123456789-") == text.npos;
    };
    return middle != name.npos && counts(name.substr(0, middle)) && counts(name.substr(middle + between.size()));
}

/// The names of the first generation of which no file is there.
inline std::vector<std::string> free_shard_names(std::filesystem::path const& folder, std::size_t count) {
    for (std::size_t generation = 0;; ++generation) {
        std::vector<std::string> names;
        for (std::size_t i = 1; i <= count; ++i) {
            names.push_back(shard_name(generation, i, count));
        }
        std::error_code none;
        if (std::none_of(names.begin(), names.end(),
                         [&](auto const& name) { return std::filesystem::exists(folder / name, none); })) {
            return names;
        }
    }
}

/// Files that go away again unless they are kept.
struct provisional_files {
    std::vector<std::filesystem::path> paths{};

    provisional_files() = default;
    provisional_files(provisional_files const&) = delete;
    provisional_files& operator=(provisional_files const&) = delete;
    ~provisional_files() {
        for (auto const& path : paths) {
            std::error_code none;
            std::filesystem::remove(path, none);
        }
    }
    void keep() { paths.clear(); }
};

/// Removes the file that would speak for an older checkpoint, for good, then the shards that nothing names any more.
inline void remove_older_checkpoint(std::filesystem::path const& folder, std::vector<std::string> const& names) {
    auto const old = folder / (names.size() == 1 ? "model.safetensors.index.json" : "model.safetensors");
    std::error_code failed;
    if (std::filesystem::remove(old, failed) && !flush_folder(folder)) {
        failed = {errno, std::generic_category()};
    }
    if (failed) {
        throw error("Could not remove '" + old.string() + "': " + failed.message() +
                    "; remove it, as it belongs to the checkpoint before.");
    }
    std::error_code none;
    for (std::filesystem::directory_iterator at(folder, none), end; at != end; at.increment(none)) {
        auto const name = at->path().filename().string();
        if (is_shard_name(name) && std::find(names.begin(), names.end(), name) == names.end()) {
            std::filesystem::remove(at->path(), failed);
        }
    }
}

}  // namespace detail

/// Writes the tensors of a model into a folder, where safetensors_checkpoint and transformers find them: one
/// `model.safetensors`, or `model-00001-of-0000K.safetensors`, … and `model.safetensors.index.json`, where the tensors
/// have more than options.shard_bytes. Tensors fill the files in the order given; in a file they lie in the order of
/// stream_safetensors, which also says what fill(entry, out) does. None is split, and none needs to be in memory.
///
/// P23: a reader of the folder sees the old checkpoint or the new one. Shards take names that are free: where those of
/// K files are there already, `model-1-00001-of-0000K.safetensors`, …. So nothing that an index names is ever written
/// over, and what speaks for the new checkpoint comes last: `model.safetensors`, or the index and then the removal of
/// an older `model.safetensors`, which readers prefer. After that the shards of older checkpoints and of interrupted
/// writes go away; a reader that has come no further than the old index gets an error.
///   error   checks all entries before it writes; whatever fill throws leaves the old checkpoint and nothing else
///   note    the folder has to be there; one writer at a time
template <class Fill>
void write_safetensors_checkpoint(std::filesystem::path const& folder, std::vector<safetensors_entry> entries,
                                  Fill&& fill, safetensors_checkpoint_options const& options = {}) {
    detail::refuse_taken_names(entries);
    auto const total = detail::safetensors_bytes(entries);
    std::vector<detail::safetensors_layout> shards;
    for (auto& shard : detail::into_shards(std::move(entries), options.shard_bytes)) {
        shards.push_back(detail::lay_out_safetensors(std::move(shard), options.metadata));
    }
    bool const one = shards.size() == 1;
    auto const names =
        one ? std::vector<std::string>{"model.safetensors"} : detail::free_shard_names(folder, shards.size());

    detail::provisional_files written;
    auto weight_map = nlohmann::json::object();
    for (std::size_t i = 0; i < shards.size(); ++i) {
        atomic_file file(folder / names[i]);
        detail::stream_layout(shards[i], [&](std::span<std::byte const> bytes) { file.write(bytes); }, fill);
        if (!one) {
            written.paths.push_back(folder / names[i]);
        }
        file.commit();
        for (auto const& entry : shards[i].entries) {
            weight_map[entry.name] = names[i];
        }
    }
    if (!one) {
        nlohmann::json const index{{"metadata", {{"total_size", total}}}, {"weight_map", std::move(weight_map)}};
        auto const text = index.dump(2) + "\n";
        atomic_file file(folder / "model.safetensors.index.json");
        file.write(std::as_bytes(std::span(text)));
        written.keep();  // a commit that fails may have given the index its name
        file.commit();
    }
    detail::remove_older_checkpoint(folder, names);
}

}  // namespace nibble
