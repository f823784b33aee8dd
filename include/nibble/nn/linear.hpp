// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/gemm/gemm.hpp>
#include <nibble/numeric/error.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

namespace nibble {

/// The left operand of a product, chosen at run time: what f32_activations, bf16_activations and int8_activations say.
enum class activation_kind : std::uint8_t { f32, bf16, int8 };

inline constexpr std::array<std::string_view, 3> activation_names{"f32", "bf16", "int8"};

constexpr std::string_view name_of(activation_kind kind) { return activation_names[static_cast<std::size_t>(kind)]; }

/// Throws nibble::error for a word that names none.
inline activation_kind parse_activation_kind(std::string_view word) {
    for (std::size_t i = 0; i < activation_names.size(); ++i) {
        if (activation_names[i] == word) {
            return static_cast<activation_kind>(i);
        }
    }
    throw error("'" + std::string(word) + "' is not a kind of activations; choose f32, bf16 or int8.");
}

/// y[m, n] = epilogue(x[m, k] · decode(w)[n, k]ᵀ), the layer without a bias; `w` is packed or dense panels.
/// It instantiates every kernel of the panels: a program of several files may share the work among them, with
/// `extern template void nibble::linear(…)` where it calls and the line without `extern` in one file.
template <class W, class Epilogue = identity>
void linear(cpu where, activation_kind kind, matrix_view<float const> x, W const& w, matrix_view<float> y,
            Epilogue epilogue = {}) {
    switch (kind) {
    case activation_kind::f32:
        return gemm_into<f32_activations>(where, x, w, y, epilogue);
    case activation_kind::bf16:
        return gemm_into<bf16_activations>(where, x, w, y, epilogue);
    case activation_kind::int8:
        return gemm_into<int8_activations>(where, x, w, y, epilogue);
    }
}

/// The same for a weight whose storage is known at run time only.
template <class... Weights, class Epilogue = identity>
void linear(cpu where, activation_kind kind, matrix_view<float const> x, std::variant<Weights...> const& w,
            matrix_view<float> y, Epilogue epilogue = {}) {
    std::visit([&](auto const& panels) { linear(where, kind, x, panels, y, epilogue); }, w);
}

}  // namespace nibble
