// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/scheme/compose.hpp>

#include <string>
#include <string_view>

namespace nibble {

// Grammar of a scheme's text, slots in this order, each written only where it is not the default:
//   ("int" bits | format) [".g" columns | ".b" rows "x" columns | ".tensor" | ".token"] [".narrow" | ".mid_rise"]
//   [".zp" | ".offset" | ".middle"] ["." rounding] ["." scale type] ["." scale rule] [".unrounded"] [".reciprocal"]
//   [".zero_before"] ["." least scale] [".reject" | ".zero_padded"] ["." gradient]
// The default scale rule is absmax, or min_max where there is a zero to store. Example: int4.g32.f16

namespace detail {

inline std::string_view default_rule(scheme_info const& info) {
    return info.symmetry == symmetric::name ? absmax_over_qmax::name : min_max::name;
}

}  // namespace detail

/// The text of a scheme, by the grammar above.
inline std::string to_string(scheme_info const& info) {
    scheme_info const defaults;
    std::string text(info.format);
    if (info.format == defaults.format) {
        text += std::to_string(info.bits);
    }
    auto const write = [&](std::string_view word, std::string_view by_default) {
        if (word != by_default) {
            text.append(".").append(word);
        }
    };
    if (info.granularity == "block") {
        text += ".b" + std::to_string(info.rows) + "x" + std::to_string(info.group);
    } else if (info.group != 0) {
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
    write(info.zero_order, defaults.zero_order);
    write(info.zero_group, defaults.zero_group);
    write(info.tail, defaults.tail);
    write(info.gradient, defaults.gradient);
    return text;
}

template <quantization_scheme S>
std::string name() {
    return to_string(S::info);
}

}  // namespace nibble
