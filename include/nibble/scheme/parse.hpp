// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/error.hpp>
#include <nibble/scheme/codebook.hpp>
#include <nibble/scheme/foreign.hpp>
#include <nibble/scheme/name.hpp>
#include <nibble/scheme/presets.hpp>
#include <nibble/scheme/rules.hpp>

#include <algorithm>
#include <charconv>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>

namespace nibble {

namespace detail {

template <class... Ps>
struct policy_list {};

/// Every format that is not bits<N>.
using named_formats = policy_list<ternary, e2m1, e4m3, e5m2, nf4, codebook<iq4_nl_table>>;

/// The bits of the format with this name; 0 if none has it.
template <class... Formats>
int bits_of_format(std::string_view& name, policy_list<Formats...>) {
    int bits = 0;
    ((name == format_traits<Formats>::name
          ? void((name = format_traits<Formats>::name, bits = format_traits<Formats>::grid::bits))
          : void()),
     ...);
    return bits;
}

/// Every policy that has a word. A new policy joins the text of a scheme by joining this list.
using known_policies = policy_list<
    per_tensor, per_token, narrow_range, mid_rise, asymmetric, asymmetric_offset, asymmetric_middle,
    round_to_nearest_even, round_to_nearest_away, round_half_up, round_half_down, round_half_to_zero, round_half_odd,
    round_down, round_up, round_toward_zero, round_away_from_zero, truncate_after_adding<0>, truncate_after_adding<8>,
    truncate_after_adding<16>, stochastic<8>, stochastic<16>, stochastic<32>, scale_as<float>, scale_as<f16>,
    scale_as<bf16>, scale_as<e8m0>, scale_as<e4m3>, scale_as<q2_k::scale_type>, scale_as<q3_k::scale_type>,
    scale_as<q4_k::scale_type>, scale_as<q6_k::scale_type>, scale_as<nvfp4::scale_type>, absmax_over_qmax,
    absmax_over_half_range, absmax_over_qmin, no_clipping, signed_extreme, min_max, power_of_two_above,
    power_of_two_of_binade, q2_k::scale_rule, q3_k::scale_rule, q4_k::scale_rule, q5_k::scale_rule, q6_k::scale_rule,
    least_error, least_squares, hqq, mean_times<1>, rms_times<1, 3>, percentile<999, 1000>, codes_from_unrounded,
    reciprocal, zero_before_rounding, zero_as_computed, at_least_smallest_normal, at_least_epsilon,
    at_least_one_millionth, zero_padded, reject_tail, straight_through<pass_through>, straight_through<clip_inclusive>,
    straight_through<clip_strict>, straight_through<within_bound<>>, learned_step<>, learned_step_and_offset<>, pact,
    dual_scale<>, log2_step<>, dynamic_scale<>,  //
    divide_in<float>, divide_in<bf16>, divide_in<f16>, reciprocal_in<float>, reciprocal_in<bf16>, reciprocal_in<f16>,
    by_factor, absmax_over_half_range_in<float>, absmax_over_half_range_in<bf16>, absmax_over_half_range_in<f16>,
    at_least_smallest_normal_f16, at_least_smallest_normal_e4m3, min_max_of_tokens<float>, min_max_of_tokens<bf16>,
    min_max_of_tokens<f16>, min_max_tinygemm<float>, min_max_tinygemm<bf16>, min_max_tinygemm<f16>,
    min_max_above_millionth, min_max_of_edge, epsilon_for_zero<float>, epsilon_for_zero<bf16>, epsilon_for_zero<f16>,
    zero_before_rounding_in<float, 4>, zero_before_rounding_in<bf16, 4>, zero_before_rounding_in<f16, 4>,
    min_max_of_signed<float>, min_max_of_signed<bf16>, min_max_of_signed<f16>, absmax_of_gptq, min_max_of_gptq,
    at_least_hundred_thousandth, absmax_as_factor, reciprocal_below_nf4_middles, divide_by_normal, divide_but_by_least,
    power_of_two_of_rounded, power_of_two_of_ceiling, absmax_within_e4m3, absmax_of_two_levels, power_of_two_of_log2,
    divide_to_odd, absmax_half_up_e4m3, search_around_extreme<7>, ggml_offset_search<-5, 15, true>,
    ggml_offset_search<-10, 20, false>, ggml_offset_search<-5, 15, false>, ggml_coordinate_descent, ggml_scale_search>;

/// Puts `word` into the slot of the policy that has it; false if none has it or its slot is not a default any more.
template <class... Ps>
bool assign_word(scheme_info& info, std::string_view word, policy_list<Ps...>) {
    auto const try_one = [&]<class P>(std::type_identity<P>) {
        constexpr auto member = axis_of<P>::word;
        if (word != P::name || info.*member != scheme_info{}.*member) {
            return false;
        }
        info.*member = P::name;
        if constexpr (std::same_as<axis_of<P>, axis::granularity>) {
            info.rows = P::rows;
        }
        return true;
    };
    return (try_one(std::type_identity<Ps>{}) || ...);
}

}  // namespace detail

/// The value that `text` describes; the inverse of to_string for every policy of known_policies. Throws nibble::error
/// for a word that no policy has, for words out of order or repeated, and for a format that does not exist.
inline scheme_info parse_scheme(std::string_view text) {
    auto const refuse = [&](std::string const& why) {
        throw error("The text '" + std::string(text) + "' is not the name of a scheme: " + why +
                    ". An example of a name is int4.g32.f16.");
    };
    scheme_info info;
    auto const number = [&](std::string_view digits, auto& value) {
        auto const [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
        return failure == std::errc{} && end == digits.data() + digits.size();
    };
    std::size_t at = (std::min)(text.find('.'), text.size());
    std::string_view format = text.substr(0, at);
    if (int const bits = detail::bits_of_format(format, detail::named_formats{}); bits != 0) {
        info.format = format;
        info.bits = bits;
    } else if (!format.starts_with("int") || !number(format.substr(3), info.bits) || info.bits < 1 || info.bits > 8) {
        refuse(
            "it must start with a format: 'int' and a width of 1 to 8 bits, ternary, e2m1, e4m3, e5m2, nf4 or iq4_nl");
    }
    bool has_rule = false;
    while (at < text.size()) {
        std::size_t const end = (std::min)(text.find('.', at + 1), text.size());
        std::string_view const word = text.substr(at + 1, end - at - 1);
        at = end;
        if (info.group == 0 && word.size() > 1 && word[0] == 'g' && number(word.substr(1), info.group) &&
            info.group != 0) {
            info.granularity = "group";
            continue;
        }
        std::size_t const by = word.find('x');
        if (info.group == 0 && word.size() > 1 && word[0] == 'b' && by != word.npos &&
            number(word.substr(1, by - 1), info.rows) && number(word.substr(by + 1), info.group) && info.rows != 0 &&
            info.group != 0) {
            info.granularity = "block";
            continue;
        }
        if (!detail::assign_word(info, word, detail::known_policies{})) {
            refuse("no policy has the word '" + std::string(word) + "', or its decision is made already");
        }
        has_rule = has_rule || info.scale_rule != scheme_info{}.scale_rule;
    }
    if (!has_rule) {
        info.scale_rule = detail::default_rule(info);
    }
    if (to_string(info) != text) {
        refuse("the words must stand in order and only where they differ from the default, as in '" + to_string(info) +
               "'");
    }
    return info;
}

}  // namespace nibble
