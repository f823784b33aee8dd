// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/gemma3/trainer.hpp>
#include <nibble/gemma3/training_run.hpp>
#include <nibble/gemma3/training_state.hpp>
#include <nibble/gemma3/training_state_file.hpp>
#include <nibble/io/atomic_file.hpp>
#include <nibble/numeric/error.hpp>

#include <cstdint>
#include <filesystem>
#include <iterator>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace nibble::gemma3 {

namespace detail {

inline std::filesystem::path state_path(std::filesystem::path const& folder, std::uint64_t step) {
    return folder / ("state-" + std::to_string(step) + ".safetensors");
}

/// The steps of the files in a folder that state_path names, and what remains of such files where writing them was cut.
struct state_folder {
    std::set<std::uint64_t> steps;
    std::vector<std::filesystem::path> remains;

    explicit state_folder(std::filesystem::path const& folder) {
        std::error_code failed;
        for (std::filesystem::directory_iterator at(folder, failed), end; !failed && at != end; at.increment(failed)) {
            auto const name = at->path().filename().string();
            auto const dot = name.find('.');
            auto const step = name.starts_with("state-") ? whole_number(std::string_view(name).substr(0, dot).substr(6))
                                                         : std::nullopt;
            if (!step || !name.starts_with(state_path({}, *step).string())) {
                continue;
            }
            if (name == state_path({}, *step).string()) {
                steps.insert(*step);
            } else if (nibble::detail::is_temporary(name, state_path({}, *step).string() + ".")) {
                remains.push_back(at->path());
            }
        }
        if (failed && failed != std::errc::no_such_file_or_directory) {
            throw error(folder.string() + ": cannot list the folder: " + failed.message() +
                        "; give a folder for the checkpoints of one run.");
        }
    }
};

}  // namespace detail

/// Writes `state-STEP.safetensors`. When that is on the disk, the newest one before it stays beside it, and older ones
/// are removed. Also removes what a save that was killed has left. The folder, which has to be there, belongs to one
/// run, and one process at a time saves to it.
template <class State>
void save_newest(std::filesystem::path const& folder, trainer<State> const& t, training_run const& run) {
    std::error_code none;  // what cannot be removed now is tried again by the next save
    detail::state_folder const before(folder);
    for (auto const& path : before.remains) {
        std::filesystem::remove(path, none);
    }
    save_state(detail::state_path(folder, t.steps()), t, run);
    auto const end = before.steps.lower_bound(t.steps());
    if (end == before.steps.begin()) {
        return;
    }
    for (auto at = before.steps.begin(); at != std::prev(end); ++at) {
        std::filesystem::remove(detail::state_path(folder, *at), none);
    }
}

/// Where a run goes on.
struct resumed_state {
    std::filesystem::path path;
    std::vector<std::string> damaged;  ///< newer files that were passed over: each with its name and what is wrong
};

/// load_state of the newest file of save_newest that is whole; nothing where the folder has none at all, or is not
/// there.
///   error   nibble::error where there are files, but all are damaged; for a whole one of another run, though an older
///           one may fit
template <class State>
std::optional<resumed_state> load_newest(std::filesystem::path const& folder, trainer<State>& t,
                                         training_run const& run) {
    resumed_state result;
    detail::state_folder const found(folder);
    for (auto step = found.steps.rbegin(); step != found.steps.rend(); ++step) {
        result.path = detail::state_path(folder, *step);
        std::optional<detail::state_file> file;
        try {
            file.emplace(result.path);
        } catch (error const& e) {
            result.damaged.emplace_back(e.what());
            continue;
        }
        if (file->count("steps") != *step) {
            file->refuse("its name says step " + std::to_string(*step) + ", but it is of step " +
                         std::to_string(file->count("steps")) + "; give it back its name");
        }
        detail::restore(*file, t, run);
        return result;
    }
    if (result.damaged.empty()) {
        return std::nullopt;
    }
    std::string all = folder.string() + ": no checkpoint of the run is whole; remove them to begin the run again.";
    for (auto const& reason : result.damaged) {
        all += " " + reason;
    }
    throw error(all);
}

}  // namespace nibble::gemma3
