// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/float_bits.hpp>
#include <nibble/quantize/encode.hpp>
#include <nibble/quantize/fit.hpp>
#include <nibble/quantize/fit_super_block.hpp>
#include <nibble/quantize/law.hpp>
#include <nibble/quantize/law_cases.hpp>
#include <nibble/quantize/law_claims.hpp>
#include <nibble/tensor/planes.hpp>

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace nibble {

namespace detail {

/// A constant evaluation looks at this many codes at most: clang stops at 2^20 steps.
inline constexpr int law_chunk = 64;

constexpr float float_above(float x) {
    std::uint32_t const bits = bits_of(x);
    return float_of(x == 0.0f ? 1u : x < 0.0f ? bits - 1u : bits + 1u);
}
constexpr float float_below(float x) { return -float_above(-x); }

/// Q of a group, drawing the noise that moves a value the least, the most or half of the time.
template <quantization_scheme S>
struct group_case {
    group_parameters<S> p;
    std::uint32_t noise = 0;

    constexpr group_case(group_parameters<S> const& parameters, std::size_t i)
        : p(parameters), noise(i % 3 == 0   ? 0u
                               : i % 3 == 1 ? 0xffffffffu
                                            : 0x80000000u) {}

    constexpr unsigned code(float x) const {
        if constexpr (random_rounding_mode<typename S::rounding>) {
            return encode<S>(x, p, noise);
        } else {
            return encode<S>(x, p);
        }
    }
    constexpr float decode(unsigned code) const { return S::storage::decode(code, p.scale, p.zero); }
    constexpr float value_of(int index) const { return decode(S::grid::code(index)); }
    constexpr float value(float x) const { return decode(code(x)); }

    /// What the value of an index is taken for when codes are chosen: exact, and by the unrounded scale where that is
    /// what codes come from.
    constexpr double wanted(int index) const {
        auto level = static_cast<double>(S::grid::level(S::grid::code(index)));
        if constexpr (S::storage::has_zero_point) {
            level -= static_cast<double>(p.zero);
        }
        return level * static_cast<double>(p.step) + static_cast<double>(p.origin);
    }

    constexpr counterexample at(law broken, float x) const {
        float zero = 0;
        if constexpr (S::storage::has_zero) {
            zero = static_cast<float>(p.zero);
        }
        return {broken, static_cast<float>(p.scale), zero, code(x), x};
    }
};

/// The laws of one group on the values of the codes [first, last], on the quarters between them, and next to the
/// middles.
template <quantization_scheme S>
constexpr law_report check_group(std::size_t number, int first, int last) {
    group_case<S> const group(law_case<S>(number), number);
    law_report report;
    report.check(law::round_trip | law::half_step | law::within_step | law::monotone | law::odd | law::zero);
    if (group.value(0.0f) != 0.0f) {
        report.fail(group.at(law::zero, 0.0f));
    }
    float before = group.value_of(first);
    float value_before = group.value(before);
    auto const visit = [&](float x) {
        float const value = group.value(x);
        if (x < before ? value > value_before : value < value_before) {
            report.fail(group.at(law::monotone, x));
        }
        if (report.obeys(law::odd) && group.value(-x) != -value) {
            report.fail(group.at(law::odd, x));
        }
        before = x;
        value_before = value;
        return value;
    };
    auto const between = [&](float x, float a, float b) {
        double const gap = static_cast<double>(a < b ? b : a) - static_cast<double>(a < b ? a : b);
        double const error = static_cast<double>(visit(x)) - static_cast<double>(x);
        double const size = (error < 0 ? -error : error) / (1.0 + 0x1p-10);
        if (size > gap / 2) {
            report.fail(group.at(law::half_step, x));
        }
        if (size >= gap && size != 0) {
            report.fail(group.at(law::within_step, x));
        }
    };
    for (int index = first; index <= last; ++index) {
        float const a = group.value_of(index);
        if (visit(a) != a) {
            report.fail(group.at(law::round_trip, a));
        }
        if (index == S::qmax) {
            visit(a + (a - group.value_of(index - 1)));
            break;
        }
        float const b = group.value_of(index + 1);
        double const step = group.wanted(index + 1) - group.wanted(index);
        auto const quarter = static_cast<float>(group.wanted(index) + step / 4);
        auto const middle = static_cast<float>(group.wanted(index) + step / 2);
        auto const last_quarter = static_cast<float>(group.wanted(index) + step * 0.75);
        bool const rises = a < b;
        for (float const x : {quarter, rises ? float_below(middle) : float_above(middle), middle,
                              rises ? float_above(middle) : float_below(middle), last_quarter}) {
            if (rises ? a < x && x < b : b < x && x < a) {
                between(x, a, b);
            }
        }
    }
    return report;
}

/// Parameters of two neighbouring groups of these ranges: they share a super scale where the scheme has one.
template <quantization_scheme S>
constexpr std::array<group_parameters<S>, 2> fit_two(std::array<group_range, 2> const& ranges) {
    std::array<group_parameters<S>, 2> p;
    using T = typename S::scale_type;
    if constexpr (has_matrix_scale<T>) {
        float const a = wanted_scale<S>(ranges[0]);
        float const b = wanted_scale<S>(ranges[1]);
        auto const super = super_for<T>(magnitude(a) < magnitude(b) ? b : a);
        for (std::size_t g = 0; g < 2; ++g) {
            fit_super_block<S>(std::span(&ranges[g], 1), std::span(&p[g], 1), false, super);
        }
    } else if constexpr (is_two_level<T>) {
        fit_super_block<S>(std::span(ranges), std::span(p));
    } else {
        p = {fit_group<S>(ranges[0]), fit_group<S>(ranges[1])};
    }
    return p;
}

constexpr group_range scaled(group_range r, float by) { return {r.min * by, r.max * by, r.extreme * by}; }

/// Two groups quantized twice, and quantized 16 times as large.
template <quantization_scheme S>
constexpr law_report check_fit(std::size_t number) {
    law_report report;
    report.check(law::idempotent | law::power_of_two);
    std::array<group_range, 2> const ranges{law_range<S>(number), scaled(law_range<S>((number + 5) % law_cases), 0.4f)};
    std::array<group_range, 2> const larger{scaled(ranges[0], 16.0f), scaled(ranges[1], 16.0f)};
    auto const once = fit_two<S>(ranges);
    auto const large = fit_two<S>(larger);
    std::array<group_range, 2> seen;
    std::array<std::array<int, 2>, 2> ends{};
    for (std::size_t g = 0; g < 2; ++g) {
        group_case<S> const group(once[g], number);
        group_case<S> const of_large(large[g], number);
        float const size = ranges[g].extreme;
        bool same = static_cast<float>(large[g].scale) == 16.0f * static_cast<float>(once[g].scale);
        for (float const share : {1.0f, -0.7f, 0.33f, 0.05f}) {
            same = same && of_large.value(16.0f * share * size) == 16.0f * group.value(share * size);
        }
        if (!same) {
            report.fail(group.at(law::power_of_two, size));
        }
        float const low = group.value(ranges[g].min);
        float const high = group.value(ranges[g].max);
        bool const below = magnitude(low) == magnitude(high) ? ranges[g].extreme < 0 : magnitude(low) > magnitude(high);
        seen[g] = {low, high, below ? low : high};
        for (int index = S::qmin; index <= S::qmax; ++index) {
            if (S::grid::code(index) == group.code(ranges[g].min)) {
                ends[g][0] = index;
            }
            if (S::grid::code(index) == group.code(ranges[g].max)) {
                ends[g][1] = index;
            }
        }
    }
    auto const twice = fit_two<S>(seen);
    for (std::size_t g = 0; g < 2; ++g) {
        group_case<S> const group(once[g], number);
        group_case<S> const again(twice[g], number + 1);
        int const first = ends[g][0] < ends[g][1] ? ends[g][0] : ends[g][1];
        int const last = ends[g][0] < ends[g][1] ? ends[g][1] : ends[g][0];
        for (int index = first; index <= last; ++index) {
            float const x = group.value_of(index);
            if (again.value(x) != x) {
                report.fail(group.at(law::idempotent, x));
                break;
            }
        }
    }
    return report;
}

/// Whether eight neighbouring codes keep their bits when they are packed, each bit and its absence at each place.
template <int Bits>
constexpr bool packs() {
    constexpr plane_order<Bits> order{1, 8};
    constexpr unsigned all = (1u << Bits) - 1u;
    for (std::size_t place = 0; place < 8; ++place) {
        for (int bit = 0; bit < Bits; ++bit) {
            for (unsigned const flip : {0u, all}) {
                std::array<std::uint8_t, 8> codes{};
                for (std::size_t i = 0; i < 8; ++i) {
                    codes[i] = static_cast<std::uint8_t>((i == place ? 1u << bit : 0u) ^ flip);
                }
                std::array<std::byte, 8> bytes{};
                std::array<std::uint8_t, 8> back{};
                order.write(bytes.data(), 0, 0, codes);
                order.read(bytes.data(), 0, 0, back);
                if (back != codes) {
                    return false;
                }
            }
        }
    }
    return true;
}
template <int Bits>
inline constexpr bool packs_codes = packs<Bits>();

/// The codes in use rise in value, and are the codes of their values.
template <quantization_scheme S>
constexpr law_report check_codes(int first, int last) {
    law_report report;
    report.check(law::bijection);
    for (int index = first; index <= last; ++index) {
        unsigned const code = S::grid::code(index);
        float const level = S::grid::level(code);
        bool const rises = index == S::qmax || level < S::grid::level(S::grid::code(index + 1));
        if (!packs_codes<S::grid::bits> || code >> S::grid::bits != 0u || !rises ||
            S::grid::position(level) != static_cast<float>(index)) {
            report.fail({law::bijection, 1.0f, 0.0f, code, level});
        }
    }
    return report;
}

template <quantization_scheme S>
inline constexpr std::size_t law_chunks = static_cast<std::size_t>((S::qmax - S::qmin) / law_chunk + 1);
constexpr int last_of_chunk(int first, int qmax) { return first + law_chunk > qmax ? qmax : first + law_chunk; }

// Each is an evaluation of its own, which the compiler counts the steps of.
template <quantization_scheme S, std::size_t Case, std::size_t Chunk>
inline constexpr law_report group_report = [] {
    constexpr int first = S::qmin + static_cast<int>(Chunk) * law_chunk;
    return check_group<S>(case_number<S>(Case), first, last_of_chunk(first, S::qmax));
}();
template <quantization_scheme S, std::size_t Chunk>
inline constexpr law_report code_report = [] {
    constexpr int first = S::qmin + static_cast<int>(Chunk) * law_chunk;
    return check_codes<S>(first, last_of_chunk(first, S::qmax));
}();
template <quantization_scheme S, std::size_t Case>
inline constexpr law_report fit_report = [] {
    if constexpr (chooses_by_range<S>) {
        return check_fit<S>(case_number<S>(Case));
    } else {
        return law_report{};
    }
}();

template <quantization_scheme S, std::size_t Case, std::size_t... Chunks>
constexpr law_report report_of_case(std::index_sequence<Chunks...>) {
    law_report all = fit_report<S, Case>;
    ((all &= group_report<S, Case, Chunks>), ...);
    return all;
}

template <quantization_scheme S, std::size_t... Cases, std::size_t... Chunks>
constexpr law_report report_of(std::index_sequence<Cases...>, std::index_sequence<Chunks...> chunks) {
    law_report all;
    ((all &= code_report<S, Chunks>), ...);
    ((all &= report_of_case<S, Cases>(chunks)), ...);
    return all;
}

template <quantization_scheme S>
inline constexpr law_report laws_of =
    report_of<S>(std::make_index_sequence<case_count<S>>{}, std::make_index_sequence<law_chunks<S>>{});

/// The compiler names the law and its counterexample in the arguments of this.
template <law Law, counterexample First>
struct law_holds {
    static_assert(First.broken == law::none,
                  "nibble: the scheme breaks a law that it has to obey; the arguments of law_holds<…> are the law and "
                  "where it fails first: scale, zero, code and value");
    static constexpr bool value = true;
};

template <quantization_scheme S, law Laws, std::size_t... I>
consteval bool require_laws(std::index_sequence<I...>) {
    constexpr auto one = [](std::size_t i) { return static_cast<law>(1u << i); };
    return (law_holds < one(I),
            (Laws & one(I)) == law::none ? counterexample{} : laws_of<S>.first(one(I)) > ::value && ...);
}

}  // namespace detail

/// Which laws hold for S, found by trying: every code in use and what lies between, in 16 groups whose scales are of
/// every kind (8 where there are more than 64 codes), all at compile time. A law that fails has its first
/// counterexample. A rule that looks at every value of a group is no constant expression: idempotent and power_of_two
/// are not `checked` then.
template <quantization_scheme S>
consteval law_report const& laws() {
    return detail::laws_of<S>;
}

/// Whether S obeys all of `laws`.
template <quantization_scheme S>
consteval bool obeys(law laws) {
    return detail::laws_of<S>.obeys(laws);
}

/// True, or an error of the compiler that names the first broken law and its counterexample.
///     static_assert(nibble::check_laws<my_scheme>());                    // what its policies promise
///     static_assert(nibble::check_laws<my_scheme, nibble::law::odd>());  // this
template <quantization_scheme S, law Laws = laws_claimed_by<S>>
consteval bool check_laws() {
    return detail::require_laws<S, Laws>(std::make_index_sequence<law_count>{});
}

}  // namespace nibble
