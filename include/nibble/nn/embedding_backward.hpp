// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/nn/cpu/kernels.hpp>
#include <nibble/nn/cpu/layer_kernels.hpp>
#include <nibble/numeric/error.hpp>
#include <nibble/numeric/isa.hpp>
#include <nibble/tensor/backend.hpp>
#include <nibble/tensor/matrix.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace nibble {

/// The gradient of h = embed(ids, table, scale): for the tokens t in sequence
///   dtable[ids[t], c] = fma(dh[t, c], scale, dtable[ids[t], c])
///   shape   ids [tokens]; dh [tokens, k]; dtable [vocabulary, k], added to
/// Throws nibble::error for an id outside the table or shapes that disagree, before anything is written.
inline void embed_backward(cpu where, std::span<std::uint32_t const> ids, float scale, matrix_view<float const> dh,
                           matrix_view<float> dtable, isa set = best_isa()) {
    for (std::size_t t = 0; t < ids.size(); ++t) {
        if (ids[t] >= dtable.rows()) {
            throw error("token " + std::to_string(t) + " has the id " + std::to_string(ids[t]) +
                        ", but the embedding's gradient has " + std::to_string(dtable.rows()) +
                        " rows; is it another model's token?");
        }
    }
    if (dh.rows() != ids.size() || dh.columns() != dtable.columns()) {
        throw error("embed_backward of " + std::to_string(ids.size()) + " tokens into " +
                    std::to_string(dtable.columns()) + " columns got a gradient of " + std::to_string(dh.rows()) +
                    " x " + std::to_string(dh.columns()) + "; it has a row a token, as wide as the embedding");
    }
    detail::layer_kernels const& kernels = detail::layers(set, "embed_backward");
    constexpr std::size_t block = 64;  // columns of one thread: tokens may share a row, and stay in sequence
    std::size_t const blocks = (dh.columns() + block - 1) / block;
    detail::for_ranges(where, blocks, ids.size() * block, [&](std::size_t begin, std::size_t end) {
        std::size_t const first = begin * block;
        std::size_t const count = (std::min)(dh.columns(), end * block) - first;
        for (std::size_t t = 0; t < ids.size(); ++t) {
            kernels.add_scaled(dh.row(t).data() + first, count, scale, dtable.row(ids[t]).data() + first);
        }
    });
}

}  // namespace nibble
