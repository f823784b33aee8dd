// SPDX-License-Identifier: Apache-2.0
// No #pragma once: included once per instruction set, as mainloop.inl is.

/// Up to 16 values, zeros behind the last.
inline floats load_part(float const* from, std::size_t count) {
    if (count >= 16) {
        return load(from);
    }
    float lanes[16] = {};
    std::memcpy(lanes, from, count * sizeof(float));
    return load(lanes);
}

/// scale = absmax / 127, code = x / scale rounded to nearest, ties to even; |code| <= 127 since the quotient exceeds
/// 127 by less than a rounding error.
///   a scale below 2^-126   zeros, scale 0
///   NaN or infinity in x   zeros, scale NaN: the row's results are NaN
inline void quantize_segment(float const* x, std::size_t width, std::int8_t* codes, float& scale, std::int32_t& sum) {
    ints largest = repeat(0);
    for (std::size_t c = 0; c < width; c += 16) {
        largest = greater(largest, magnitude_bits(load_part(x + c, width - c)));
    }
    std::int32_t lanes[16];
    store(lanes, largest);
    std::int32_t most = 0;
    for (std::int32_t const lane : lanes) {
        most = lane > most ? lane : most;
    }
    scale = 0.0f;
    sum = 0;
    for (std::size_t c = 0; c < width; ++c) {
        codes[c] = 0;
    }
    if (most >= 0x7f800000) {
        scale = std::numeric_limits<float>::quiet_NaN();
        return;
    }
    float const s = std::bit_cast<float>(most) / 127.0f;
    if (s < (std::numeric_limits<float>::min)()) {
        return;
    }
    ints total = repeat(0);
    for (std::size_t c = 0; c < width; c += 16) {
        ints const code = nearest(divide(load_part(x + c, width - c), repeat(s)));
        total = add(total, code);
        store_codes(codes + c, code, width - c < 16 ? width - c : 16);
    }
    store(lanes, total);
    for (std::int32_t const lane : lanes) {
        sum += lane;
    }
    scale = s;
}
