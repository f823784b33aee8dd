// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/nn/linear.hpp>
#include <nibble/nn/recipe.hpp>
#include <nibble/nn/seen_weight.hpp>
#include <nibble/nn/trained_weight.hpp>
#include <nibble/numeric/bf16.hpp>
#include <nibble/numeric/random.hpp>
#include <nibble/tensor/backend.hpp>
#include <nibble/tensor/dense_panels.hpp>
#include <nibble/tensor/matrix.hpp>
#include <nibble/tensor/rounded.hpp>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

namespace nibble::detail {

/// Values kept as T: float, f16 or bf16, the gradient passing the rounding as it is.
template <class T>
struct trained_floats {
    static std::string name() { return choice_name<T>(); }
    static learned_parameters initial(cpu /*where*/, matrix_view<float const> /*w*/) { return {}; }

    static std::unique_ptr<seen_weight> see(cpu where, activation_kind kind, trained_matrix const& w,
                                            random_key /*key*/) {
        if (kind != activation_kind::f32) {
            std::vector<T> const stored(w.values.data(), w.values.data() + w.values.rows() * w.values.columns());
            dense_panels<T> panels(w.values.rows(), w.values.columns());
            panels.set_panels(reinterpret_cast<std::byte const*>(stored.data()), 0, panels.panels());
            auto source = [&values = w.values](cpu on) { return rounded_to<T>(on, values); };
            return std::make_unique<seen_panels<dense_panels<T>, decltype(source)>>(kind, std::move(panels), source);
        }
        if constexpr (std::same_as<T, float>) {
            return std::make_unique<seen_values>(matrix_view<float const>(w.values));
        } else {
            return std::make_unique<seen_values>(rounded_to<T>(where, w.values));
        }
    }

    static void rows(cpu where, trained_matrix const& w, std::span<std::uint32_t const> ids, random_key /*key*/,
                     matrix_view<float> to) {
        where.parallel_for(ids.size(), [&](std::size_t begin, std::size_t end) {
            for (std::size_t t = begin; t < end; ++t) {
                auto const row = w.values.row(ids[t]);
                std::transform(row.begin(), row.end(), to.row(t).begin(),
                               [](float v) { return static_cast<float>(T(v)); });
            }
        });
    }

    static matrix_view<float const> activations(cpu where, activation_kind kind, matrix_view<float const> x,
                                                matrix<float>& scratch) {
        if (kind != activation_kind::bf16) {
            return x;
        }
        scratch = rounded_to<bf16>(where, x);
        return scratch;
    }

    static void differentiate(cpu /*where*/, trained_matrix const& /*w*/, random_key /*key*/,
                              trained_matrix& /*gradient*/) {}
};

}  // namespace nibble::detail
