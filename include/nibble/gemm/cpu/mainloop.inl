// SPDX-License-Identifier: Apache-2.0
// No #pragma once: included once per instruction set, in the namespace and target region of its verbs. No lambdas:
// GCC compiles their bodies without the region's target.

/// The codes of quad Q of a chunk, a byte each.
template <int Bits, std::size_t Q, std::size_t... Plane>
inline bytes quad_codes(std::uint8_t const* chunk, std::index_sequence<Plane...>) {
    bytes result = load_bytes(chunk + 64 * (Q % static_cast<std::size_t>(planes_of<Bits>[0].width)));
    result = move_field<static_cast<int>(Q) / planes_of<Bits>[0].width * planes_of<Bits>[0].width, 0,
                        planes_of<Bits>[0].width>(result);
    ((result = merge(
          result, move_field<static_cast<int>(Q) / planes_of<Bits>[Plane + 1].width * planes_of<Bits>[Plane + 1].width,
                             planes_of<Bits>[Plane + 1].first_bit, planes_of<Bits>[Plane + 1].width>(
                      load_bytes(chunk + 64 * (static_cast<std::size_t>(planes_of<Bits>[Plane + 1].first_bit) +
                                               Q % static_cast<std::size_t>(planes_of<Bits>[Plane + 1].width)))))),
     ...);
    return result;
}

template <int Bits, std::size_t Q>
inline bytes quad_codes(std::uint8_t const* chunk) {
    return quad_codes<Bits, Q>(chunk, std::make_index_sequence<planes_of<Bits>.size() - 1>{});
}

/// sum[r][p] += codes of quad Q of chunk p · the same four columns of activation row r
template <int Bits, std::size_t Q, int Rows, int Panels>
inline void dot_quad(ints (&sum)[Rows][Panels], std::uint8_t const* const (&chunk)[Panels], std::int8_t const* x,
                     std::size_t stride) {
    bytes w[Panels];
#pragma GCC unroll 8
    for (int p = 0; p < Panels; ++p) {
        w[p] = quad_codes<Bits, Q>(chunk[p]);
    }
#pragma GCC unroll 8
    for (int r = 0; r < Rows; ++r) {
        bytes const four = repeat_four(x + static_cast<std::size_t>(r) * stride + 4 * Q);
#pragma GCC unroll 8
        for (int p = 0; p < Panels; ++p) {
            sum[r][p] = dot<Bits>(sum[r][p], w[p], four);
        }
    }
}

template <int Bits, std::size_t First, int Rows, int Panels, std::size_t... Q>
inline void dot_quads(ints (&sum)[Rows][Panels], std::uint8_t const* const (&chunk)[Panels], std::int8_t const* x,
                      std::size_t stride, std::index_sequence<Q...>) {
    (dot_quad<Bits, First + Q>(sum, chunk, x, stride), ...);
}

/// Rows x Panels * 16 results of the integer path; segments are added in sequence.
///   acc = fma(float(dot − bias_or_zero · Σx), ws · xs, acc); offset: then acc = fma(offset, xs · float(Σx), acc)
template <class St, int Rows, int Panels>
inline void int8_tile(detail::int8_rows const& x, std::size_t row, cpu_panel_weights<St> const& w, std::size_t panel,
                      floats (&acc)[Rows][Panels]) {
    using layout = cpu_panel<St>;
    using zero_type = typename St::zero_type;
    constexpr bool integer_zero = std::is_integral_v<zero_type>;
    constexpr bool offset_zero = !integer_zero && !std::is_empty_v<zero_type>;
    constexpr std::size_t limit = activation_segments<St>::width_limit;

    std::uint8_t const* codes[Panels];
#pragma GCC unroll 8
    for (int p = 0; p < Panels; ++p) {
        codes[p] = w.codes(panel + static_cast<std::size_t>(p));
#pragma GCC unroll 8
        for (int r = 0; r < Rows; ++r) {
            acc[r][p] = repeat(0.0f);
        }
    }
    std::size_t const groups = layout::groups(x.k);
    std::size_t segment = row * x.segments;
    for (std::size_t g = 0; g < groups; ++g) {
        std::size_t const width = layout::group_width(g, x.k);
        for (std::size_t start = 0; start < width; start += limit, ++segment) {
            ints sum[Rows][Panels];
#pragma GCC unroll 8
            for (int r = 0; r < Rows; ++r) {
                [[maybe_unused]] std::int32_t const total = x.sums[segment + static_cast<std::size_t>(r) * x.segments];
#pragma GCC unroll 8
                for (int p = 0; p < Panels; ++p) {
                    if constexpr (integer_zero) {
                        sum[r][p] = times(load_zeros(w.zeros(panel + static_cast<std::size_t>(p)) + g * 16), -total);
                    } else {
                        sum[r][p] = repeat(-St::bias * total);
                    }
                }
            }
            std::size_t const column = g * layout::group_stride + start;
            std::int8_t const* const a = x.codes.data() + row * x.stride + column;
            std::size_t const columns = width - start < limit ? width - start : limit;
            for (std::size_t c = 0; c < columns; c += layout::chunk_columns) {
                std::uint8_t const* chunk[Panels];
#pragma GCC unroll 8
                for (int p = 0; p < Panels; ++p) {
                    chunk[p] = codes[p] + (column + c) / layout::chunk_columns * layout::chunk_bytes;
                }
                if constexpr (layout::group_stride == 16) {
                    if (column % layout::chunk_columns == 0) {
                        dot_quads<St::bits, 0>(sum, chunk, a, x.stride, std::make_index_sequence<4>{});
                    } else {
                        dot_quads<St::bits, 4>(sum, chunk, a - 16, x.stride, std::make_index_sequence<4>{});
                    }
                } else {
                    dot_quads<St::bits, 0>(sum, chunk, a + c, x.stride, std::make_index_sequence<8>{});
                }
            }
#pragma GCC unroll 8
            for (int p = 0; p < Panels; ++p) {
                floats const ws = load_scales(w.scales(panel + static_cast<std::size_t>(p)) + g * 16);
#pragma GCC unroll 8
                for (int r = 0; r < Rows; ++r) {
                    std::size_t const at = segment + static_cast<std::size_t>(r) * x.segments;
                    acc[r][p] = fused(to_floats(sum[r][p]), multiply(ws, repeat(x.scales[at])), acc[r][p]);
                    if constexpr (offset_zero) {
                        acc[r][p] = fused(load_scales(w.zeros(panel + static_cast<std::size_t>(p)) + g * 16),
                                          repeat(x.scales[at] * static_cast<float>(x.sums[at])), acc[r][p]);
                    }
                }
            }
        }
    }
}

template <int Rows, int Panels>
inline void store_tile(floats const (&acc)[Rows][Panels], std::size_t row, std::size_t panel, matrix_view<float> y) {
    for (int r = 0; r < Rows; ++r) {
        for (int p = 0; p < Panels; ++p) {
            std::size_t const column = (panel + static_cast<std::size_t>(p)) * 16;
            float* const to = y.data() + (row + static_cast<std::size_t>(r)) * y.columns() + column;
            if (y.columns() - column >= 16) {
                store(to, acc[r][p]);
            } else {
                float lanes[16];
                store(lanes, acc[r][p]);
                for (std::size_t lane = 0; lane < y.columns() - column; ++lane) {
                    to[lane] = lanes[lane];
                }
            }
        }
    }
}

template <class St, int Panels>
inline void int8_columns(detail::int8_rows const& x, cpu_panel_weights<St> const& w, std::size_t panel,
                         matrix_view<float> y) {
    std::size_t row = 0;
    for (; row + tile_rows <= y.rows(); row += tile_rows) {
        floats acc[tile_rows][Panels];
        int8_tile<St, tile_rows, Panels>(x, row, w, panel, acc);
        store_tile(acc, row, panel, y);
    }
    for (; row < y.rows(); ++row) {
        floats acc[1][Panels];
        int8_tile<St, 1, Panels>(x, row, w, panel, acc);
        store_tile(acc, row, panel, y);
    }
}

/// The integer path for the panels [begin, end) and every row.
template <class St>
inline void int8_product(detail::int8_rows const& x, cpu_panel_weights<St> const& w, std::size_t begin, std::size_t end,
                         matrix_view<float> y) {
    for (; begin + tile_panels <= end; begin += tile_panels) {
        int8_columns<St, tile_panels>(x, w, begin, y);
    }
    for (; begin < end; ++begin) {
        int8_columns<St, 1>(x, w, begin, y);
    }
}

template <class St>
inline void decode_store(float* to, ints code, floats scale, [[maybe_unused]] ints zero,
                         [[maybe_unused]] floats offset) {
    using zero_type = typename St::zero_type;
    if constexpr (std::is_integral_v<zero_type> || std::is_empty_v<zero_type>) {
        store(to, multiply(to_floats(minus(code, zero)), scale));
    } else {
        store(to, fused(to_floats(code), scale, offset));
    }
}

/// St::decode for the 16 rows of each column of quad Q that is before `columns`.
template <class St, std::size_t Q, std::size_t... I>
inline void decode_quad(std::uint8_t const* chunk, floats scale, ints zero, floats offset, std::size_t columns,
                        float* to, std::index_sequence<I...>) {
    if (4 * Q >= columns) {
        return;
    }
    bytes const codes = quad_codes<St::bits, Q>(chunk);
    ((4 * Q + I < columns
          ? decode_store<St>(to + (4 * Q + I) * 16, byte_of<static_cast<int>(I)>(codes), scale, zero, offset)
          : void()),
     ...);
}

template <class St, std::size_t First, std::size_t... Q>
inline void decode_quads(std::uint8_t const* chunk, floats scale, ints zero, floats offset, std::size_t columns,
                         float* to, std::index_sequence<Q...>) {
    (decode_quad<St, First + Q>(chunk, scale, zero, offset, First * 4 + columns, to - First * 64,
                                std::make_index_sequence<4>{}),
     ...);
}

/// A panel as floats, [column][row of the panel].
template <class St>
inline void decode_panel(cpu_panel_weights<St> const& w, std::size_t panel, float* to) {
    using layout = cpu_panel<St>;
    using zero_type = typename St::zero_type;
    for (std::size_t g = 0; g < w.groups(); ++g) {
        floats const scale = load_scales(w.scales(panel) + g * 16);
        ints zero = repeat(static_cast<std::int32_t>(St::bias));
        floats offset = repeat(0.0f);
        if constexpr (std::is_integral_v<zero_type>) {
            zero = load_zeros(w.zeros(panel) + g * 16);
        } else if constexpr (!std::is_empty_v<zero_type>) {
            offset = load_scales(w.zeros(panel) + g * 16);
        }
        std::size_t const width = layout::group_width(g, w.k());
        for (std::size_t c = 0; c < width; c += layout::chunk_columns) {
            std::size_t const column = g * layout::group_stride + c;
            std::uint8_t const* const chunk = w.codes(panel) + column / layout::chunk_columns * layout::chunk_bytes;
            if (column % layout::chunk_columns == 0) {
                decode_quads<St, 0>(chunk, scale, zero, offset, width - c, to + c * 16, std::make_index_sequence<8>{});
            } else {
                decode_quads<St, 4>(chunk, scale, zero, offset, width - c, to + c * 16, std::make_index_sequence<4>{});
            }
        }
        to += width * 16;
    }
}

/// Rows x 16 results of the float path: chain c mod 4 takes column c, then (a0 + a1) + (a2 + a3).
template <int Rows>
inline void f32_tile(matrix_view<float const> x, std::size_t row, float const* w, floats (&result)[Rows][1]) {
    std::size_t const k = x.columns();
    float const* const a = x.data() + row * k;
    floats acc[Rows][4];
#pragma GCC unroll 8
    for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 4
        for (int i = 0; i < 4; ++i) {
            acc[r][i] = repeat(0.0f);
        }
    }
    std::size_t c = 0;
    for (; c + 4 <= k; c += 4) {
#pragma GCC unroll 4
        for (int i = 0; i < 4; ++i) {
            floats const column = load(w + (c + static_cast<std::size_t>(i)) * 16);
#pragma GCC unroll 8
            for (int r = 0; r < Rows; ++r) {
                float const xi = a[static_cast<std::size_t>(r) * k + c + static_cast<std::size_t>(i)];
                acc[r][i] = fused(repeat(xi), column, acc[r][i]);
            }
        }
    }
#pragma GCC unroll 3
    for (int i = 0; i < 3; ++i) {
        if (c + static_cast<std::size_t>(i) < k) {
            floats const column = load(w + (c + static_cast<std::size_t>(i)) * 16);
#pragma GCC unroll 8
            for (int r = 0; r < Rows; ++r) {
                float const xi = a[static_cast<std::size_t>(r) * k + c + static_cast<std::size_t>(i)];
                acc[r][i] = fused(repeat(xi), column, acc[r][i]);
            }
        }
    }
#pragma GCC unroll 8
    for (int r = 0; r < Rows; ++r) {
        result[r][0] = plus(plus(acc[r][0], acc[r][1]), plus(acc[r][2], acc[r][3]));
    }
}

/// The float path for the panels [begin, end) and every row; scratch holds 16 * k floats.
template <class St>
inline void f32_product(matrix_view<float const> x, cpu_panel_weights<St> const& w, std::size_t begin, std::size_t end,
                        float* scratch, matrix_view<float> y) {
    for (; begin < end; ++begin) {
        decode_panel(w, begin, scratch);
        std::size_t row = 0;
        for (; row + float_rows <= y.rows(); row += float_rows) {
            floats acc[float_rows][1];
            f32_tile<float_rows>(x, row, scratch, acc);
            store_tile(acc, row, begin, y);
        }
        for (; row < y.rows(); ++row) {
            floats acc[1][1];
            f32_tile<1>(x, row, scratch, acc);
            store_tile(acc, row, begin, y);
        }
    }
}
