// SPDX-License-Identifier: Apache-2.0
#include <nibble/numeric/random.hpp>
#include <nibble/quantize/check_gradient.hpp>
#include <nibble/quantize/quantize_at.hpp>
#include <nibble/scheme/compose.hpp>
#include <nibble/scheme/float_format.hpp>

#include <catch2/catch_template_test_macros.hpp>
#include <catch2/catch_test_macros.hpp>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <ratio>
#include <string>
#include <tuple>

using namespace nibble;

namespace {

/// Sums of four uniform numbers, of standard deviation `deviation`: nearly normal, with tails of 3.5 deviations.
matrix<float> random_matrix(std::size_t rows, std::size_t columns, float deviation) {
    matrix<float> w(rows, columns);
    for (std::size_t i = 0; i < rows * columns; ++i) {
        float sum = 0;
        for (std::uint32_t const word : random_block({.seed = 7, .step = 0, .tensor = 3}, i).words) {
            sum += static_cast<float>(word >> 8) * 0x1p-24f - 0.5f;
        }
        w.data()[i] = deviation * 1.7320508f * sum;
    }
    return w;
}

/// Scales of which about one value in ten is clipped, and for each the zero that the values need.
struct learned {
    matrix<float> scale;
    matrix<float> zero;
};

template <class S>
learned clipping_parameters(matrix<float> const& w) {
    constexpr float deviation = 0.02f;  // of w
    detail::scale_blocks<S> const blocks{w.rows(), w.columns()};
    learned p{.scale = matrix<float>(blocks.scale_rows(), blocks.groups()), .zero = {}};
    p.zero = S::is_symmetric ? matrix<float>{} : p.scale;
    for (std::size_t i = 0; i < p.scale.rows() * p.scale.columns(); ++i) {
        float& s = p.scale.data()[i];
        s = 3.3f * deviation / static_cast<float>(S::qmax - S::qmin) * (1.0f + 0.01f * static_cast<float>(i % 7));
        if (S::storage::has_zero_point) {
            p.zero.data()[i] = static_cast<float>((S::qmax + 1) / 2);
        } else if (!S::is_symmetric) {
            p.zero.data()[i] = -1.6f * deviation;
        }
    }
    return p;
}

template <class S>
gradient_report check_clipped(std::size_t rows, std::size_t columns) {
    auto const w = random_matrix(rows, columns, 0.02f);
    auto const p = clipping_parameters<S>(w);
    auto const wq = quantize_at<S>(cpu{}, w, p.scale, p.zero);
    return check_gradient<S>(w, wq);
}

void require_pass(gradient_report const& report, std::string const& name) {
    INFO(name << ": " << to_string(report));
    REQUIRE(report.worst.relative <= gradient_report::tolerance);
    REQUIRE(report.worst_f32.relative <= gradient_report::tolerance_f32);
    REQUIRE(report.passes());
    // Kinks at two places, and 2 · 2^-14 of a step around each, hold one value in a thousand at most.
    REQUIRE(report.excluded * 1000 <= report.checked + report.excluded);
}

template <int Bits, class... Ps>
using symmetric_scheme = scheme<bits<Bits>, per_group<32>, scale_as<float>, Ps...>;

template <class... Ps>
using zero_point_scheme = scheme<per_group<32>, asymmetric, scale_as<float>, Ps...>;

template <class... Ps>
using offset_scheme = scheme<per_channel, asymmetric_offset, scale_as<float>, Ps...>;

using clipped_schemes = std::tuple<                                                 //
    symmetric_scheme<4, straight_through<pass_through>>,                            //
    symmetric_scheme<4, straight_through<>>,                                        //
    symmetric_scheme<4, straight_through<clip_inclusive>>,                          //
    symmetric_scheme<4, straight_through<clip_strict>>,                             //
    symmetric_scheme<4, straight_through<within_bound<std::ratio<1, 50>>>>,         //
    symmetric_scheme<2, learned_step<>>,                                            //
    symmetric_scheme<3, learned_step<pass_through>>,                                //
    symmetric_scheme<4, learned_step<clip_after_rounding>, reciprocal>,             //
    symmetric_scheme<4, learned_step<>, round_down>,                                //
    symmetric_scheme<5, learned_step<>, narrow_range>,                              //
    symmetric_scheme<8, learned_step<clip_inclusive>>,                              //
    symmetric_scheme<8, learned_step<>>,                                            //
    scheme<bits<4>, per_tensor, scale_as<float>, learned_step<>>,                   //
    scheme<bits<4>, per_channel, scale_as<f16>, learned_step<>>,                    //
    zero_point_scheme<bits<1>, learned_step<>>,                                     //
    zero_point_scheme<bits<4>, learned_step_and_offset<>>,                          //
    zero_point_scheme<bits<8>, learned_step_and_offset<clip_after_rounding>>,       //
    zero_point_scheme<bits<4>, dual_scale<>>,                                       //
    offset_scheme<bits<4>, learned_step_and_offset<>>,                              //
    offset_scheme<bits<8>, learned_step_and_offset<clip_inclusive, unnormalised>>,  //
    offset_scheme<bits<4>, straight_through<>>,                                     //
    zero_point_scheme<bits<4>, pact>,                                               //
    symmetric_scheme<4, log2_step<>>,                                               //
    offset_scheme<bits<8>, log2_step<clip_after_rounding>>>;

}  // namespace

TEMPLATE_LIST_TEST_CASE("L11: every gradient is the derivative of its frozen surrogate, clipped values included",
                        "[quantize]", clipped_schemes) {
    require_pass(check_clipped<TestType>(32, 320), TestType::gradient::name);
}

TEST_CASE("L11: a dual scale whose two scales differ", "[quantize]") {
    using S = symmetric_scheme<4, dual_scale<>>;
    auto const w = random_matrix(32, 320, 0.02f);
    auto const p = clipping_parameters<S>(w);
    auto post = p.scale;
    for (std::size_t i = 0; i < post.rows() * post.columns(); ++i) {
        post.data()[i] *= 0.8f + 0.05f * static_cast<float>(i % 9);
    }
    auto const wq = quantize_at<S>(cpu{}, w, post, {}, p.scale);
    require_pass(check_gradient<S>(w, wq, p.scale), "dual scale");
}

namespace {

template <class S>
void check_dynamic() {
    auto const w = random_matrix(32, 330, 0.02f);  // the last group of a row is short
    auto const report = check_gradient<S>(w);
    require_pass(report, S::scale_rule::name);
}

}  // namespace

TEST_CASE("L11: a scale that follows the extreme value carries the gradient to it", "[quantize]") {
    check_dynamic<symmetric_scheme<4, dynamic_scale<>>>();
    check_dynamic<symmetric_scheme<4, dynamic_scale<>, absmax_over_half_range>>();
    check_dynamic<symmetric_scheme<4, dynamic_scale<>, signed_extreme>>();
    check_dynamic<symmetric_scheme<8, dynamic_scale<pass_through>, narrow_range>>();
    check_dynamic<scheme<bits<4>, per_tensor, scale_as<bf16>, dynamic_scale<>>>();
    check_dynamic<scheme<bits<8>, per_channel, dynamic_scale<>>>();
}

namespace {

using other_schemes = std::tuple<                                                               //
    scheme<bits<4>, per_group<32>, scale_as<f16>, signed_extreme, codes_from_unrounded,         //
           round_half_up, learned_step<clip_after_rounding>>,                                   //
    scheme<bits<2>, per_group<32>, mid_rise, absmax_over_half_range, learned_step<>>,           //
    scheme<ternary, per_channel, learned_step<>>,                                               //
    scheme<e2m1, per_group<32>, learned_step<clip_after_rounding>>,                             //
    scheme<bits<4>, per_block<16, 32>, learned_step<clip_after_rounding>>,                      //
    scheme<bits<4>, per_block<5, 64>, dynamic_scale<>>,                                         //
    scheme<bits<4>, asymmetric_middle, per_group<64>, learned_step_and_offset<pass_through>>>;  //

}  // namespace

TEMPLATE_LIST_TEST_CASE("L11: scales of either sign, other formats, blocks of rows", "[quantize]", other_schemes) {
    auto const w = random_matrix(33, 330, 0.02f);
    auto const report = check_gradient<TestType>(w);
    INFO(to_string(report));
    REQUIRE(report.passes());
    // The values at an edge of the outermost codes are one a group, or a few where the grid is coarse.
    REQUIRE(report.excluded * 16 <= report.checked);
}

TEST_CASE("values at a kink and groups of zeros are excluded and counted", "[quantize]") {
    using S = scheme<bits<4>, per_channel, scale_as<float>, straight_through<clip_inclusive>>;
    matrix<float> w(2, 8);
    for (std::size_t k = 0; k < 8; ++k) {
        w(0, k) = static_cast<float>(k) * 0.9f;
    }
    w(0, 7) = 7.0f;  // the extreme is on the edge Qp
    auto const report = check_gradient<S>(w);
    CHECK(report.checked == 7);
    CHECK(report.excluded == 1 + 8);
    CHECK(report.passes());
    CHECK_FALSE(check_gradient<S>(matrix<float>(2, 8)).passes());  // nothing was checked
}

namespace {

/// LSQ as it is often written wrong: without the −v of the values in range.
struct forgets_position : gradient_defaults {
    static constexpr char const* name = "forgets_position";
    static constexpr bool learns_scale = true;
    template <class T>
    static constexpr partial_derivatives<T> derivative(quantized_element<T> const& e) {
        return {.input = clip_strict::passes(e) ? T{1} : T{0}, .scale = e.level};
    }
    template <class T>
    static constexpr T surrogate(quantized_element<T> const& e, partial_derivatives<T> const& move) {
        return learned_step<>::surrogate(e, move);
    }
};

/// Right but for values that are clipped below, about one in twenty.
struct wrong_below : forgets_position {
    static constexpr char const* name = "wrong_below";
    template <class T>
    static constexpr partial_derivatives<T> derivative(quantized_element<T> const& e) {
        auto d = learned_step<>::derivative(e);
        if (e.position < e.low) {
            d.scale = e.high;
        }
        return d;
    }
};

/// A mask of one side only, beside a surrogate that clips both.
struct leaks_below : gradient_defaults {
    static constexpr char const* name = "leaks_below";
    template <class T>
    static constexpr partial_derivatives<T> derivative(quantized_element<T> const& e) {
        return {.input = e.position < e.high ? T{1} : T{0}};
    }
    template <class T>
    static constexpr T surrogate(quantized_element<T> const& e, partial_derivatives<T> const& move) {
        return straight_through<clip_strict>::surrogate(e, move);
    }
};

/// The derivative of its surrogate, which is not the quantizer: it has no rounding.
struct not_anchored : gradient_defaults {
    static constexpr char const* name = "not_anchored";
    template <class T>
    static constexpr partial_derivatives<T> derivative(quantized_element<T> const& /*e*/) {
        return {.input = 1};
    }
    template <class T>
    static constexpr T surrogate(quantized_element<T> const& e, partial_derivatives<T> const& move) {
        return e.value + move.input;
    }
};

/// Off by one part in 10^6: no more than the rounding of f32, and not right.
struct nearly : gradient_defaults {
    static constexpr char const* name = "nearly";
    template <class T>
    static constexpr partial_derivatives<T> derivative(quantized_element<T> const& e) {
        return {.input = straight_through<>::derivative(e).input * T(1.000001)};
    }
    template <class T>
    static constexpr T surrogate(quantized_element<T> const& e, partial_derivatives<T> const& move) {
        return straight_through<>::surrogate(e, move);
    }
};

/// Right in f64, wrong in f32.
struct wrong_in_f32 : gradient_defaults {
    static constexpr char const* name = "wrong_in_f32";
    template <class T>
    static constexpr partial_derivatives<T> derivative(quantized_element<T> const& e) {
        return {.input = straight_through<>::derivative(e).input * (sizeof(T) == 4 ? T(1.00001) : T(1))};
    }
    template <class T>
    static constexpr T surrogate(quantized_element<T> const& e, partial_derivatives<T> const& move) {
        return straight_through<>::surrogate(e, move);
    }
};

/// The extreme value follows half of the scale's gradient.
struct half_dynamic : dynamic_scale<> {
    static constexpr char const* name = "half_dynamic";
    template <class T>
    static constexpr partial_derivatives<T> derivative(quantized_element<T> const& e) {
        auto d = dynamic_scale<>::derivative(e);
        d.scale /= 2;
        return d;
    }
};

/// A user's own: inside the range, rounding softened by a sine, whose slope is 1 − cos(2πu).
struct sine : gradient_defaults {
    static constexpr char const* name = "sine";
    template <class T>
    static constexpr T turn = T(6.283185307179586476925286766559L);
    template <class T>
    static T soft(T u) {
        return u - std::sin(turn<T> * u) / turn<T>;
    }
    template <class T>
    static partial_derivatives<T> derivative(quantized_element<T> const& e) {
        return {.input = clip_strict::passes(e) ? T{1} - std::cos(turn<T> * e.residual) : T{0}};
    }
    template <class T>
    static T surrogate(quantized_element<T> const& e, partial_derivatives<T> const& move) {
        auto const at = [&](T w) { return soft(clip_strict::held(e, e.parameters.position(w))); };
        return e.parameters.value(at(e.value + move.input) + (e.level - at(e.value)));
    }
};

using checked_scheme = symmetric_scheme<4>;

template <class G>
gradient_report check_policy() {
    auto const w = random_matrix(8, 320, 0.02f);
    auto const wq = quantize_at<checked_scheme>(cpu{}, w, clipping_parameters<checked_scheme>(w).scale);
    return check_gradient<checked_scheme, G>(w, wq);
}

}  // namespace

TEST_CASE("a gradient that is wrong is caught, and where", "[quantize]") {
    auto const position = check_policy<forgets_position>();
    CHECK(position.worst.relative > 0.1);
    CHECK(position.worst.parameter == std::string("the scale"));
    auto const below = check_policy<wrong_below>();
    CHECK(below.worst.relative > 0.1);
    CHECK(below.worst.parameter == std::string("the scale"));
    auto const leaks = check_policy<leaks_below>();
    CHECK(leaks.worst.relative == 1.0);
    CHECK(leaks.worst.parameter == std::string("the input"));
    auto const anchor = check_policy<not_anchored>();
    CHECK(anchor.worst.relative > 0.1);
    CHECK(anchor.worst.parameter == std::string("nothing"));
    CHECK(std::fabs(check_policy<nearly>().worst.relative - 1e-6) < 1e-9);
    CHECK_FALSE(check_policy<nearly>().passes());
    auto const f32 = check_policy<wrong_in_f32>();
    CHECK(f32.worst.relative <= gradient_report::tolerance);
    CHECK(std::fabs(f32.worst_f32.relative - 1e-5) < 1e-6);
    CHECK_FALSE(f32.passes());
    CHECK_FALSE(check_policy<half_dynamic>().passes());
}

TEST_CASE("the element that is named wrong is clipped below", "[quantize]") {
    auto const w = random_matrix(8, 320, 0.02f);
    auto const wq = quantize_at<checked_scheme>(cpu{}, w, clipping_parameters<checked_scheme>(w).scale);
    auto const report = check_gradient<checked_scheme, wrong_below>(w, wq);
    auto const& at = report.worst;
    CHECK(w(at.row, at.column) / static_cast<float>(wq.scale(at.row, at.column / 32)) < checked_scheme::low);
    CHECK(to_string(report).find("[" + std::to_string(at.row) + ", " + std::to_string(at.column) + "]") !=
          std::string::npos);
}

TEST_CASE("a smooth gradient of a user's own passes", "[quantize]") { require_pass(check_policy<sine>(), "sine"); }
