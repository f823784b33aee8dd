// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/gemma3/configuration.hpp>
#include <nibble/gemma3/tensor_names.hpp>
#include <nibble/gemma3/trainer.hpp>
#include <nibble/gemma3/vocabulary.hpp>
#include <nibble/io/atomic_file.hpp>
#include <nibble/io/mapped_file.hpp>
#include <nibble/io/safetensors_writer.hpp>
#include <nibble/io/xxh64.hpp>
#include <nibble/nn/attention.hpp>
#include <nibble/nn/linear.hpp>
#include <nibble/nn/recipe.hpp>
#include <nibble/numeric/error.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

namespace nibble::gemma3 {

/// What decides the steps of a run and its trainer does not hold. A checkpoint belongs to one run.
struct training_run {
    std::uint64_t vocabulary = 0;  ///< hash_of the vocabulary
    safetensors_metadata data{};   ///< texts, batches, teacher: names and values in the caller's words, UTF-8
};

/// XXH64 of everything that makes ids of a text: the pieces, their scores and kinds, and the options.
inline std::uint64_t hash_of(vocabulary const& words) {
    xxh64 hash;
    auto const add = [&](auto const& value) { hash.add(std::as_bytes(std::span(&value, 1))); };
    add(std::uint64_t{words.size()});
    for (std::uint32_t id = 0; id < words.size(); ++id) {
        auto const& piece = words.piece(id);
        add(std::uint64_t{piece.size()});
        hash.add(std::as_bytes(std::span(piece)));
        add(words.score(id));
        add(words.kind(id));
    }
    auto const& [bos, eos, unk, pad, add_bos, add_space_prefix] = words.options();
    for (auto const& id : {bos, eos, unk, pad}) {
        add(id ? std::int64_t{*id} : std::int64_t{-1});
    }
    add(std::uint8_t{add_bos});
    add(std::uint8_t{add_space_prefix});
    return hash.value();
}

namespace detail {

inline constexpr std::string_view no_checksum = "0000000000000000";

inline std::string hexadecimal(std::uint64_t value) {
    std::array<char, 16> digits{};
    auto const end = std::to_chars(digits.data(), digits.data() + digits.size(), value, 16).ptr;
    auto const count = static_cast<std::size_t>(end - digits.data());
    return std::string(no_checksum.substr(count)).append(digits.data(), count);
}

/// The shortest text that means this number and no other.
template <class Number>
std::string text_of_number(Number value) {
    std::array<char, 32> text{};
    return {text.data(), std::to_chars(text.data(), text.data() + text.size(), value).ptr};
}

inline std::optional<std::uint64_t> whole_number(std::string_view text) {
    std::uint64_t value = 0;
    auto const [end, failed] = std::from_chars(text.data(), text.data() + text.size(), value);
    return failed == std::errc{} && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

/// What has to be the same where a run goes on, as metadata of a checkpoint. trainer_options::recompute changes no bit
/// and may differ.
template <class State>
safetensors_metadata facts_of(trainer<State> const& t, training_run const& run) {
    safetensors_metadata facts{{"format", "nibble training checkpoint 1"}, {"optimizer.state", choice_name<State>()}};
    auto const add = [&](char const* key, auto const& value) {
        if constexpr (std::is_arithmetic_v<std::remove_cvref_t<decltype(value)>>) {
            facts.emplace_back(key, text_of_number(value));
        } else {
            facts.emplace_back(key, value);
        }
    };
    auto const& [hidden, layers, heads, kv_heads, head_dim, ffn, vocabulary, window, pattern, context, query_scalar,
                 rope_factor, rms_epsilon, rope_base, rope_base_local] = t.model().config;
    add("configuration.hidden", hidden);
    add("configuration.layers", layers);
    add("configuration.heads", heads);
    add("configuration.kv_heads", kv_heads);
    add("configuration.head_dim", head_dim);
    add("configuration.ffn", ffn);
    add("configuration.vocabulary", vocabulary);
    add("configuration.window", window);
    add("configuration.pattern", pattern);
    add("configuration.context", context);
    add("configuration.query_pre_attn_scalar", query_scalar);
    add("configuration.rope_factor", rope_factor);
    add("configuration.rms_epsilon", rms_epsilon);
    add("configuration.rope_base", rope_base);
    add("configuration.rope_base_local", rope_base_local);

    auto const& [embedding, attention, mlp, activations, kv_type] = t.model().recipe;
    add("recipe.embedding", embedding->name());
    add("recipe.attention", attention->name());
    add("recipe.mlp", mlp->name());
    add("recipe.activations", std::string(name_of(activations)));
    add("recipe.kv_cache", std::string(name_of(kv_type)));

    auto const& rate = t.options().rate;
    add("schedule.peak", rate.peak());
    add("schedule.floor", rate.floor());
    add("schedule.warmup", rate.warmup());
    add("schedule.steps", rate.steps());
    auto const& adamw = t.options().adamw;
    add("adamw.beta1", adamw.beta1);
    add("adamw.beta2", adamw.beta2);
    add("adamw.epsilon", adamw.epsilon);
    add("adamw.weight_decay", adamw.weight_decay);
    add("clip", t.options().clip);
    add("seed", t.options().seed);

    add("vocabulary", hexadecimal(run.vocabulary));
    for (auto const& [name, value] : run.data) {
        if (name.size() + value.size() > 4096) {
            throw error("'" + name.substr(0, 80) + "' of the data of a run is longer than a checkpoint keeps, 4096 " +
                        "bytes with its name; give a hash of it.");
        }
        facts.emplace_back("data." + name, value);
    }
    return facts;
}

/// f(name, shape, numbers) for each tensor of a checkpoint: parameters as GGUF names them, norms as 1 + w; behind the
/// name of a matrix ".scale", ".step", ".zero" of what is learned of its quantizer; the state of the optimizer.
template <class Parameters, class State, class F>
void for_each_state_tensor(Parameters& parameters, std::span<State> mean, std::span<State> square, F&& f) {
    using shape = std::vector<std::uint64_t>;
    for_each_parameter(
        [&](auto const& entry, std::uint32_t layer, auto& parameter) {
            auto const name = gguf_name(entry, layer);
            auto const give = [&](std::string const& of, auto& m) {
                if (m.rows() * m.columns() != 0) {
                    f(of, shape{m.rows(), m.columns()}, std::span(m.data(), m.rows() * m.columns()));
                }
            };
            if constexpr (requires { parameter.values; }) {
                give(name, parameter.values);
                give(name + ".scale", parameter.learned.scale);
                give(name + ".step", parameter.learned.step);
                give(name + ".zero", parameter.learned.zero);
            } else {
                f(name, shape{parameter.size()}, std::span(parameter));
            }
        },
        parameters);
    f("optimizer.mean", shape{mean.size()}, mean);
    f("optimizer.square", shape{square.size()}, square);
}

template <class Number>
constexpr std::string_view dtype_of(std::span<Number> /*numbers*/) {
    return std::same_as<std::remove_const_t<Number>, float> ? "F32" : "BF16";
}

/// A file that is whole: it tiles its tensors, and its checksum is that of its bytes.
class state_file {
public:
    explicit state_file(std::filesystem::path path) : path_(std::move(path)), bytes_(path_) {
        try {
            file_ = safetensors_file::parse(bytes_.bytes(), {.tensors = std::size_t{1} << 16});
        } catch (error const& e) {
            refuse(std::string(e.what()) + "; go on from an older checkpoint");
        }
        static_assert(std::endian::native == std::endian::little);
        std::uint64_t header = 0;
        std::memcpy(&header, bytes_.bytes().data(), sizeof header);
        std::string_view const text(reinterpret_cast<char const*>(bytes_.bytes().data()), 8 + header);
        for (auto const& [key, value] : file_.metadata()) {
            metadata_.emplace(key, value);
        }
        for (auto const& entry : file_.entries()) {
            tensors_.emplace(entry.name, &entry);
        }
        constexpr std::string_view key = "\"checksum\":\"";
        auto const stated = find("checksum");
        auto const at = stated ? text.find(std::string(key).append(*stated) + '"') : text.npos;
        if (at == text.npos || stated->size() != no_checksum.size()) {
            refuse("no checksum of a training checkpoint is in its metadata; give a file that training has saved");
        }
        auto const is = checksum(at + key.size());
        if (is != *stated) {
            refuse("the checksum is " + nibble::detail::in_message(*stated) + ", but its bytes have " + is +
                   "; the file is damaged, go on from an older checkpoint");
        }
    }

    std::size_t facts() const { return metadata_.size(); }
    std::size_t tensors() const { return tensors_.size(); }
    safetensors_entry const& tensor(std::string const& name) const {
        auto const at = tensors_.find(name);
        if (at == tensors_.end()) {
            refuse("tensor '" + name + "' is missing; resume with the program that saved it");
        }
        return *at->second;
    }
    std::optional<std::string_view> find(std::string_view key) const {
        auto const at = metadata_.find(key);
        return at == metadata_.end() ? std::nullopt : std::optional(at->second);
    }
    std::uint64_t count(std::string_view key) const {
        auto const text = find(key);
        auto const value = text ? whole_number(*text) : std::nullopt;
        if (!value) {
            refuse("its metadata state no number of '" + std::string(key) + "'; go on from an older checkpoint");
        }
        return *value;
    }
    /// f(part) for parts of some bytes of the file in sequence, none of which stay in memory.
    template <class F>
    void read(std::span<std::byte const> bytes, F&& f) const {
        constexpr std::size_t piece = std::size_t{16} << 20;
        while (!bytes.empty()) {
            auto const part = bytes.first((std::min)(piece, bytes.size()));
            f(part);
            bytes_.drop(part);
            bytes = bytes.subspan(part.size());
        }
    }

    [[noreturn]] void refuse(std::string const& why) const { throw error(path_.string() + ": " + why + "."); }

private:
    /// Of the whole file, with zeros for the digits of the checksum, which are at `at`.
    std::string checksum(std::size_t at) const {
        auto const all = bytes_.bytes();
        xxh64 hash;
        hash.add(all.first(at));
        hash.add(std::as_bytes(std::span(no_checksum)));
        read(all.subspan(at + no_checksum.size()), [&](auto part) { hash.add(part); });
        return hexadecimal(hash.value());
    }

    std::filesystem::path path_;
    mapped_file bytes_;
    safetensors_file file_;
    std::map<std::string_view, std::string_view> metadata_;
    std::map<std::string_view, safetensors_entry const*> tensors_;
};

/// "F32 [64, 32]"
inline std::string text_of(std::string_view dtype, std::vector<std::uint64_t> const& shape) {
    std::string text = std::string(dtype) + " [";
    for (std::size_t i = 0; i < shape.size(); ++i) {
        text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
    }
    return text + "]";
}

/// Throws nibble::error unless the file is of this run.
template <class State>
void require_facts(state_file const& file, trainer<State> const& t, training_run const& run) {
    auto const facts = facts_of(t, run);
    for (auto const& [key, wanted] : facts) {
        auto const stated = file.find(key);
        if (!stated || *stated != wanted) {
            file.refuse("'" + key + "' is " + (stated ? nibble::detail::in_message(*stated) : "missing") +
                        " in this checkpoint and " + nibble::detail::in_message(wanted) +
                        " in this run; resume with what it was saved with, or begin a run of its own");
        }
    }
    if (file.facts() != facts.size() + 3) {  // and steps, skipped, checksum
        file.refuse("its metadata state more than this program knows; resume with the program that saved it");
    }
}

/// Throws nibble::error unless the file has the tensors of this trainer and no others.
template <class State>
void require_tensors(state_file const& file, trainer<State> const& t) {
    std::size_t count = 0;
    for_each_state_tensor(t.model().parameters, t.mean(), t.square(),
                          [&](std::string const& name, std::vector<std::uint64_t> const& shape, auto numbers) {
                              auto const& entry = file.tensor(name);
                              if (entry.dtype != dtype_of(numbers) || entry.shape != shape) {
                                  file.refuse("tensor '" + name + "' is " + text_of(entry.dtype, entry.shape) +
                                              " in this checkpoint and " + text_of(dtype_of(numbers), shape) +
                                              " in this run; resume with the program that saved it");
                              }
                              ++count;
                          });
    if (file.tensors() != count) {
        file.refuse("it has " + std::to_string(file.tensors()) + " tensors and this run " + std::to_string(count) +
                    "; resume with the program that saved it");
    }
}

/// Nothing changes before everything is checked.
template <class State>
void restore(state_file const& file, trainer<State>& t, training_run const& run) {
    require_facts(file, t, run);
    require_tensors(file, t);
    auto const steps = file.count("steps");
    auto const skipped = file.count("skipped");
    if (skipped > steps) {
        file.refuse("it skipped " + std::to_string(skipped) + " steps of " + std::to_string(steps) +
                    "; go on from an older checkpoint");
    }
    t.resume(steps, skipped, [&](trained_parameters& parameters, std::span<State> mean, std::span<State> square) {
        for_each_state_tensor(parameters, mean, square, [&](std::string const& name, auto const&, auto numbers) {
            auto to = std::as_writable_bytes(numbers).begin();
            file.read(file.tensor(name).bytes, [&](auto part) { to = std::copy(part.begin(), part.end(), to); });
        });
    });
}

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
            } else if (name.ends_with(".tmp")) {
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

/// Writes all that a trainer needs to go on with the same bits: parameters, state of the optimizer, counts of steps,
/// and the configuration, recipe and options that they belong to. The file is safetensors with an XXH64 of its bytes.
///   memory  none in the size of the model; its numbers are read twice, for the checksum and for the file
///   error   nibble::error, for a full disk for example; a file that was there before stays as it was
template <class State>
void save_state(std::filesystem::path const& path, trainer<State> const& t, training_run const& run) {
    std::vector<safetensors_entry> entries;
    detail::for_each_state_tensor(t.model().parameters, t.mean(), t.square(),
                                  [&](std::string const& name, std::vector<std::uint64_t> const& shape, auto numbers) {
                                      entries.push_back(
                                          {name, detail::dtype_of(numbers), shape, std::as_bytes(numbers)});
                                  });
    auto metadata = detail::facts_of(t, run);
    metadata.emplace_back("steps", std::to_string(t.steps()));
    metadata.emplace_back("skipped", std::to_string(t.skipped()));
    metadata.emplace_back("checksum", detail::no_checksum);
    xxh64 hash;
    write_safetensors([&](std::span<std::byte const> bytes) { hash.add(bytes); }, entries, metadata);
    metadata.back().second = detail::hexadecimal(hash.value());
    atomic_file file(path);
    write_safetensors([&](std::span<std::byte const> bytes) { file.write(bytes); }, std::move(entries),
                      std::move(metadata));
    file.commit();
}

/// Puts what save_state wrote into a trainer that was made as the saved one was: its model of the same configuration,
/// recipe and shapes, its options the same. The next step is then the one that the saved trainer would have done, bit
/// for bit. The file is checked whole before anything changes.
///   error   nibble::error for a file that is damaged, and for one of another run, with both values of what differs
template <class State>
void load_state(std::filesystem::path const& path, trainer<State>& t, training_run const& run) {
    detail::restore(detail::state_file(path), t, run);
}

/// Writes state-<step>.safetensors. When that is on the disk, the newest one before it stays beside it, and older ones
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
    std::string all = folder.string() + ": no checkpoint of the run is whole; begin the run again.";
    for (auto const& reason : result.damaged) {
        all += "\n  " + reason;
    }
    throw error(all);
}

}  // namespace nibble::gemma3
