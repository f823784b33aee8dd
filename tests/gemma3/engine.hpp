// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/gemma3/forward.hpp>
#include <nibble/gemma3/load.hpp>

#include <support/golden_model.hpp>
#include <support/scratch_folder.hpp>

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

// What is compiled for every storage is compiled once, in engine.cpp.
extern template nibble::gemma3::model<> nibble::gemma3::load(nibble::gemma3::checkpoint const&,
                                                             nibble::gemma3::load_options const&);
extern template void nibble::gemma3::forward(nibble::cpu, nibble::gemma3::model<> const&, nibble::gemma3::kv_cache&,
                                             std::span<std::uint32_t const>, nibble::matrix_view<float>);

inline std::vector<std::uint32_t> golden_tokens(golden_model const& golden) {
    auto const tokens = golden.tokens();
    return {tokens.begin(), tokens.end()};
}

/// Σ (a − b)² / Σ b².
inline double normalized_square_error(nibble::matrix<float> const& a, std::vector<float> const& b) {
    double error = 0;
    double power = 0;
    for (std::size_t i = 0; i < b.size(); ++i) {
        double const d = static_cast<double>(a.data()[i]) - static_cast<double>(b[i]);
        error += d * d;
        power += static_cast<double>(b[i]) * static_cast<double>(b[i]);
    }
    return error / power;
}
