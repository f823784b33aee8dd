// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "output.hpp"

#include <nibble/gemma3/checkpoint.hpp>
#include <nibble/gemma3/tensor_names.hpp>
#include <nibble/io/stored_tensor.hpp>
#include <nibble/tensor/packed_matrix.hpp>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <type_traits>
#include <vector>

namespace program {

/// How many weights of each quantized matrix have each code, for the page of a run:
/// {"codes": [{"tensor": "blk.0.ffn_up.weight", "scheme": "int4_g32", "counts": [...]}]}.
inline json code_counts_of(std::filesystem::path const& file) {
    namespace nb = nibble;
    auto const source = nb::gemma3::checkpoint::open(file);
    json codes = json::array();
    nb::gemma3::for_each_parameter(
        [&](auto const& entry, std::uint32_t layer, nb::stored_tensor const& t) {
            if constexpr (std::remove_cvref_t<decltype(entry)>::is_matrix) {
                nb::with_view(t, [&]<class View>(View const& view) {
                    if constexpr (nb::packed_matrix<View>) {
                        std::vector<std::uint64_t> counts(std::size_t{1} << View::storage::bits);
                        std::vector<std::uint8_t> row(view.columns());
                        for (std::size_t i = 0; i < view.rows(); ++i) {
                            view.codes(i, 0, row);
                            for (std::uint8_t const code : row) {
                                ++counts[code];
                            }
                        }
                        codes.push_back({{"tensor", nb::gemma3::gguf_name(entry, layer)},
                                         {"scheme", t.format()},
                                         {"counts", counts}});
                    }
                });
            }
        },
        source.tensors());
    return {{"codes", codes}};
}

}  // namespace program
