// SPDX-License-Identifier: Apache-2.0
// No #pragma once: included once per instruction set, in the namespace and target region of its verbs. No lambdas:
// GCC compiles their bodies without the region's target.

/// nibble::exp in every lane, bit for bit where the result is a normal number; 0 below the smallest of them.
inline floats exp(floats x) {
    floats const shifter = repeat(0x1.8p23f);
    floats const shifted = fused(x, repeat(0x1.715476p0f), shifter);
    floats const minus_n = negative(plus(shifted, negative(shifter)));
    floats const partial = fused(minus_n, repeat(0x1.62e4p-1f), x);
    floats const r = fused(minus_n, repeat(0x1.7f7d1cp-20f), partial);
    floats p = repeat(1.9875691500e-4f);
    p = fused(p, r, repeat(1.3981999507e-3f));
    p = fused(p, r, repeat(8.3334519073e-3f));
    p = fused(p, r, repeat(4.1665795894e-2f));
    p = fused(p, r, repeat(1.6666665459e-1f));
    p = fused(p, r, repeat(5.0000001201e-1f));
    p = plus(fused(p, multiply(r, r), r), repeat(1.0f));
    floats const normal = add_to_exponent(p, shifted);
    floats const finite = where_less(x, repeat(detail::smallest_exp_argument), repeat(0.0f), normal);
    // From there up, x · infinity: infinity, and NaN for NaN, which is less than nothing.
    floats const infinite = multiply(x, repeat(std::numeric_limits<float>::infinity()));
    return where_less(x, repeat(detail::infinite_exp_argument), finite, infinite);
}

/// nibble::gelu_tanh in every lane, bit for bit.
inline floats gelu_tanh(floats x) {
    floats const lowest = repeat(detail::gelu_lowest);
    floats const bounded = where_less(x, lowest, lowest, x);
    floats const slope = fused(repeat(detail::gelu_cubic), multiply(bounded, bounded), repeat(detail::gelu_linear));
    return divide(bounded, plus(repeat(1.0f), exp(multiply(bounded, slope))));
}

inline void geglu(float const* gate, float const* up, std::size_t count, float* out) {
    std::size_t i = 0;
    for (; i + 16 <= count; i += 16) {
        store(out + i, multiply(gelu_tanh(load(gate + i)), load(up + i)));
    }
    if (i < count) {
        std::size_t const rest = count - i;
        store_first(out + i, multiply(gelu_tanh(load_first(gate + i, rest)), load_first(up + i, rest)), rest);
    }
}

inline double sum_of_squares(float const* x, std::size_t count) {
    doubles total = zero_doubles();
    std::size_t i = 0;
    for (; i + 16 <= count; i += 16) {
        floats const values = load(x + i);
        total = plus_product(total, values, values);
    }
    if (i < count) {
        floats const values = load_first(x + i, count - i);
        total = plus_product(total, values, values);
    }
    return sum(total);
}

template <bool Add>
inline floats scaled(floats x, floats inverse, floats factor, floats y) {
    if constexpr (Add) {
        return fused(multiply(x, inverse), factor, y);
    } else {
        return multiply(multiply(x, inverse), factor);
    }
}

template <bool Add>
inline void normalize(float const* x, std::size_t rows, std::size_t columns, float const* factor, float epsilon,
                      float* y) {
    for (std::size_t row = 0; row < rows; ++row, x += columns, y += columns) {
        double const mean = sum_of_squares(x, columns) / static_cast<double>(columns);
        floats const inverse = repeat(static_cast<float>(1.0 / std::sqrt(mean + static_cast<double>(epsilon))));
        std::size_t i = 0;
        for (; i + 16 <= columns; i += 16) {
            store(y + i, scaled<Add>(load(x + i), inverse, load(factor + i), load(y + i)));
        }
        if (i < columns) {
            std::size_t const rest = columns - i;
            store_first(
                y + i,
                scaled<Add>(load_first(x + i, rest), inverse, load_first(factor + i, rest), load_first(y + i, rest)),
                rest);
        }
    }
}

/// x = x c − y s, y = y c + x s: one product rounded, then one fused.
inline void rotate_pair(floats& x, floats& y, floats c, floats s) {
    floats const first = x;
    x = fused(first, c, negative(multiply(y, s)));
    y = fused(y, c, multiply(first, s));
}

inline void rotate(float* x, std::size_t heads, std::size_t head_dim, float const* cosines, float const* sines) {
    std::size_t const half = head_dim / 2;
    for (std::size_t head = 0; head < heads; ++head, x += head_dim) {
        std::size_t i = 0;
        for (; i + 16 <= half; i += 16) {
            floats a = load(x + i);
            floats b = load(x + half + i);
            rotate_pair(a, b, load(cosines + i), load(sines + i));
            store(x + i, a);
            store(x + half + i, b);
        }
        if (i < half) {
            std::size_t const rest = half - i;
            floats a = load_first(x + i, rest);
            floats b = load_first(x + half + i, rest);
            rotate_pair(a, b, load_first(cosines + i, rest), load_first(sines + i, rest));
            store_first(x + i, a, rest);
            store_first(x + half + i, b, rest);
        }
    }
}

template <class T>
inline floats load_first(T const* from, std::size_t count) {
    T lanes[16]{};
    for (std::size_t i = 0; i < count; ++i) {
        lanes[i] = from[i];
    }
    return load_scales(lanes);
}

template <bool Whole, class T>
inline floats load_columns(T const* from, std::size_t count) {
    if constexpr (Whole) {
        return load_scales(from);
    } else {
        return load_first(from, count);
    }
}

/// scales + i, where T is a code; else there are none.
template <class T>
inline float const* scales_from(float const* scales, std::size_t i) {
    return std::is_same_v<T, signed_code<8>> ? scales + i : nullptr;
}

/// Columns of a key or value, whose scale is `scale[0]` where T is a code.
template <bool Whole, class T>
inline floats decode_columns(T const* from, float const* scale, std::size_t count) {
    if constexpr (std::is_same_v<T, signed_code<8>>) {
        return multiply(load_columns<Whole>(from, count), repeat(*scale));
    } else {
        return load_columns<Whole>(from, count);
    }
}

/// sum[h][k] += queries[h] · keys[k] over one vector of columns
template <int Heads, int Keys, bool Whole, class T>
inline void dot_columns(floats (&sum)[Heads][Keys], float const* queries, T const* keys, float const* scales,
                        std::size_t head_dim, std::size_t count) {
    floats q[Heads];
#pragma GCC unroll 8
    for (int h = 0; h < Heads; ++h) {
        q[h] = load_columns<Whole>(queries + static_cast<std::size_t>(h) * head_dim, count);
    }
#pragma GCC unroll 8
    for (int k = 0; k < Keys; ++k) {
        floats const key = decode_columns<Whole>(keys + static_cast<std::size_t>(k) * head_dim,
                                                 scales_from<T>(scales, static_cast<std::size_t>(k)), count);
#pragma GCC unroll 8
        for (int h = 0; h < Heads; ++h) {
            sum[h][k] = fused(q[h], key, sum[h][k]);
        }
    }
}

template <int Heads, int Keys, class T>
inline void dot_tile(floats (&sum)[Heads][Keys], float const* queries, T const* keys, float const* scales,
                     std::size_t head_dim) {
#pragma GCC unroll 8
    for (int h = 0; h < Heads; ++h) {
#pragma GCC unroll 8
        for (int k = 0; k < Keys; ++k) {
            sum[h][k] = repeat(0.0f);
        }
    }
    std::size_t d = 0;
    for (; d + 16 <= head_dim; d += 16) {
        dot_columns<Heads, Keys, true>(sum, queries + d, keys + d, scales, head_dim, 16);
    }
    if (d < head_dim) {
        dot_columns<Heads, Keys, false>(sum, queries + d, keys + d, scales, head_dim, head_dim - d);
    }
}

/// dots[h][k] for `count` keys that follow each other: lane d mod 16 takes column d, then the tree over lanes.
template <int Heads, class T>
inline void dot_keys(float const* queries, T const* keys, float const* scales, std::size_t head_dim, std::size_t count,
                     float* dots, std::size_t stride) {
    std::size_t k = 0;
    for (; k + 4 <= count; k += 4) {
        floats tile[Heads][4];
        dot_tile<Heads, 4>(tile, queries, keys + k * head_dim, scales_from<T>(scales, k), head_dim);
#pragma GCC unroll 8
        for (int h = 0; h < Heads; ++h) {
            store_sums(dots + static_cast<std::size_t>(h) * stride + k, tile[h]);
        }
    }
    for (; k < count; ++k) {
        floats tile[Heads][1];
        dot_tile<Heads, 1>(tile, queries, keys + k * head_dim, scales_from<T>(scales, k), head_dim);
#pragma GCC unroll 8
        for (int h = 0; h < Heads; ++h) {
            dots[static_cast<std::size_t>(h) * stride + k] = sum(tile[h][0]);
        }
    }
}

template <class T>
inline void attention_dots(detail::attention_task<T> const& task, std::size_t first, std::size_t last, float* dots,
                           std::size_t stride) {
    std::size_t const dim = task.head_dim;
    constexpr std::size_t block = 16;  // keys that stay in the first cache for all heads
    while (first < last) {
        std::size_t const slot = (task.begin + first) % task.capacity;
        std::size_t const count = (std::min)({block, last - first, task.capacity - slot});
        T const* const keys = task.keys + slot * dim;
        float const* const scales = scales_from<T>(task.key_scales, slot);
        std::size_t h = 0;
        if constexpr (dot_heads == 4) {
            for (; h + 4 <= task.heads; h += 4) {
                dot_keys<4>(task.queries + h * dim, keys, scales, dim, count, dots + h * stride + first, stride);
            }
            for (; h + 2 <= task.heads; h += 2) {
                dot_keys<2>(task.queries + h * dim, keys, scales, dim, count, dots + h * stride + first, stride);
            }
        }
        for (; h < task.heads; ++h) {
            dot_keys<1>(task.queries + h * dim, keys, scales, dim, count, dots + h * stride + first, stride);
        }
        first += count;
    }
}

inline float largest(float const* x, std::size_t count) {
    floats most = repeat(-std::numeric_limits<float>::infinity());
    std::size_t i = 0;
    for (; i + 16 <= count; i += 16) {
        most = maximum(load(x + i), most);
    }
    float lanes[16];
    store(lanes, most);
    for (; i < count; ++i) {
        lanes[0] = (std::max)(lanes[0], x[i]);
    }
    return *std::max_element(lanes, lanes + 16);
}

/// Lane i mod 16 takes weight i, then the tree over lanes.
inline float softmax_weights(float* x, std::size_t count, float scale) {
    floats const shift = repeat(-(largest(x, count) * scale));
    std::fill(x + count, x + (count + 15) / 16 * 16, -std::numeric_limits<float>::infinity());
    floats total = repeat(0.0f);
    for (std::size_t i = 0; i < count; i += 16) {
        floats const weight = exp(fused(load(x + i), repeat(scale), shift));
        store(x + i, weight);
        total = plus(total, weight);
    }
    return sum(total);
}

/// Heads x Vectors · 16 columns of the output, positions in sequence.
template <int Heads, int Vectors, bool Whole, class T>
inline void weigh_tile(detail::attention_task<T> const& task, float const* weights, std::size_t stride,
                       float const* totals, std::size_t column, float* out) {
    std::size_t const dim = task.head_dim;
    floats sum[Heads][Vectors];
#pragma GCC unroll 8
    for (int h = 0; h < Heads; ++h) {
#pragma GCC unroll 8
        for (int c = 0; c < Vectors; ++c) {
            sum[h][c] = repeat(0.0f);
        }
    }
    for (std::size_t i = 0; i < task.visible;) {
        std::size_t const slot = (task.begin + i) % task.capacity;
        std::size_t const end = (std::min)(task.visible, i + task.capacity - slot);
        T const* value = task.values + slot * dim + column;
        for (std::size_t at = slot; i < end; ++i, ++at, value += dim) {
            float const* const scale = scales_from<T>(task.value_scales, at);
            floats row[Vectors];
#pragma GCC unroll 8
            for (int c = 0; c < Vectors; ++c) {
                row[c] = decode_columns<Whole>(value + 16 * c, scale, dim - column);
            }
#pragma GCC unroll 8
            for (int h = 0; h < Heads; ++h) {
                floats const weight = repeat(weights[static_cast<std::size_t>(h) * stride + i]);
#pragma GCC unroll 8
                for (int c = 0; c < Vectors; ++c) {
                    sum[h][c] = fused(weight, row[c], sum[h][c]);
                }
            }
        }
    }
#pragma GCC unroll 8
    for (int h = 0; h < Heads; ++h) {
        float* const to = out + static_cast<std::size_t>(h) * dim + column;
        floats const total = repeat(totals[h]);
#pragma GCC unroll 8
        for (int c = 0; c < Vectors; ++c) {
            if constexpr (Whole) {
                store(to + 16 * c, divide(sum[h][c], total));
            } else {
                store_first(to, divide(sum[h][c], total), dim - column);
            }
        }
    }
}

template <int Heads, class T>
inline void weigh_heads(detail::attention_task<T> const& task, float const* weights, std::size_t stride,
                        float const* totals, std::size_t first, std::size_t last, float* out) {
    constexpr std::size_t tile = 16 * static_cast<std::size_t>(value_vectors);
    for (; first + tile <= last; first += tile) {
        weigh_tile<Heads, value_vectors, true>(task, weights, stride, totals, first, out);
    }
    for (; first + 16 <= last; first += 16) {
        weigh_tile<Heads, 1, true>(task, weights, stride, totals, first, out);
    }
    if (first < last) {
        weigh_tile<Heads, 1, false>(task, weights, stride, totals, first, out);
    }
}

template <class T>
inline void attention_values(detail::attention_task<T> const& task, float const* weights, std::size_t stride,
                             float const* totals, std::size_t first, std::size_t last, float* out) {
    std::size_t const dim = task.head_dim;
    std::size_t h = 0;
    for (; h + 4 <= task.heads; h += 4) {
        weigh_heads<4>(task, weights + h * stride, stride, totals + h, first, last, out + h * dim);
    }
    for (; h + 2 <= task.heads; h += 2) {
        weigh_heads<2>(task, weights + h * stride, stride, totals + h, first, last, out + h * dim);
    }
    for (; h < task.heads; ++h) {
        weigh_heads<1>(task, weights + h * stride, stride, totals + h, first, last, out + h * dim);
    }
}

/// The first count < 16 lanes, −infinity in the others: they have no weight.
inline floats load_logits(float const* from, std::size_t count) {
    float lanes[16];
    store(lanes, repeat(-std::numeric_limits<float>::infinity()));
    std::copy_n(from, count, lanes);
    return load(lanes);
}

inline double sum_of_exp(float const* x, std::size_t count, float most) {
    floats const shift = repeat(-most);
    doubles total = zero_doubles();
    std::size_t i = 0;
    for (; i + 16 <= count; i += 16) {
        total = plus(total, exp(plus(load(x + i), shift)));
    }
    if (i < count) {
        total = plus(total, exp(plus(load_logits(x + i, count - i), shift)));
    }
    return sum(total);
}

#include <nibble/nn/cpu/backward.inl>

inline constexpr detail::layer_kernels layers{{attention_dots<float>, attention_values<float>},
                                              {attention_dots<f16>, attention_values<f16>},
                                              {attention_dots<bf16>, attention_values<bf16>},
                                              {attention_dots<signed_code<8>>, attention_values<signed_code<8>>},
                                              geglu,
                                              normalize<false>,
                                              normalize<true>,
                                              rotate,
                                              softmax_weights,
                                              largest,
                                              sum_of_exp,
                                              normalize_backward,
                                              geglu_backward,
                                              softmax_backward,
                                              cross_entropy_backward,
                                              divergence,
                                              divergence_backward,
                                              add_scaled};
