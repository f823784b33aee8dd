// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/gemma3/checkpoint.hpp>
#include <nibble/gemma3/export.hpp>
#include <nibble/gemma3/quantize_checkpoint.hpp>
#include <nibble/gemma3/tensor_names.hpp>
#include <nibble/io/stored_tensor.hpp>
#include <nibble/nn/recipe.hpp>
#include <nibble/numeric/error.hpp>
#include <nibble/quantize/quantize.hpp>
#include <nibble/quantize/recover.hpp>
#include <nibble/tensor/backend.hpp>
#include <nibble/tensor/matrix.hpp>
#include <nibble/tensor/packed_tensor.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <utility>

namespace nibble::gemma3 {

/// The groups of a tensor of a recoverable scheme, and how many of them had codes already.
struct recovered_groups {
    std::size_t recovered = 0;
    std::size_t groups = 0;
};

/// What became of the tensors, by name; of those whose scheme recover knows.
struct recovery {
    std::function<void(std::map<std::string, recovered_groups> const&)> report{};
};

namespace detail {

/// Rows of a checkpoint, packed by recover as the type says that they are stored in.
template <class List>
class recovered_rows {
public:
    explicit recovered_rows(checkpoint const& source) : rows_(source) {}

    template <class Role>
    void operator()(tensor_entry<Role> const& entry, std::uint32_t layer, std::size_t first,
                    matrix<float>& chunk) const {
        rows_(entry, layer, first, chunk);
    }

    template <class S, class Role>
    packed_tensor<storage_of<S>> pack(tensor_entry<Role> const& entry, std::uint32_t layer, std::size_t first,
                                      matrix<float> const& chunk, quantize_statistics& counted) {
        if constexpr (is_recoverable<S>) {
            auto found =
                recover<S>(cpu{}, chunk, {.stored_as = type_of(rows_.tensor(entry, layer)), .statistics = &counted});
            std::lock_guard const lock(mutex_);
            auto& sum = groups_[gguf_name(entry, layer)];
            sum.recovered += found.recovered_groups();
            sum.groups += found.groups();
            return std::move(found.tensor);
        } else {
            return rows_.template pack<S>(entry, layer, first, chunk, counted);
        }
    }

    checkpoint_rows<List> const& floats() const { return rows_; }

    std::map<std::string, recovered_groups> const& groups() const { return groups_; }

private:
    /// What is quantized in the file decodes to f32.
    static stored_float type_of(stored_tensor const& t) {
        return t.type == "BF16" ? stored_float::bf16 : t.type == "F16" ? stored_float::f16 : stored_float::f32;
    }

    checkpoint_rows<List> rows_;
    std::mutex mutex_;
    std::map<std::string, recovered_groups> groups_;
};

template <class T>
constexpr bool has_recovery() {
    if constexpr (quantization_scheme<T>) {
        return is_recoverable<T>;
    } else {
        return false;
    }
}

}  // namespace detail

/// The same of a checkpoint whose weights were quantized before and stored as floats: groups that lie on a grid of the
/// recipe's scheme get the codes that they had, the others the nearest ones, as recover has it.
///   result  the same bytes for any number of threads
/// Throws nibble::error before any work where the recipe has no scheme whose grids recover knows; else as write_gguf
/// does.
template <auto Recipe, class List = known_storages>
export_statistics quantize_checkpoint(cpu where, checkpoint const& source, recovery const& how,
                                      std::filesystem::path const& path, export_options const& options = {}) {
    detail::require_words(source);
    if constexpr (!detail::has_recovery<scheme_for<Recipe, role::embedding>>() &&
                  !detail::has_recovery<scheme_for<Recipe, role::attention>>() &&
                  !detail::has_recovery<scheme_for<Recipe, role::mlp>>()) {
        throw error("The recipe has no scheme whose codes can be recovered from floats; choose one of integers whose "
                    "scales have one level, q4_0 or int4_g32 for example.");
    }
    detail::recovered_rows<List> rows(source);
    if (!options.allow_loss) {
        detail::require_lossless<Recipe>(source, rows.floats(), []<class S>() { return is_recoverable<S>; });
    }
    auto const written = detail::write_checkpoint<Recipe>(where, source, path, rows, rows.floats(), options);
    if (how.report) {
        how.report(rows.groups());
    }
    return written;
}

}  // namespace nibble::gemma3
