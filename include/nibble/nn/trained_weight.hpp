// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/gemm/activation_values.hpp>
#include <nibble/gemm/dense_product.hpp>
#include <nibble/nn/linear.hpp>
#include <nibble/nn/recipe.hpp>
#include <nibble/numeric/error.hpp>
#include <nibble/numeric/random.hpp>
#include <nibble/quantize/gradient.hpp>
#include <nibble/quantize/learned_step.hpp>
#include <nibble/quantize/quantize.hpp>
#include <nibble/scheme/compose.hpp>
#include <nibble/tensor/backend.hpp>
#include <nibble/tensor/dense_panels.hpp>
#include <nibble/tensor/matrix.hpp>
#include <nibble/tensor/packed_tensor.hpp>
#include <nibble/tensor/repack.hpp>

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>

namespace nibble {

/// What a scheme with learned parameters has beside the weights, or their gradients: [scale rows, groups] each. What
/// the scheme's gradient policy does not learn is empty.
struct learned_parameters {
    matrix<float> scale;
    matrix<float> step;  ///< of a dual scale
    matrix<float> zero;
};

/// A matrix in training, or its gradient, or the state that an optimizer keeps for it.
struct trained_matrix {
    matrix<float> values;  ///< [n, k], as an optimizer moves them; of gradients those of the loss
    learned_parameters learned{};
    std::uint32_t number = 0;  ///< among the tensors of the model; tells its random bits from others'
};

/// The stored values ŵ of a matrix, made for the products of one layer.
class seen_weight {
public:
    virtual ~seen_weight() = default;
    /// y = x · ŵᵀ
    virtual void product(cpu where, matrix_view<float const> x, matrix_view<float> y) const = 0;
    /// ŵ [n, k]
    virtual matrix_view<float const> values(cpu where) = 0;
};

/// How a matrix is stored, as its training sees it: what products see is made by the code that packs the matrix. There
/// is one object a type, so that what trains is compiled once, whatever the recipe.
///   key  draws the bits of stochastic rounding; within a step it is the same for all calls of a matrix
struct trained_format {
    std::string (*name)();
    bool is_quantized;
    bool is_learned;

    /// Learned parameters to begin with.
    learned_parameters (*initial)(cpu where, matrix_view<float const> w);

    /// ŵ, which is not to outlive w. Its products are dense where activations are f32; else they are those of the
    /// kernel that serves the packed matrix, with its bits.
    std::unique_ptr<seen_weight> (*see)(cpu where, activation_kind kind, trained_matrix const& w, random_key key);

    /// Rows ids[t] of ŵ, t by t.
    void (*rows)(cpu where, trained_matrix const& w, std::span<std::uint32_t const> ids, random_key key,
                 matrix_view<float> to);

    /// What products see of x: a view of `scratch` or of x itself.
    matrix_view<float const> (*activations)(cpu where, activation_kind kind, matrix_view<float const> x,
                                            matrix<float>& scratch);

    /// The gradient of ŵ becomes that of w and of what is learned, by the scheme's policy.
    void (*differentiate)(cpu where, trained_matrix const& w, random_key key, trained_matrix& gradient);
};

namespace detail {

/// Row `row` of learned parameters, which belong to rows.
inline learned_parameters learned_row(learned_parameters const& all, std::size_t row) {
    auto const copy = [&](matrix<float> const& m) {
        matrix<float> one(m.rows() == 0 ? 0 : 1, m.columns());
        if (m.rows() != 0) {
            std::copy_n(m.row(row).data(), m.columns(), one.data());
        }
        return one;
    };
    return {copy(all.scale), copy(all.step), copy(all.zero)};
}

/// ŵ as values alone.
class seen_values : public seen_weight {
public:
    explicit seen_values(matrix<float> w) : own_(std::move(w)), view_(own_) {}
    explicit seen_values(matrix_view<float const> w) : view_(w) {}
    void product(cpu where, matrix_view<float const> x, matrix_view<float> y) const override {
        dense_product(where, x, operand::as_is, view_, operand::transposed, y);
    }
    matrix_view<float const> values(cpu /*where*/) override { return view_; }

private:
    matrix<float> own_;
    matrix_view<float const> view_;
};

/// ŵ as the kernels read it, from a matrix that has the values.
template <class Panels, class Source>
class seen_panels : public seen_weight {
public:
    seen_panels(activation_kind kind, Panels panels, Source source)
        : kind_(kind), panels_(std::move(panels)), source_(std::move(source)) {}
    void product(cpu where, matrix_view<float const> x, matrix_view<float> y) const override {
        linear(where, kind_, x, panels_, y);
    }
    matrix_view<float const> values(cpu where) override {
        if (!values_) {
            values_ = source_(where);
        }
        return *values_;
    }

private:
    activation_kind kind_;
    Panels panels_;
    Source source_;
    std::optional<matrix<float>> values_;
};

/// Values rounded to T and back.
template <class T>
matrix<float> rounded_to(cpu where, matrix_view<float const> w) {
    matrix<float> result(w.rows(), w.columns());
    where.parallel_for(w.rows(), [&](std::size_t begin, std::size_t end) {
        std::transform(w.data() + begin * w.columns(), w.data() + end * w.columns(),
                       result.data() + begin * w.columns(), [](float v) { return static_cast<float>(T(v)); });
    });
    return result;
}

template <quantization_scheme S>
struct trained_scheme {
    using gradient_policy = typename S::gradient;
    static constexpr bool is_learned =
        gradient_policy::learns_scale || gradient_policy::learns_step || gradient_policy::learns_zero;

    static packed_tensor<storage_of<S>> pack(cpu where, matrix_view<float const> w,
                                             [[maybe_unused]] learned_parameters const& learned,
                                             [[maybe_unused]] random_key key,
                                             [[maybe_unused]] quantize_options const& options = {}) {
        if constexpr (is_learned) {
            return quantize_at<S>(where, w, learned.scale, learned.zero, learned.step);
        } else if constexpr (rounds_at_random<S>) {
            return quantize<S>(where, w, key, options);
        } else {
            return quantize<S>(where, w, options);
        }
    }

    static matrix<float> values_of(cpu where, matrix_view<float const> w, learned_parameters const& learned,
                                   random_key key, quantize_options const& options = {}) {
        if constexpr (is_learned) {
            return dequantize(where, pack(where, w, learned, key));
        } else if constexpr (rounds_at_random<S>) {
            return fake_quantize<S>(where, w, key, options);
        } else {
            return fake_quantize<S>(where, w, options);
        }
    }

    static std::string name() { return nibble::name<S>(); }

    static learned_parameters initial([[maybe_unused]] cpu where, [[maybe_unused]] matrix_view<float const> w) {
        learned_parameters p;
        if constexpr (is_learned) {
            p.scale = initial_step<S>(where, w);
            if constexpr (gradient_policy::learns_step) {
                p.step = p.scale;
            }
            if constexpr (S::storage::has_zero) {
                p.zero = matrix<float>(p.scale.rows(), p.scale.columns());
            }
        }
        return p;
    }

    static std::unique_ptr<seen_weight> see(cpu where, activation_kind kind, trained_matrix const& w, random_key key) {
        if (kind == activation_kind::f32) {
            return std::make_unique<seen_values>(values_of(where, w.values, w.learned, key));
        }
        auto packed = pack(where, w.values, w.learned, key);
        auto panels = repack(where, packed);
        auto source = [p = std::move(packed)](cpu on) { return dequantize(on, p); };
        return std::make_unique<seen_panels<decltype(panels), decltype(source)>>(kind, std::move(panels),
                                                                                 std::move(source));
    }

    static void rows(cpu where, trained_matrix const& w, std::span<std::uint32_t const> ids, random_key key,
                     matrix_view<float> to) {
        static_assert(S::storage::rows == 1 && !has_matrix_scale<typename S::scale_type>,
                      "nibble: rows of a matrix in training are taken one by one, so its scheme cannot have scales "
                      "that rows share; use per_channel or per_group<N>");
        where.parallel_for(ids.size(), [&](std::size_t begin, std::size_t end) {
            for (std::size_t t = begin; t < end; ++t) {
                matrix_view<float const> const row(w.values.row(ids[t]).data(), 1, w.values.columns());
                auto const seen = values_of(cpu{}, row, learned_row(w.learned, ids[t]), key, {.first_row = ids[t]});
                std::copy_n(seen.data(), seen.columns(), to.row(t).data());
            }
        });
    }

    static matrix_view<float const> activations(cpu where, activation_kind kind, matrix_view<float const> x,
                                                matrix<float>& scratch) {
        if (kind == activation_kind::bf16) {
            scratch = rounded_to<bf16>(where, x);
            return scratch;
        }
        if constexpr (integer_grid<typename storage_of<S>::grid>) {
            if (kind == activation_kind::int8) {
                scratch = int8_activation_values<storage_of<S>>(where, x);
                return scratch;
            }
        }
        return x;
    }

    static void differentiate(cpu where, trained_matrix const& w, random_key key, trained_matrix& gradient) {
        auto const packed = pack(where, w.values, w.learned, key);
        auto g = quantization_gradient<S>(where, w.values, packed, gradient.values, w.learned.step);
        gradient.values = std::move(g.dw);
        auto const or_zeros = [](matrix<float>& d, matrix<float> const& of) {  // stored, but not learned
            return d.rows() == of.rows() ? std::move(d) : matrix<float>(of.rows(), of.columns());
        };
        gradient.learned = {or_zeros(g.dscale, w.learned.scale), or_zeros(g.dstep, w.learned.step),
                            or_zeros(g.dzero, w.learned.zero)};
    }
};

/// Values kept as T: float, f16 or bf16, the gradient passing the rounding as it is.
template <class T>
struct trained_floats {
    static constexpr bool is_learned = false;

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

template <class T>
struct training_of : trained_floats<T> {};
template <quantization_scheme S>
struct training_of<S> : trained_scheme<S> {};

}  // namespace detail

/// Whether scales of S may be learned: each is one number of its own, and codes are the nearest under it.
template <class S>
inline constexpr bool has_learnable_scale = [] {
    if constexpr (quantization_scheme<S>) {
        return S::is_symmetric && !rounds_at_random<S> &&
               std::constructible_from<typename storage_of<S>::scale_type, float>;
    } else {
        return false;
    }
}();

/// S with scales that are learned: Esser et al., "Learned Step Size Quantization", ICLR 2020.
template <quantization_scheme S>
using with_learned_scale = with_gradient<S, learned_step<clip_strict, normalised_per_step>>;

/// The format of what a recipe says: a scheme, float, f16 or bf16.
template <class T>
inline constexpr trained_format trained_as{
    .name = &detail::training_of<T>::name,
    .is_quantized = quantization_scheme<T>,
    .is_learned = detail::training_of<T>::is_learned,
    .initial = &detail::training_of<T>::initial,
    .see = &detail::training_of<T>::see,
    .rows = &detail::training_of<T>::rows,
    .activations = &detail::training_of<T>::activations,
    .differentiate = &detail::training_of<T>::differentiate,
};

}  // namespace nibble
