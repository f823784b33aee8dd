// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>

namespace nibble {

/// Quantized codes with their scales and zeros, whatever the order of their bytes: packed_tensor, packed_view, and the
/// blocks of a file.
template <class M>
concept packed_matrix = requires(M const& w, std::span<std::uint8_t> codes) {
    typename M::storage;
    { w.rows() } -> std::same_as<std::size_t>;
    { w.columns() } -> std::same_as<std::size_t>;
    { w.groups() } -> std::same_as<std::size_t>;
    w.codes(std::size_t{}, std::size_t{}, codes);
    { w.scale(std::size_t{}, std::size_t{}) } -> std::same_as<typename M::storage::scale_type>;
    { w.zero(std::size_t{}, std::size_t{}) } -> std::same_as<typename M::storage::zero_type>;
};

/// The values of `to.size()` neighbouring columns of a row from column `first` on, each by the one decode of its
/// storage.
template <packed_matrix M>
void decode_row(M const& w, std::size_t row, std::size_t first, std::span<float> to) {
    using St = typename M::storage;
    std::array<std::uint8_t, 256> codes;
    while (!to.empty()) {
        std::size_t const group = St::group == 0 ? 0 : first / St::group;
        std::size_t const left = St::group == 0 ? to.size() : (group + 1) * St::group - first;
        std::size_t const count = (std::min)({codes.size(), left, to.size()});
        w.codes(row, first, std::span(codes).first(count));
        auto const scale = w.scale(row, group);
        auto const zero = w.zero(row, group);
        for (std::size_t i = 0; i < count; ++i) {
            to[i] = St::decode(codes[i], scale, zero);
        }
        first += count;
        to = to.subspan(count);
    }
}

}  // namespace nibble
