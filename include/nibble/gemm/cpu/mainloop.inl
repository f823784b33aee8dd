// SPDX-License-Identifier: Apache-2.0
// No #pragma once: included once per instruction set, in the namespace and target region of its verbs. No lambdas:
// GCC compiles their bodies without the region's target. The vector sets define NIBBLE_TILE_INLINE as always_inline:
// what a tile keeps in registers must not pass through a call, whatever the compiler thinks of the size of a program.

/// The codes of quad Q of a chunk, a byte each.
template <int Bits, std::size_t Q, std::size_t... Plane>
NIBBLE_TILE_INLINE bytes quad_codes(std::uint8_t const* chunk, std::index_sequence<Plane...>) {
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
NIBBLE_TILE_INLINE bytes quad_codes(std::uint8_t const* chunk) {
    return quad_codes<Bits, Q>(chunk, std::make_index_sequence<planes_of<Bits>.size() - 1>{});
}

/// The unsigned numbers that integer arithmetic reads: the codes, or what the grid's table has for them.
template <class St, std::size_t Q>
NIBBLE_TILE_INLINE bytes quad_numbers(std::uint8_t const* chunk) {
    if constexpr (St::grid::integers.has_table) {
        return look_up(quad_codes<St::bits, Q>(chunk), St::grid::integers.table.data());
    } else {
        return quad_codes<St::bits, Q>(chunk);
    }
}

/// The bits of those numbers.
template <class St>
inline constexpr int number_bits = St::grid::integers.has_table ? 8 : St::bits;

/// Scales or offsets of the 16 rows in group g.
template <class T>
NIBBLE_TILE_INLINE floats load_factors(panel_factors<T> const& from, std::size_t g) {
    if constexpr (is_two_level<T>) {
        return multiply(load_scales(from.fines + g * 16), load_scales(from.supers + from.super_of(g) * 16));
    } else {
        return load_scales(from.values + g * 16);
    }
}

/// Asks for the chunk a page behind this one: the processor's own prefetch ends with the page it is in.
template <class St>
NIBBLE_TILE_INLINE void prefetch_chunk(std::uint8_t const* chunk) {
#pragma GCC unroll 8
    for (std::size_t line = 0; line < cpu_panel<St>::chunk_bytes; line += 64) {
        prefetch(chunk + 4096 + line);
    }
}

/// sum[r][p] += numbers of quad Q of chunk p · the same four columns of activation row r
template <class St, std::size_t Q, int Rows, int Panels>
NIBBLE_TILE_INLINE void dot_quad(ints (&sum)[Rows][Panels], std::uint8_t const* const (&chunk)[Panels],
                                 std::int8_t const* x, std::size_t stride) {
    bytes w[Panels];
#pragma GCC unroll 8
    for (int p = 0; p < Panels; ++p) {
        w[p] = quad_numbers<St, Q>(chunk[p]);
    }
#pragma GCC unroll 8
    for (int r = 0; r < Rows; ++r) {
        bytes const four = repeat_four(x + static_cast<std::size_t>(r) * stride + 4 * Q);
#pragma GCC unroll 8
        for (int p = 0; p < Panels; ++p) {
            sum[r][p] = dot<number_bits<St>>(sum[r][p], w[p], four);
        }
    }
}

template <class St, std::size_t First, int Rows, int Panels, std::size_t... Q>
NIBBLE_TILE_INLINE void dot_quads(ints (&sum)[Rows][Panels], std::uint8_t const* const (&chunk)[Panels],
                                  std::int8_t const* x, std::size_t stride, std::index_sequence<Q...>) {
    (dot_quad<St, First + Q>(sum, chunk, x, stride), ...);
}

/// Rows x Panels * 16 results of the integer path; segments are added in sequence.
///   acc = fma(float(factor · dot − bias_or_zero · Σx), unit · ws · xs, acc); offset: then acc = fma(offset, xs ·
///   float(Σx), acc); factor, bias and unit are the grid's integer_levels
template <class St, int Rows, int Panels>
NIBBLE_TILE_INLINE void int8_tile(detail::int8_rows const& x, std::size_t row, cpu_panel_weights<St> const& w,
                                  std::size_t panel, floats (&acc)[Rows][Panels]) {
    using layout = cpu_panel<St>;
    constexpr integer_levels levels = St::grid::integers;
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
                    if constexpr (St::has_zero_point) {
                        sum[r][p] =
                            times(load_zeros(w.zeros(panel + static_cast<std::size_t>(p)).values + g * 16), -total);
                    } else {
                        sum[r][p] = repeat(levels.factor == 1 ? -levels.bias * total : 0);
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
                        dot_quads<St, 0>(sum, chunk, a, x.stride, std::make_index_sequence<4>{});
                    } else {
                        dot_quads<St, 4>(sum, chunk, a - 16, x.stride, std::make_index_sequence<4>{});
                    }
                } else {
                    dot_quads<St, 0>(sum, chunk, a + c, x.stride, std::make_index_sequence<8>{});
                }
            }
#pragma GCC unroll 8
            for (int p = 0; p < Panels; ++p) {
                floats ws = load_factors(w.scales(panel + static_cast<std::size_t>(p)), g);
                if constexpr (levels.unit != 1.0f) {
                    ws = multiply(repeat(levels.unit), ws);
                }
#pragma GCC unroll 8
                for (int r = 0; r < Rows; ++r) {
                    std::size_t const at = segment + static_cast<std::size_t>(r) * x.segments;
                    if constexpr (levels.factor != 1) {
                        sum[r][p] = add(times(sum[r][p], levels.factor), repeat(-levels.bias * x.sums[at]));
                    }
                    acc[r][p] = fused(to_floats(sum[r][p]), multiply(ws, repeat(x.scales[at])), acc[r][p]);
                    if constexpr (St::has_offset) {
                        acc[r][p] = fused(load_factors(w.zeros(panel + static_cast<std::size_t>(p)), g),
                                          repeat(x.scales[at] * static_cast<float>(x.sums[at])), acc[r][p]);
                    }
                }
            }
        }
    }
}

template <int Rows, int Panels>
NIBBLE_TILE_INLINE void store_tile(floats const (&acc)[Rows][Panels], std::size_t row, std::size_t panel,
                                   matrix_view<float> y) {
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

/// What every code of a group is decoded with, for the 16 rows of a panel.
struct group_decode {
    floats scale;
    ints zero;
    floats offset;
};

/// The levels of 16 codes, or under a zero point the codes minus it.
template <class St>
NIBBLE_TILE_INLINE floats levels_of(ints number, ints zero) {
    if constexpr (!integer_grid<typename St::grid>) {
        return look_up<1 << St::bits>(number, detail::level_table<St>.data());
    } else {
        constexpr integer_levels levels = St::grid::integers;
        if constexpr (levels.factor != 1) {
            number = times(number, levels.factor);
        }
        floats const level = to_floats(minus(number, zero));
        if constexpr (levels.unit != 1.0f) {
            return multiply(repeat(levels.unit), level);
        } else {
            return level;
        }
    }
}

template <class St>
NIBBLE_TILE_INLINE void decode_store(float* to, ints number, group_decode const& group) {
    if constexpr (St::has_offset) {
        store(to, fused(levels_of<St>(number, group.zero), group.scale, group.offset));
    } else {
        store(to, multiply(levels_of<St>(number, group.zero), group.scale));
    }
}

/// The codes of a quad as levels_of takes them.
template <class St, std::size_t Q>
NIBBLE_TILE_INLINE bytes decodable_quad(std::uint8_t const* chunk) {
    if constexpr (integer_grid<typename St::grid>) {
        return quad_numbers<St, Q>(chunk);
    } else {
        return quad_codes<St::bits, Q>(chunk);
    }
}

/// St::decode for the 16 rows of the first `columns` columns of quad Q.
template <class St, std::size_t Q, std::size_t... I>
NIBBLE_TILE_INLINE void decode_quad(std::uint8_t const* chunk, group_decode const& group, std::size_t columns,
                                    float* to, std::index_sequence<I...>) {
    bytes const codes = decodable_quad<St, Q>(chunk);
    ((I < columns ? decode_store<St>(to + I * 16, byte_of<static_cast<int>(I)>(codes), group) : void()), ...);
}

template <class St, std::size_t First, std::size_t... Q>
NIBBLE_TILE_INLINE void decode_quads(std::uint8_t const* chunk, group_decode const& group, std::size_t columns,
                                     float* to, std::index_sequence<Q...>) {
    ((4 * Q < columns
          ? decode_quad<St, First + Q>(chunk, group, columns - 4 * Q, to + Q * 64, std::make_index_sequence<4>{})
          : void()),
     ...);
}

template <class St>
NIBBLE_TILE_INLINE group_decode load_group(cpu_panel_weights<St> const& w, std::size_t panel, std::size_t g) {
    group_decode group = {load_factors(w.scales(panel), g), repeat(std::int32_t{0}), repeat(0.0f)};
    if constexpr (St::has_zero_point) {
        group.zero = load_zeros(w.zeros(panel).values + g * 16);
    } else if constexpr (integer_grid<typename St::grid>) {
        group.zero = repeat(static_cast<std::int32_t>(St::grid::integers.bias));
    }
    if constexpr (St::has_offset) {
        group.offset = load_factors(w.zeros(panel), g);
    }
    return group;
}

/// Columns [c, min(c + 32, width)) of group g as floats, [column][row of the panel].
template <class St>
NIBBLE_TILE_INLINE void decode_chunk(cpu_panel_weights<St> const& w, std::size_t panel, std::size_t g, std::size_t c,
                                     group_decode const& group, float* to) {
    using layout = cpu_panel<St>;
    std::size_t const columns = layout::group_width(g, w.k()) - c;
    std::size_t const padded = g * layout::group_stride + c;
    std::uint8_t const* const chunk = w.codes(panel) + padded / layout::chunk_columns * layout::chunk_bytes;
    if (padded % layout::chunk_columns == 0) {
        decode_quads<St, 0>(chunk, group, columns, to, std::make_index_sequence<8>{});
    } else {
        decode_quads<St, 4>(chunk, group, columns, to, std::make_index_sequence<4>{});
    }
}

/// A panel as floats, [column][row of the panel].
template <class St>
inline void decode_panel(cpu_panel_weights<St> const& w, std::size_t panel, float* to) {
    using layout = cpu_panel<St>;
    for (std::size_t g = 0; g < w.groups(); ++g) {
        group_decode const group = load_group(w, panel, g);
        std::size_t const width = layout::group_width(g, w.k());
        for (std::size_t c = 0; c < width; c += layout::chunk_columns) {
            decode_chunk(w, panel, g, c, group, to + c * 16);
        }
        to += width * 16;
    }
}

template <class T>
inline void decode_panel(dense_panels<T> const& w, std::size_t panel, float* to) {
    T const* const from = w.values(panel);
    for (std::size_t c = 0; c < w.k(); c += 2) {
        store(to + c * 16, load_column<0>(from + c * 16));
        if (c + 1 < w.k()) {
            store(to + c * 16 + 16, load_column<1>(from + c * 16));
        }
    }
}

/// The four chains of the float path: chain c mod 4 takes column c.
template <int Rows>
struct chains {
    floats acc[Rows][4];
};

template <int Rows>
NIBBLE_TILE_INLINE void clear(chains<Rows>& sum) {
#pragma GCC unroll 8
    for (int r = 0; r < Rows; ++r) {
#pragma GCC unroll 4
        for (int i = 0; i < 4; ++i) {
            sum.acc[r][i] = repeat(0.0f);
        }
    }
}

/// w: the pair of columns that the column belongs to.
template <int Chain, int Rows, class T>
NIBBLE_TILE_INLINE void add_column(chains<Rows>& sum, float const* x, std::size_t stride, T const* w) {
    floats const column = load_column<Chain % 2>(w);
#pragma GCC unroll 8
    for (int r = 0; r < Rows; ++r) {
        sum.acc[r][Chain] = fused(repeat(x[static_cast<std::size_t>(r) * stride]), column, sum.acc[r][Chain]);
    }
}

/// Adds `columns` columns, the first of which belongs to chain 0 and begins a pair.
template <int Rows, class T>
NIBBLE_TILE_INLINE void add_columns(chains<Rows>& sum, float const* x, std::size_t stride, T const* w,
                                    std::size_t columns) {
    std::size_t c = 0;
    for (; c + 4 <= columns; c += 4) {
        add_column<0>(sum, x + c, stride, w + c * 16);
        add_column<1>(sum, x + c + 1, stride, w + c * 16);
        add_column<2>(sum, x + c + 2, stride, w + c * 16 + 32);
        add_column<3>(sum, x + c + 3, stride, w + c * 16 + 32);
    }
    if (c < columns) {
        add_column<0>(sum, x + c, stride, w + c * 16);
    }
    if (c + 1 < columns) {
        add_column<1>(sum, x + c + 1, stride, w + c * 16);
    }
    if (c + 2 < columns) {
        add_column<2>(sum, x + c + 2, stride, w + c * 16 + 32);
    }
}

/// Rows x 16 results: (a0 + a1) + (a2 + a3).
template <int Rows>
NIBBLE_TILE_INLINE void store_chains(chains<Rows> const& sum, std::size_t row, std::size_t panel,
                                     matrix_view<float> y) {
    floats result[Rows][1];
#pragma GCC unroll 8
    for (int r = 0; r < Rows; ++r) {
        result[r][0] = plus(plus(sum.acc[r][0], sum.acc[r][1]), plus(sum.acc[r][2], sum.acc[r][3]));
    }
    store_tile(result, row, panel, y);
}

/// Rows [row, row + Rows) times the panel's columns.
template <int Rows, class T>
NIBBLE_TILE_INLINE void f32_tile(matrix_view<float const> x, std::size_t row, T const* w, std::size_t panel,
                                 matrix_view<float> y) {
    chains<Rows> sum;
    clear(sum);
    add_columns(sum, x.data() + row * x.columns(), x.columns(), w, x.columns());
    store_chains(sum, row, panel, y);
}

/// One row times one panel, decoded chunk by chunk so that it stays in the nearest cache.
template <class St>
inline void f32_row(matrix_view<float const> x, cpu_panel_weights<St> const& w, std::size_t panel,
                    matrix_view<float> y) {
    using layout = cpu_panel<St>;
    chains<1> sum;
    clear(sum);
    alignas(64) float columns[16 * layout::chunk_columns];
    float const* a = x.data();
    for (std::size_t g = 0; g < w.groups(); ++g) {
        group_decode const group = load_group(w, panel, g);
        std::size_t const width = layout::group_width(g, w.k());
        for (std::size_t c = 0; c < width; c += layout::chunk_columns) {
            std::size_t const padded = g * layout::group_stride + c;
            prefetch_chunk<St>(w.codes(panel) + padded / layout::chunk_columns * layout::chunk_bytes);
            decode_chunk(w, panel, g, c, group, columns);
            add_columns(sum, a + c, 0, columns, width - c < layout::chunk_columns ? width - c : layout::chunk_columns);
        }
        a += width;
    }
    store_chains(sum, 0, panel, y);
}

template <class T>
inline void f32_rows(matrix_view<float const> x, T const* w, std::size_t panel, matrix_view<float> y) {
    std::size_t row = 0;
    for (; row + float_rows <= y.rows(); row += float_rows) {
        f32_tile<float_rows>(x, row, w, panel, y);
    }
    for (; row < y.rows(); ++row) {
        f32_tile<1>(x, row, w, panel, y);
    }
}

/// The float path for the panels [begin, end) and every row; scratch holds 16 * k floats.
template <class St>
inline void f32_product(matrix_view<float const> x, cpu_panel_weights<St> const& w, std::size_t begin, std::size_t end,
                        float* scratch, matrix_view<float> y) {
    constexpr bool groups_start_chain_0 = St::group % 4 == 0;
    for (; begin < end; ++begin) {
        if (groups_start_chain_0 && y.rows() == 1) {
            f32_row(x, w, begin, y);
        } else {
            decode_panel(w, begin, scratch);
            f32_rows(x, scratch, begin, y);
        }
    }
}

template <class T>
inline void f32_product(matrix_view<float const> x, dense_panels<T> const& w, std::size_t begin, std::size_t end,
                        float* scratch, matrix_view<float> y) {
    for (; begin < end; ++begin) {
        if (std::is_same_v<T, float> || y.rows() <= float_rows) {
            f32_rows(x, w.values(begin), begin, y);
        } else {
            decode_panel(w, begin, scratch);
            f32_rows(x, scratch, begin, y);
        }
    }
}
