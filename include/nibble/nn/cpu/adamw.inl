// SPDX-License-Identifier: Apache-2.0
// Included once per instruction set, like gemm/cpu/mainloop.inl: adamw_step of nn/adamw.hpp over the verbs.

inline void store_state(float* to, floats x, std::uint32_t const*, int) { store(to, x); }
inline void store_state(bf16* to, floats x, std::uint32_t const* random, int shift) {
    float lanes[16];
    store(lanes, x);
    for (int i = 0; i < 16; ++i) {
        to[i] = detail::round_at_random(lanes[i], random[i] >> shift & 0xffffu);
    }
}

/// Elements first … first + 15 of a tensor, which lie from each pointer on.
template <class State>
inline void adamw_vector(detail::adamw_factors const& f, float* w, float const* g, State* m, State* v, random_key key,
                         std::uint64_t first) {
    std::uint32_t random[16] = {};
    if constexpr (std::is_same_v<State, bf16>) {
        for (std::size_t block = 0; block < 4; ++block) {
            philox_block const words = random_block(key, first / 4 + block);
            std::memcpy(random + 4 * block, words.words, sizeof words.words);
        }
    }
    floats const gradient = load(g);
    floats const mean = fused(repeat(f.new_mean), gradient, multiply(repeat(f.old_mean), load_scales(m)));
    floats const square =
        fused(multiply(repeat(f.new_square), gradient), gradient, multiply(repeat(f.old_square), load_scales(v)));
    floats const root = fused(square_root(square), repeat(f.root_correction), repeat(f.epsilon));
    floats const direction = divide(multiply(mean, repeat(f.mean_correction)), root);
    floats const weight = load(w);
    store(w, fused(repeat(-f.rate), fused(repeat(f.weight_decay), weight, direction), weight));
    store_state(m, mean, random, 0);
    store_state(v, square, random, 16);
}

/// Elements [first, first + count) of a tensor, first a multiple of 16, which lie from each pointer on.
template <class State>
inline void adamw_range(detail::adamw_factors const& f, float* w, float const* g, State* m, State* v, random_key key,
                        std::uint64_t first, std::size_t count) {
    std::size_t i = 0;
    for (; i + 16 <= count; i += 16) {
        adamw_vector(f, w + i, g + i, m + i, v + i, key, first + i);
    }
    if (i == count) {
        return;
    }
    float last_w[16] = {};
    float last_g[16] = {};
    State last_m[16] = {};
    State last_v[16] = {};
    std::memcpy(last_w, w + i, (count - i) * sizeof(float));
    std::memcpy(last_g, g + i, (count - i) * sizeof(float));
    std::memcpy(last_m, m + i, (count - i) * sizeof(State));
    std::memcpy(last_v, v + i, (count - i) * sizeof(State));
    adamw_vector(f, last_w, last_g, last_m, last_v, key, first + i);
    std::memcpy(w + i, last_w, (count - i) * sizeof(float));
    std::memcpy(m + i, last_m, (count - i) * sizeof(State));
    std::memcpy(v + i, last_v, (count - i) * sizeof(State));
}
