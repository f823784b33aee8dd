// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/gemma3/tensor_names.hpp>
#include <nibble/gemma3/trainer.hpp>
#include <nibble/gemma3/training_run.hpp>
#include <nibble/gemma3/training_state_file.hpp>
#include <nibble/io/atomic_file.hpp>
#include <nibble/io/safetensors_writer.hpp>
#include <nibble/io/xxh64.hpp>
#include <nibble/nn/attention.hpp>
#include <nibble/nn/linear.hpp>
#include <nibble/nn/recipe.hpp>
#include <nibble/numeric/error.hpp>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace nibble::gemma3 {

namespace detail {

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
    add("learned_rate", t.options().learned_rate);
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
            file.read(file.tensor(name), [&](auto part) { to = std::copy(part.begin(), part.end(), to); });
        });
    });
}

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

}  // namespace nibble::gemma3
