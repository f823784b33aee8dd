// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/io/ggml_blocks.hpp>
#include <nibble/io/ggml_type.hpp>
#include <nibble/io/gguf.hpp>
#include <nibble/io/safetensors.hpp>
#include <nibble/numeric/bf16.hpp>
#include <nibble/numeric/error.hpp>
#include <nibble/numeric/f16.hpp>
#include <nibble/scheme/parse.hpp>
#include <nibble/scheme/storage_list.hpp>
#include <nibble/tensor/dense_view.hpp>
#include <nibble/tensor/packed_matrix.hpp>
#include <nibble/tensor/packed_view.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>

namespace nibble {

/// A matrix of a file where it lies: a float type, one of ggml's block types, or a scheme of this library.
struct stored_tensor {
    std::string name;
    std::size_t rows = 0;
    std::size_t columns = 0;
    std::span<std::byte const> bytes;
    std::string_view type;              ///< ggml's name; empty where there is a scheme
    std::optional<scheme_info> scheme;  ///< of raw planes, in the order of packed_layout

    bool is_float() const { return type == "F32" || type == "F16" || type == "BF16"; }
    /// The bytes of rows [begin, end), for giving them back when they are used up. Of raw planes these are other rows,
    /// which are read again where they are still wanted.
    std::span<std::byte const> bytes_of_rows(std::size_t begin, std::size_t end) const {
        std::size_t const row = rows == 0 ? 0 : bytes.size() / rows;
        return bytes.subspan(begin * row, (end - begin) * row);
    }
    std::string format() const { return scheme ? to_string(*scheme) : std::string(type); }
};

namespace detail {

template <class List>
struct ggml_storages;
template <class... Storages>
struct ggml_storages<storage_list<Storages...>> {
    /// Calls f with the blocks of `t` if their type is one of the list's.
    template <class F>
    static bool visit(stored_tensor const& t, F&& f) {
        return (visit_one<Storages>(t, f) || ...);
    }

private:
    template <class Storage, class F>
    static bool visit_one([[maybe_unused]] stored_tensor const& t, [[maybe_unused]] F& f) {
        if constexpr (!ggml_name_of<Storage>.empty()) {
            if (t.type == ggml_name_of<Storage>) {
                f(ggml_blocks<Storage>(t.bytes.data(), t.rows, t.columns));
                return true;
            }
        }
        return false;
    }
};

[[noreturn]] inline void refuse_format(stored_tensor const& t) {
    throw error("tensor '" + t.name + "' is stored as " + t.format() +
                ", which this program has no code for; store it as F32, F16, BF16, Q4_0, Q4_K or another type " +
                "of the list known_storages, or add the storage to its list");
}

}  // namespace detail

/// Calls f(view) with the bytes of `t` as a dense_view, ggml_blocks or packed_view. Throws nibble::error for
/// a format that is not in `List`, and for bytes that are not as many as the shape needs.
template <class List = known_storages, class F>
void with_view(stored_tensor const& t, F&& f) {
    bool const countable = t.columns == 0 || t.rows <= static_cast<std::size_t>(-1) / 32 / t.columns;
    auto const require = [&](std::size_t bytes) {
        if (!countable || t.bytes.size() != bytes) {
            throw error("tensor '" + t.name + "' of " + std::to_string(t.rows) + " x " + std::to_string(t.columns) +
                        " elements as " + t.format() + " has " + std::to_string(t.bytes.size()) + " bytes and needs " +
                        std::to_string(bytes) + "; the file is damaged");
        }
    };
    if (t.scheme) {
        bool const known = with_storage<List>(*t.scheme, [&]<class St>(std::type_identity<St>) {
            require(packed_layout<St>{t.rows, t.columns}.bytes());
            f(packed_view<St>(t.bytes.data(), t.rows, t.columns));
        });
        if (!known) {
            detail::refuse_format(t);
        }
        return;
    }
    auto const* type = find_ggml_type(t.type);
    if (type == nullptr || t.columns % type->block != 0) {
        detail::refuse_format(t);
    }
    require(t.rows * (t.columns / type->block) * type->bytes);
    if (t.type == "F32") {
        f(dense_view<float>(t.bytes.data(), t.rows, t.columns));
    } else if (t.type == "F16") {
        f(dense_view<f16>(t.bytes.data(), t.rows, t.columns));
    } else if (t.type == "BF16") {
        f(dense_view<bf16>(t.bytes.data(), t.rows, t.columns));
    } else if (!detail::ggml_storages<List>::visit(t, f)) {
        detail::refuse_format(t);
    }
}

/// Calls f(view) with the codes of `t`, a packed_view or ggml_blocks, where they are of this storage; says whether they
/// are. Throws as with_view does.
template <class Storage, class F>
bool with_packed(stored_tensor const& t, F&& f) {
    if (t.scheme ? !Storage::stores(*t.scheme) : t.is_float() || t.type != ggml_name_of<Storage>) {
        return false;
    }
    with_view<storage_list<Storage>>(t, [&](auto const& view) {
        if constexpr (packed_matrix<std::remove_cvref_t<decltype(view)>>) {
            f(view);
        }
    });
    return true;
}

/// The metadata keys of a matrix that is stored as raw planes: the text of its scheme, and [rows, columns].
inline std::string scheme_key(std::string_view tensor) { return "nibble.tensor." + std::string(tensor) + ".scheme"; }
inline std::string shape_key(std::string_view tensor) { return "nibble.tensor." + std::string(tensor) + ".shape"; }

/// A vector or matrix of a GGUF file. Throws nibble::error for a rank above 2, and for raw planes whose metadata are
/// missing or wrong.
inline stored_tensor stored(gguf_file const& file, gguf_tensor const& tensor) {
    stored_tensor t{std::string(tensor.name), tensor.dims[1], tensor.dims[0], tensor.bytes, tensor.type->name, {}};
    if (tensor.rank > 2) {
        throw error("tensor '" + t.name + "' has " + std::to_string(tensor.rank) + " dimensions; expected at most 2");
    }
    auto const* scheme = file.find(scheme_key(t.name));
    if (scheme == nullptr) {
        return t;
    }
    auto const& shape = file.at(shape_key(t.name));
    constexpr std::uint64_t most = std::uint64_t{1} << 31;
    if (tensor.type->name != "I8" || shape.type != gguf_type::array || shape.count != 2 || shape[0].as_uint() >= most ||
        shape[1].as_uint() >= most) {
        throw error("tensor '" + t.name + "' has a scheme in the metadata, but is no I8 tensor with a shape of two " +
                    "numbers; convert the model again");
    }
    t.scheme = parse_scheme(scheme->as_string());
    t.type = {};
    t.rows = static_cast<std::size_t>(shape[0].as_uint());
    t.columns = static_cast<std::size_t>(shape[1].as_uint());
    return t;
}

/// A vector or matrix of a safetensors file. Throws nibble::error for a rank above 2.
inline stored_tensor stored(safetensors_entry const& entry) {
    if (entry.shape.size() > 2) {
        throw error("tensor '" + entry.name + "' has " + std::to_string(entry.shape.size()) +
                    " dimensions; expected at most 2");
    }
    std::size_t const columns = entry.shape.empty() ? 1 : static_cast<std::size_t>(entry.shape.back());
    std::size_t const rows = entry.shape.size() < 2 ? 1 : static_cast<std::size_t>(entry.shape.front());
    return {entry.name, rows, columns, entry.bytes, entry.dtype, {}};
}

}  // namespace nibble
