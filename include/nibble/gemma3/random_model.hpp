// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/gemma3/configuration.hpp>
#include <nibble/gemma3/export.hpp>
#include <nibble/gemma3/random_vocabulary.hpp>
#include <nibble/gemma3/tensor_names.hpp>
#include <nibble/numeric/random.hpp>
#include <nibble/tensor/backend.hpp>
#include <nibble/tensor/matrix.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>

namespace nibble::gemma3 {

/// The values of a model that has learned nothing, any rows of any tensor: a pure function of seed, tensor and element.
///   z        b0 + b1 + b2 + b3 − 510, the bytes of a random word: about normal, variance (256² − 1) / 3, |z| <= 510
///   weights  z scaled to the variance 1 / columns: a product keeps the variance of its input, and logits have about 1
///   norms    1 + z / 1024, between 0.5 and 1.5
class random_rows {
public:
    random_rows(configuration const& c, std::uint64_t seed) : configuration_(c), seed_(seed) {}

    template <class Role>
    void operator()(tensor_entry<Role> const& entry, std::uint32_t layer, std::size_t first_row,
                    matrix<float>& chunk) const {
        constexpr double variance = (256.0 * 256.0 - 1) / 3;
        double const columns = static_cast<double>(chunk.columns());
        float const scale = entry.is_matrix ? static_cast<float>(1 / std::sqrt(variance * columns)) : 0x1p-10f;
        fill({.seed = seed_, .tensor = number_of(entry, layer)}, std::uint64_t{first_row} * chunk.columns(), scale,
             entry.is_matrix ? 0.0f : 1.0f, {chunk.data(), chunk.rows() * chunk.columns()});
    }

private:
    /// The place of a tensor in the order of a file; a head of its own is behind all others.
    template <class Role>
    std::uint32_t number_of(tensor_entry<Role> const& wanted, std::uint32_t layer) const {
        std::uint32_t number = 0;
        bool found = false;
        for_each_tensor(configuration_, [&](auto const& entry, std::uint32_t at) {
            found = found || (entry.gguf == wanted.gguf && at == layer);
            number += found ? 0u : 1u;
        });
        return number;
    }

    static float value(std::uint32_t word, float scale, float middle) {
        std::uint32_t const pairs = (word & 0x00ff00ffu) + (word >> 8 & 0x00ff00ffu);
        auto const sum = static_cast<std::int32_t>((pairs & 0xffffu) + (pairs >> 16)) - 510;
        // Of a norm the product is exact, of a weight the sum: one rounding, with fma or without.
        return middle + scale * static_cast<float>(sum);
    }

    /// Elements from `first` on.
    static void fill(random_key key, std::uint64_t first, float scale, float middle, std::span<float> to) {
        for (std::size_t i = 0; i < to.size();) {
            std::uint64_t const element = first + i;
            philox_block const block = random_block(key, element / 4);
            if (element % 4 == 0 && to.size() - i >= 4) {
                for (std::size_t word = 0; word < 4; ++word) {
                    to[i + word] = value(block.words[word], scale, middle);
                }
                i += 4;
            } else {
                to[i++] = value(block.words[element % 4], scale, middle);
            }
        }
    }

    configuration configuration_;
    std::uint64_t seed_;
};

/// Writes a random model of any size as a GGUF file, to measure and to test with where no trained one is at hand.
template <auto Recipe>
export_statistics make_model(cpu where, configuration const& c, std::uint64_t seed, std::filesystem::path const& path,
                             export_options const& options = {}) {
    validate(c);
    return write_gguf<Recipe>(where, path, c, random_vocabulary(c.vocabulary), random_rows(c, seed), options);
}

}  // namespace nibble::gemma3
