// SPDX-License-Identifier: Apache-2.0
// A part of kernels.inl: the layers' gradients.

/// With v = x (mean(x²) + ε)^(−1/2) and g = dy · factor:  dx = (g − v mean(g v)) (mean(x²) + ε)^(−1/2).
inline void normalize_backward(float const* x, std::size_t rows, std::size_t columns, float const* factor,
                               float epsilon, float const* dy, float* dx, double* dfactor) {
    auto const count = static_cast<double>(columns);
    std::size_t const whole = columns / 16 * 16;
    std::size_t const rest = columns - whole;
    for (std::size_t row = 0; row < rows; ++row, x += columns, dy += columns, dx += columns) {
        doubles products = zero_doubles();
        for (std::size_t i = 0; i < whole; i += 16) {
            products = plus_product(products, load(x + i), multiply(load(dy + i), load(factor + i)));
        }
        if (rest != 0) {
            floats const g = multiply(load_first(dy + whole, rest), load_first(factor + whole, rest));
            products = plus_product(products, load_first(x + whole, rest), g);
        }
        double const root = 1.0 / std::sqrt(sum_of_squares(x, columns) / count + static_cast<double>(epsilon));
        floats const inverse = repeat(static_cast<float>(root));
        floats const minus_mean = repeat(static_cast<float>(-(root * (sum(products) / count))));
        for (std::size_t i = 0; i < whole; i += 16) {
            floats const v = multiply(load(x + i), inverse);
            floats const d = load(dy + i);
            store(dfactor + i, plus_product(load(dfactor + i), d, v));
            store(dx + i, multiply(fused(v, minus_mean, multiply(d, load(factor + i))), inverse));
        }
        if (rest != 0) {
            floats const v = multiply(load_first(x + whole, rest), inverse);
            floats const d = load_first(dy + whole, rest);
            floats const g = multiply(d, load_first(factor + whole, rest));
            store(dfactor + whole, plus_product(load(dfactor + whole), d, v));
            store_first(dx + whole, multiply(fused(v, minus_mean, g), inverse), rest);
        }
    }
}

/// With s = 1 / (1 + e^(−2u)):  gelu_tanh = x s,  gelu_tanh′ = s + x s (1 − s) (2u)′. Beyond ±16 that is 1 and 0, so x
/// is bounded there and nothing overflows; 1 − s = e^(−2u) s keeps its digits where s is near 1.
inline void geglu_gradient(floats gate, floats up, floats dout, floats& dgate, floats& dup) {
    floats const lowest = repeat(detail::gelu_lowest);
    floats const highest = repeat(-detail::gelu_lowest);
    floats const most = repeat((std::numeric_limits<float>::max)());
    floats const bounded = where_less(gate, lowest, lowest, gate);
    floats const x = where_less(highest, bounded, highest, bounded);
    floats const square = multiply(x, x);
    floats const power = exp(multiply(x, fused(repeat(detail::gelu_cubic), square, repeat(detail::gelu_linear))));
    floats const divisor = plus(repeat(1.0f), power);
    floats const s = divide(repeat(1.0f), divisor);
    floats const rest = multiply(where_less(power, most, power, most), s);
    floats const slope = fused(repeat(-3.0f * detail::gelu_cubic), square, repeat(-detail::gelu_linear));
    dgate = multiply(multiply(dout, up), fused(multiply(multiply(x, s), rest), slope, s));
    dup = multiply(dout, divide(bounded, divisor));
}

inline void geglu_backward(float const* gate, float const* up, float const* dout, std::size_t count, float* dgate,
                           float* dup) {
    floats a;
    floats b;
    std::size_t i = 0;
    for (; i + 16 <= count; i += 16) {
        geglu_gradient(load(gate + i), load(up + i), load(dout + i), a, b);
        store(dgate + i, a);
        store(dup + i, b);
    }
    if (i < count) {
        std::size_t const rest = count - i;
        geglu_gradient(load_first(gate + i, rest), load_first(up + i, rest), load_first(dout + i, rest), a, b);
        store_first(dgate + i, a, rest);
        store_first(dup + i, b, rest);
    }
}

inline void softmax_backward(float* weights, float* gradient, std::size_t count, float total, float scale) {
    std::size_t const whole = count / 16 * 16;
    std::size_t const rest = count - whole;
    doubles products = zero_doubles();
    for (std::size_t i = 0; i < whole; i += 16) {
        products = plus_product(products, load(weights + i), load(gradient + i));
    }
    if (rest != 0) {
        products = plus_product(products, load_first(weights + whole, rest), load_first(gradient + whole, rest));
    }
    floats const minus_mean = repeat(static_cast<float>(-(sum(products) / static_cast<double>(total))));
    floats const inverse = repeat(1.0f / total);
    floats const scaled_inverse = repeat(scale / total);
    for (std::size_t i = 0; i < whole; i += 16) {
        floats const w = load(weights + i);
        store(gradient + i, multiply(multiply(w, scaled_inverse), plus(load(gradient + i), minus_mean)));
        store(weights + i, multiply(w, inverse));
    }
    if (rest != 0) {
        floats const w = load_first(weights + whole, rest);
        floats const g = plus(load_first(gradient + whole, rest), minus_mean);
        store_first(gradient + whole, multiply(multiply(w, scaled_inverse), g), rest);
        store_first(weights + whole, multiply(w, inverse), rest);
    }
}

inline void cross_entropy_backward(float* x, std::size_t count, float largest, float factor) {
    floats const shift = repeat(-largest);
    std::size_t i = 0;
    for (; i + 16 <= count; i += 16) {
        store(x + i, multiply(exp(plus(load(x + i), shift)), repeat(factor)));
    }
    if (i < count) {
        store_first(x + i, multiply(exp(plus(load_first(x + i, count - i), shift)), repeat(factor)), count - i);
    }
}

inline floats weights_of(detail::tempered const& of, floats logits) {
    return exp(fused(logits, repeat(of.scale), repeat(of.shift)));
}

inline detail::divergence_sums divergence(detail::tempered teacher, detail::tempered student, std::size_t count) {
    doubles teacher_total = zero_doubles();
    doubles student_total = zero_doubles();
    doubles teacher_moment = zero_doubles();
    doubles student_moment = zero_doubles();
    std::size_t i = 0;
    for (; i + 16 <= count; i += 16) {
        floats const t = load(teacher.logits + i);
        floats const s = load(student.logits + i);
        floats const w = weights_of(teacher, t);
        teacher_total = plus(teacher_total, w);
        student_total = plus(student_total, weights_of(student, s));
        teacher_moment = plus_product(teacher_moment, w, t);
        student_moment = plus_product(student_moment, w, s);
    }
    if (i < count) {
        std::size_t const rest = count - i;
        floats const w = weights_of(teacher, load_logits(teacher.logits + i, rest));
        teacher_total = plus(teacher_total, w);
        student_total = plus(student_total, weights_of(student, load_logits(student.logits + i, rest)));
        teacher_moment = plus_product(teacher_moment, w, load_first(teacher.logits + i, rest));
        student_moment = plus_product(student_moment, w, load_first(student.logits + i, rest));
    }
    return {sum(teacher_total), sum(student_total), sum(teacher_moment), sum(student_moment)};
}

inline void divergence_backward(detail::tempered teacher, float teacher_factor, detail::tempered student,
                                float student_factor, std::size_t count, float* x) {
    floats const less = repeat(-teacher_factor);
    floats const more = repeat(student_factor);
    std::size_t i = 0;
    for (; i + 16 <= count; i += 16) {
        floats const t = multiply(weights_of(teacher, load(teacher.logits + i)), less);
        store(x + i, fused(weights_of(student, load(student.logits + i)), more, t));
    }
    if (i < count) {
        std::size_t const rest = count - i;
        floats const t = multiply(weights_of(teacher, load_first(teacher.logits + i, rest)), less);
        store_first(x + i, fused(weights_of(student, load_first(student.logits + i, rest)), more, t), rest);
    }
}

inline void add_scaled(float const* x, std::size_t count, float factor, float* y) {
    std::size_t i = 0;
    for (; i + 16 <= count; i += 16) {
        store(y + i, fused(load(x + i), repeat(factor), load(y + i)));
    }
    if (i < count) {
        std::size_t const rest = count - i;
        store_first(y + i, fused(load_first(x + i, rest), repeat(factor), load_first(y + i, rest)), rest);
    }
}
