// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/numeric/error.hpp>
#include <nibble/scheme/compose.hpp>

#include <algorithm>
#include <charconv>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>

namespace nibble {

// Grammar of a scheme's text, slots in this order, each written only where it is not the default:
//   "int" bits [".g" columns | ".tensor" | ".token"] [".narrow"] [".zp" | ".offset"] ["." rounding] ["." scale type]
//   ["." scale rule] [".unrounded"] [".reciprocal"] [".computed_zero"] [".reject"]
// The default scale rule is absmax, or min_max where there is a zero to store. Example: int4.g32.f16

namespace detail {

template <class... Ps>
struct policy_list {};

/// Every policy that has a word. A new policy joins the text of a scheme by joining this list.
using known_policies =
    policy_list<per_tensor, per_token, narrow_range, asymmetric, asymmetric_offset, round_to_nearest_even,
                round_to_nearest_away, round_half_up, round_down, round_up, round_toward_zero, truncate_after_adding<0>,
                truncate_after_adding<8>, truncate_after_adding<16>, stochastic<8>, stochastic<16>, stochastic<32>,
                scale_as<float>, scale_as<f16>, scale_as<bf16>, scale_as<e8m0>, absmax_over_qmax,
                absmax_over_half_range, signed_extreme, min_max, power_of_two_above, codes_from_unrounded, reciprocal,
                zero_as_computed, reject_tail>;

/// Puts `word` into the slot of the policy that has it; false if none has it or its slot is not a default any more.
template <class... Ps>
bool assign_word(scheme_info& info, std::string_view word, policy_list<Ps...>) {
    auto const try_one = [&]<class P>(std::type_identity<P>) {
        constexpr auto member = axis_of<P>::word;
        if (word != P::name || info.*member != scheme_info{}.*member) {
            return false;
        }
        info.*member = P::name;
        return true;
    };
    return (try_one(std::type_identity<Ps>{}) || ...);
}

inline std::string_view default_rule(scheme_info const& info) {
    return info.symmetry == symmetric::name ? absmax_over_qmax::name : min_max::name;
}

}  // namespace detail

/// The text of a scheme, by the grammar above.
inline std::string to_string(scheme_info const& info) {
    scheme_info const defaults;
    std::string text = "int" + std::to_string(info.bits);
    auto const write = [&](std::string_view word, std::string_view by_default) {
        if (word != by_default) {
            text.append(".").append(word);
        }
    };
    if (info.group != 0) {
        text += ".g" + std::to_string(info.group);
    } else {
        write(info.granularity, defaults.granularity);
    }
    write(info.range, defaults.range);
    write(info.symmetry, defaults.symmetry);
    write(info.rounding, defaults.rounding);
    write(info.scale_type, defaults.scale_type);
    write(info.scale_rule, detail::default_rule(info));
    write(info.codes_from, defaults.codes_from);
    write(info.division, defaults.division);
    write(info.zero_group, defaults.zero_group);
    write(info.tail, defaults.tail);
    return text;
}

template <quantization_scheme S>
std::string name() {
    return to_string(S::info);
}

/// The value that `text` describes; the inverse of to_string. Throws nibble::error for a word that no policy has, for
/// words out of order or repeated, and for a width outside 1 … 8.
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
    if (!text.starts_with("int") || !number(text.substr(3, at - 3), info.bits) || info.bits < 1 || info.bits > 8) {
        refuse("it must start with 'int' and a width of 1 to 8 bits");
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
