// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/error.hpp>
#include <nibble/tensor/any_weight.hpp>
#include <nibble/tensor/backend.hpp>
#include <nibble/tensor/matrix.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <variant>

namespace nibble {

/// h[t, c] = decode(table)[ids[t], c] · scale: rows of a table, which may also serve as the head's weight.
///   shape   ids [tokens]; table [vocabulary, k]; h [tokens, k]
/// Throws nibble::error for an id outside the table, before anything is written.
template <class W>
void embed(cpu where, std::span<std::uint32_t const> ids, W const& table, float scale, matrix_view<float> h) {
    for (std::size_t t = 0; t < ids.size(); ++t) {
        if (ids[t] >= table.n()) {
            throw error("token " + std::to_string(t) + " has the id " + std::to_string(ids[t]) +
                        ", but the embedding has " + std::to_string(table.n()) + " rows; is it another model's token?");
        }
    }
    if (h.rows() != ids.size() || h.columns() != table.k()) {
        throw error("embed of " + std::to_string(ids.size()) + " tokens into " + std::to_string(table.k()) +
                    " columns got a result of " + std::to_string(h.rows()) + " x " + std::to_string(h.columns()));
    }
    where.parallel_for(ids.size(), [&](std::size_t begin, std::size_t end) {
        for (std::size_t t = begin; t < end; ++t) {
            for (std::size_t c = 0; c < h.columns(); ++c) {
                h(t, c) = table.decode(ids[t], c) * scale;
            }
        }
    });
}

template <class... Weights>
void embed(cpu where, std::span<std::uint32_t const> ids, std::variant<Weights...> const& table, float scale,
           matrix_view<float> h) {
    std::visit([&](auto const& panels) { embed(where, ids, panels, scale, h); }, table);
}

}  // namespace nibble
