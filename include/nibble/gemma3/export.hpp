// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/gemma3/configuration_gguf.hpp>
#include <nibble/gemma3/tensor_names.hpp>
#include <nibble/gemma3/vocabulary_gguf.hpp>
#include <nibble/io/ggml_blocks.hpp>
#include <nibble/io/gguf_value.hpp>
#include <nibble/io/gguf_writer.hpp>
#include <nibble/io/stored_tensor.hpp>
#include <nibble/nn/linear.hpp>
#include <nibble/nn/recipe.hpp>
#include <nibble/numeric/error.hpp>
#include <nibble/quantize/quantize.hpp>
#include <nibble/scheme/scale_type.hpp>
#include <nibble/tensor/backend.hpp>
#include <nibble/tensor/factor_order.hpp>
#include <nibble/tensor/matrix.hpp>
#include <nibble/tensor/packed_tensor.hpp>
#include <nibble/tensor/packed_view.hpp>
#include <nibble/tensor/planes.hpp>
#include <nibble/tensor/tensor_bytes.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace nibble::gemma3 {

struct export_options {
    std::string name{};                            ///< general.name; left out where empty
    std::span<gguf_value const> pairs{};           ///< more metadata, for example tokenizer.chat_template of the source
    bool untied_head = false;                      ///< also write output_entry, stored as the embedding is
    std::optional<activation_kind> activations{};  ///< that the file asks for; none: what the recipe says
    std::optional<nibble::kv_type> kv_type{};      ///< likewise
    bool allow_loss = false;  ///< of quantize_checkpoint: codes may become codes of another storage
    /// Bytes of tensors made so far and in all, after every few MiB. What it throws ends the export; no file appears.
    std::function<void(std::uint64_t done, std::uint64_t total)> progress{};
};

struct export_statistics {
    std::map<std::string, std::uint64_t, std::less<>> tensor_bytes{};  ///< by format: ggml's name or the scheme's text
    std::uint64_t file_bytes = 0;
    std::size_t underflowed_groups = 0;  ///< as in quantize_statistics
    /// Of each matrix that had codes and got those of another storage:  rms(Q(w) − w) / rms(w), w what it had.
    std::map<std::string, double> requantized{};
};

/// The text of `nibble.recipe`: "embedding=int3.g64 attention=int3.g64 mlp=int3.g64 activations=int8 kv_cache=f32".
inline std::string recipe_text(recipe_info const& info) {
    return "embedding=" + info.embedding + " attention=" + info.attention + " mlp=" + info.mlp +
           " activations=" + info.activations + " kv_cache=" + info.kv_cache;
}

namespace detail {

/// How a choice of a recipe lies in a GGUF file: as ggml's type, or as raw planes where ggml has none.
template <class T>
struct tensor_format {
    static constexpr std::string_view ggml = [] {
        if constexpr (quantization_scheme<T>) {
            return ggml_name_of<storage_of<T>>;
        } else {
            return std::same_as<T, float> ? "F32" : std::same_as<T, f16> ? "F16" : "BF16";
        }
    }();
    static constexpr bool is_planes = ggml.empty();

    static std::string text() { return is_planes ? choice_name<T>() : std::string(ggml); }

    /// The value of general.file_type, which is for files of ggml's types.
    static constexpr std::optional<std::uint32_t> file_type() {
        using row = std::pair<std::string_view, std::uint32_t>;
        for (auto const& [name, number] :
             {row{"F32", 0}, row{"F16", 1}, row{"Q4_0", 2}, row{"Q4_1", 3}, row{"Q8_0", 7}, row{"Q5_0", 8},
              row{"Q5_1", 9}, row{"Q2_K", 10}, row{"Q3_K", 11}, row{"Q4_K", 14}, row{"Q5_K", 16}, row{"Q6_K", 18},
              row{"IQ4_NL", 25}, row{"BF16", 32}, row{"TQ2_0", 37}, row{"MXFP4", 38}, row{"NVFP4", 39}}) {
            if (name == ggml) {
                return number;
            }
        }
        return {};
    }
};

/// std::type_identity of what a tensor of the role is stored as.
template <auto Recipe, class Role>
constexpr auto stored_as(tensor_entry<Role> const&) {
    if constexpr (is_role<Role>) {
        using T = scheme_for<Recipe, Role{}>;
        if constexpr (quantization_scheme<T>) {
            static_assert(
                T::storage::rows == 1 && !has_matrix_scale<typename T::scale_type>,
                "nibble: a model file is quantized row by row, so a recipe to write cannot have schemes whose "
                "rows share a scale; use per_channel or per_group<N>");
        }
        return std::type_identity<T>{};
    } else {
        return std::type_identity<float>{};
    }
}

/// f(), whose errors get the tensor's name.
template <class F>
auto naming_tensor(std::string const& name, F&& f) {
    try {
        return f();
    } catch (error const& e) {
        throw error("tensor '" + name + "': " + e.what());
    }
}

template <class T>
void add_tensor(gguf_writer& writer, std::string const& name, std::uint64_t rows, std::uint64_t columns) {
    if constexpr (tensor_format<T>::is_planes) {
        std::array<std::int32_t, 2> const shape{static_cast<std::int32_t>(rows), static_cast<std::int32_t>(columns)};
        std::uint64_t const bytes = naming_tensor(name, [&] { return tensor_bytes<T>(rows, columns); });
        writer.add(scheme_key(name), std::string_view(choice_name<T>()));
        writer.add(shape_key(name), std::span<std::int32_t const>(shape));
        writer.add_tensor(name, *find_ggml_type("I8"), std::array{bytes});
    } else {
        std::array const dims{columns, rows};
        bool const is_vector = rows == 1;
        writer.add_tensor(name, *find_ggml_type(tensor_format<T>::ggml), std::span(dims).first(is_vector ? 1 : 2));
    }
}

/// f(bytes that a row has there) for each part of a packed matrix whose rows have scales of their own, in the order of
/// its bytes.
template <int Bits, class F>
void for_each_part(plane_order<Bits> const& codes, F&& f) {
    for (code_plane const plane : planes_of<Bits>) {
        f(codes.row_bytes(plane));
    }
}
template <class T, class F>
void for_each_part(factor_order<T> const& factors, F&& f) {
    if constexpr (is_two_level<T>) {
        for_each_part(factors.fines(), f);
        f(factors.supers() / factors.rows * sizeof(typename T::super_type));
    } else {
        f(factors.bytes() / factors.rows);
    }
}

/// Puts the rows of `part` into those from `first` on of a packed matrix in `bytes`.
template <class Storage>
void place_rows(packed_view<Storage> part, std::size_t first, packed_layout<Storage> whole,
                std::span<std::byte> bytes) {
    std::byte const* from = part.bytes().data();
    std::size_t part_start = 0;
    auto const place = [&](std::size_t row_bytes) {
        if (row_bytes != 0) {
            std::memcpy(bytes.data() + part_start + first * row_bytes, from, part.rows() * row_bytes);
        }
        from += part.rows() * row_bytes;
        part_start += whole.rows * row_bytes;
    };
    for_each_part(whole.codes(), place);
    for_each_part(whole.scales(), place);
    for_each_part(whole.zeros(), place);
}

/// Streams the tensors of a file in their order: rows in, bytes out.
class tensor_stream {
public:
    using fill_rows = std::function<void(std::size_t first, matrix<float>& chunk)>;

    tensor_stream(cpu where, gguf_writer& writer, export_options const& options)
        : where_(where), writer_(writer), options_(options) {}

    /// The next tensor, whose rows are what fill(first row, chunk) leaves in the chunk, with the codes that
    /// `pack<S>`(first row, chunk, quantize_statistics&) gives them. Raw planes are in memory whole before they are
    /// written, all else in pieces.
    template <class T, class Pack>
    void write(std::string const& name, std::size_t rows, std::size_t columns, fill_rows const& fill,
               Pack const& pack) {
        auto const tensor_bytes = static_cast<std::size_t>(nibble::tensor_bytes<T>(rows, columns));
        std::size_t const row_bytes = tensor_bytes / rows;
        std::size_t const chunk_rows = std::max<std::size_t>(1, chunk_elements / columns);
        std::size_t const wave =
            (std::min)(rows, 4 * where_.threads() * chunk_rows);  // a thread of the pool takes four pieces
        std::vector<std::byte> bytes(tensor_format<T>::is_planes ? tensor_bytes : wave * row_bytes);
        for (std::size_t first = 0; first < rows; first += wave) {
            std::size_t const count = (std::min)(wave, rows - first);
            where_.parallel_for((count + chunk_rows - 1) / chunk_rows, [&](std::size_t begin, std::size_t end) {
                for (std::size_t row = begin * chunk_rows; row < (std::min)(count, end * chunk_rows);
                     row += chunk_rows) {
                    matrix<float> chunk((std::min)(chunk_rows, count - row), columns);
                    fill(first + row, chunk);
                    require_finite(name, first + row, chunk);
                    if constexpr (tensor_format<T>::is_planes) {
                        place_rows<storage_of<T>>(quantized<T>(name, first + row, chunk, pack), first + row,
                                                  {rows, columns}, bytes);
                    } else {
                        put_rows<T>(name, first + row, chunk, pack, std::span(bytes).subspan(row * row_bytes));
                    }
                }
            });
            if constexpr (!tensor_format<T>::is_planes) {
                writer_.write(std::span(bytes).first(count * row_bytes));
            }
            report(done_ + (first + count) * row_bytes);
        }
        if constexpr (tensor_format<T>::is_planes) {
            writer_.write(bytes);
        }
        done_ += tensor_bytes;
        statistics_.tensor_bytes[tensor_format<T>::text()] += tensor_bytes;
    }

    /// The next tensor, already packed; `underflowed` of its groups became zero.
    template <class S>
    void write_packed(std::string const& name, packed_tensor<storage_of<S>> const& packed, std::size_t underflowed) {
        std::size_t const row_bytes = packed.bytes() / packed.rows();
        if constexpr (tensor_format<S>::is_planes) {
            writer_.write(packed.view().bytes());
        } else {
            std::vector<std::byte> bytes(packed.bytes());
            where_.parallel_for(packed.rows(), [&](std::size_t begin, std::size_t end) {
                for (std::size_t row = begin; row < end; ++row) {
                    naming_tensor(name, [&] { write_ggml_row(packed, row, bytes.data() + row * row_bytes); });
                }
            });
            writer_.write(bytes);
        }
        underflowed_ += underflowed;
        done_ += packed.bytes();
        report(done_);
        statistics_.tensor_bytes[tensor_format<S>::text()] += packed.bytes();
    }

    export_statistics statistics() const {
        auto result = statistics_;
        result.file_bytes = writer_.file_bytes();
        result.underflowed_groups = underflowed_;
        return result;
    }

private:
    static constexpr std::size_t chunk_elements = std::size_t{1} << 17;

    static void require_finite(std::string const& name, std::size_t first, matrix<float> const& chunk) {
        for (std::size_t row = 0; row < chunk.rows(); ++row) {
            for (std::size_t column = 0; column < chunk.columns(); ++column) {
                if (float const value = chunk(row, column); !std::isfinite(value)) {
                    refuse(name, first + row, column, value, "mend the source, or the training that made it");
                }
            }
        }
    }
    [[noreturn]] static void refuse(std::string const& name, std::size_t row, std::size_t column, float value,
                                    std::string const& what_to_do) {
        throw error("tensor '" + name + "' has the value " + std::to_string(value) + " at [" + std::to_string(row) +
                    ", " + std::to_string(column) + "]; " + what_to_do);
    }

    template <class S, class Pack>
    packed_tensor<storage_of<S>> quantized(std::string const& name, std::size_t first, matrix<float> const& chunk,
                                           Pack const& pack) {
        quantize_statistics counted;
        auto packed = naming_tensor(name, [&] { return pack.template operator()<S>(first, chunk, counted); });
        underflowed_ += counted.underflowed_groups;
        return packed;
    }

    template <class T, class Pack>
    void put_rows(std::string const& name, std::size_t first, matrix<float> const& chunk,
                  [[maybe_unused]] Pack const& pack, std::span<std::byte> to) {
        if constexpr (quantization_scheme<T>) {
            auto const packed = quantized<T>(name, first, chunk, pack);
            std::size_t const row_bytes = packed.bytes() / packed.rows();
            for (std::size_t row = 0; row < packed.rows(); ++row) {
                write_ggml_row(packed, row, to.data() + row * row_bytes);
            }
        } else {
            for (std::size_t row = 0; row < chunk.rows(); ++row) {
                for (std::size_t column = 0; column < chunk.columns(); ++column) {
                    float const value = chunk(row, column);
                    T const stored(value);
                    if (!std::isfinite(static_cast<float>(stored))) {
                        refuse(name, first + row, column, value,
                               "it is beyond the range of " + tensor_format<T>::text() + ", keep it as F32");
                    }
                    std::memcpy(to.data() + (row * chunk.columns() + column) * sizeof(T), &stored, sizeof(T));
                }
            }
        }
    }

    void report(std::uint64_t done) const {
        if (options_.progress) {
            options_.progress(done, writer_.data_bytes());
        }
    }

    cpu where_;
    gguf_writer& writer_;
    export_options const& options_;
    export_statistics statistics_;
    std::atomic<std::size_t> underflowed_{0};
    std::uint64_t done_ = 0;
};

template <class F>
void for_each_exported(configuration const& c, bool untied_head, F&& f) {
    for_each_tensor(c, f);
    if (untied_head) {
        f(output_entry, std::uint32_t{0});
    }
}

}  // namespace detail

/// Declares the tensors of a model under the recipe, in the order of a file, with the keys that readers need for them.
template <auto Recipe>
void add_tensors(gguf_writer& writer, configuration const& c, bool untied_head = false) {
    bool ggml_quantized = false;
    detail::for_each_exported(c, untied_head, [&]<class Role>(tensor_entry<Role> const& entry, std::uint32_t layer) {
        using T = typename decltype(detail::stored_as<Recipe>(entry))::type;
        ggml_quantized = ggml_quantized || (quantization_scheme<T> && !detail::tensor_format<T>::is_planes);
        detail::add_tensor<T>(writer, gguf_name(entry, layer), entry.rows(c), entry.columns(c));
    });
    if (auto const type = detail::tensor_format<scheme_for<Recipe, role::mlp>>::file_type()) {
        writer.add("general.file_type", *type);
    }
    if (ggml_quantized) {
        writer.add("general.quantization_version", std::uint32_t{2});
    }
}

/// Writes a model as a GGUF file, which appears whole and with a checksum inside, or not at all.
///   rows    rows(entry, layer, first row, matrix<float>& chunk) fills the chunk, whose size says how many rows from
///           `first row` on; for a norm the one row of factors 1 + w. Called by several threads of `where` at a time.
///           Of a matrix of scheme S, `rows.pack<S>`(entry, layer, first row, chunk, quantize_statistics&) gives the
///           codes of a chunk, or `rows.packed<S>`(entry, layer, quantize_statistics&), called once, those of the
///           matrix, where there is such a function; else `quantize<S>` does
///   memory  some MiB; for a scheme that ggml does not name also the packed bytes of one matrix
///   result  the same bytes for any number of threads
///   error   nibble::error with the tensor's name for a value that is not finite or not in the range of its type, and
///           for a shape that a scheme rejects; also where GGUF cannot state the configuration or the disk is full
template <auto Recipe, class Rows>
export_statistics write_gguf(cpu where, std::filesystem::path const& path, configuration const& c,
                             vocabulary const& words, Rows&& rows, export_options const& options = {}) {
    if (words.size() != c.vocabulary) {
        throw error("The vocabulary has " + std::to_string(words.size()) + " pieces and the embedding " +
                    std::to_string(c.vocabulary) + " rows; a model needs one row a piece.");
    }
    gguf_writer writer;
    for_each_key(c, [&](std::string_view key, auto value) { writer.add(key, value); });
    if (!options.name.empty()) {
        writer.add("general.name", std::string_view(options.name));
    }
    add_vocabulary(writer, words);
    for (auto const& pair : options.pairs) {
        writer.add(pair);
    }
    writer.add("nibble.format_version", std::uint32_t{1});
    auto info = info_of<Recipe>();
    if (options.activations) {
        info.activations = name_of(*options.activations);
    }
    if (options.kv_type) {
        info.kv_cache = name_of(*options.kv_type);
    }
    writer.add("nibble.recipe", std::string_view(recipe_text(info)));
    add_tensors<Recipe>(writer, c, options.untied_head);
    writer.add_checksum();
    writer.start(path);

    detail::tensor_stream stream(where, writer, options);
    detail::for_each_exported(
        c, options.untied_head, [&]<class Role>(tensor_entry<Role> const& entry, std::uint32_t layer) {
            using T = typename decltype(detail::stored_as<Recipe>(entry))::type;
            auto const name = gguf_name(entry, layer);
            auto const pack = [&]<class S>(std::size_t first, matrix<float> const& chunk, quantize_statistics& count) {
                if constexpr (requires { rows.template pack<S>(entry, layer, first, chunk, count); }) {
                    return rows.template pack<S>(entry, layer, first, chunk, count);
                } else {
                    return quantize<S>(cpu{}, chunk, {.statistics = &count});
                }
            };
            quantize_statistics counted;
            if constexpr (requires { rows.template packed<T>(entry, layer, counted); }) {
                auto const packed =
                    detail::naming_tensor(name, [&] { return rows.template packed<T>(entry, layer, counted); });
                stream.write_packed<T>(name, packed, counted.underflowed_groups);
            } else {
                stream.write<T>(
                    name, entry.rows(c), entry.columns(c),
                    [&](std::size_t first, matrix<float>& chunk) { rows(entry, layer, first, chunk); }, pack);
            }
        });
    writer.commit();
    return stream.statistics();
}

}  // namespace nibble::gemma3
