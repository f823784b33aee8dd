// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/error.hpp>
#include <nibble/scheme/compose.hpp>
#include <nibble/scheme/scale_type.hpp>
#include <nibble/tensor/packed_matrix.hpp>
#include <nibble/tensor/packed_view.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace nibble {

/// A quantized matrix [rows, columns] that owns its bytes, in the order of packed_layout.
template <class Storage>
class packed_tensor {
    static_assert(!quantization_scheme<Storage>,
                  "nibble: a packed_tensor is of a storage, whatever scheme chose its codes; write "
                  "packed_tensor<storage_of<S>>");

public:
    using storage = Storage;
    using layout = packed_layout<Storage>;
    using scale_type = typename Storage::scale_type;
    using zero_type = typename Storage::zero_type;

    packed_tensor() = default;

    /// All codes 0, all scales and zeros 0. Throws nibble::error where the tail is to be rejected.
    packed_tensor(std::size_t rows, std::size_t columns) : layout_{rows, columns} {
        if (!layout_.has_allowed_tail()) {
            throw error("A row of " + std::to_string(columns) + " columns is not a whole number of blocks of " +
                        std::to_string(Storage::block) + "; use a scheme with short_group or another group size.");
        }
        if (!layout_.fits()) {
            throw error("Codes of " + std::to_string(rows) + " x " + std::to_string(columns) +
                        " are more than memory holds; check the two counts.");
        }
        detail::allocate([&] { bytes_.resize(layout_.bytes()); },
                         [&] { return "codes of " + std::to_string(rows) + " x " + std::to_string(columns); });
    }

    packed_view<Storage> view() const { return {bytes_.data(), layout_.rows, layout_.columns}; }
    operator packed_view<Storage>() const { return view(); }

    std::size_t rows() const { return layout_.rows; }
    std::size_t columns() const { return layout_.columns; }
    std::size_t groups() const { return layout_.groups(); }
    static constexpr std::size_t group_of(std::size_t column) { return layout::group_of(column); }
    std::size_t bytes() const { return bytes_.size(); }

    unsigned code(std::size_t row, std::size_t column) const { return view().code(row, column); }
    void codes(std::size_t row, std::size_t first, std::span<std::uint8_t> to) const { view().codes(row, first, to); }
    scale_type scale(std::size_t row, std::size_t group) const { return view().scale(row, group); }
    zero_type zero(std::size_t row, std::size_t group) const { return view().zero(row, group); }
    float decode(std::size_t row, std::size_t column) const { return view().decode(row, column); }

    /// Stores `code` < 2^bits.
    void set_code(std::size_t row, std::size_t column, unsigned code) {
        auto const byte = static_cast<std::uint8_t>(code);
        set_codes(row, column, {&byte, 1});
    }

    /// Stores codes < 2^bits in neighbouring columns of a row, from column `first` on.
    void set_codes(std::size_t row, std::size_t first, std::span<std::uint8_t const> from) {
        layout_.codes().write(bytes_.data(), row, first, from);
    }

    /// The scale and zero of a group of the row, and of the rows that share them.
    void set_scale(std::size_t row, std::size_t group, scale_type scale, zero_type zero) {
        std::size_t const scale_row = layout::scale_row(row);
        layout_.scales().write(bytes_.data() + layout_.scales_at(), scale_row, group, scale);
        layout_.zeros().write(bytes_.data() + layout_.zeros_at(), scale_row, group, zero);
    }

    friend bool operator==(packed_tensor const&, packed_tensor const&) = default;

private:
    layout layout_;
    std::vector<std::byte> bytes_;
};

/// Rows [first, first + count) of a packed matrix in any order of bytes, in storage order. Its rows share no scales.
template <packed_matrix M>
    requires(M::storage::rows == 1 && !has_matrix_scale<typename M::storage::scale_type>)
packed_tensor<typename M::storage> copy_rows(M const& w, std::size_t first, std::size_t count) {
    packed_tensor<typename M::storage> rows(count, w.columns());
    std::vector<std::uint8_t> codes(w.columns());
    for (std::size_t row = 0; row < count; ++row) {
        w.codes(first + row, 0, codes);
        rows.set_codes(row, 0, codes);
        for (std::size_t g = 0; g < w.groups(); ++g) {
            rows.set_scale(row, g, w.scale(first + row, g), w.zero(first + row, g));
        }
    }
    return rows;
}

}  // namespace nibble
