// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string_view>

namespace nibble {

/// A scheme as a plain value. The words are the policies' own names; `granularity` is "group" where `group` counts.
struct scheme_info {
    int bits = 0;
    std::size_t group = 0;
    std::string_view granularity = "channel";
    std::string_view range = "full";
    std::string_view symmetry = "symmetric";
    std::string_view rounding = "rne";
    std::string_view scale_type = "bf16";
    std::string_view scale_rule = "absmax";
    std::string_view codes_from = "stored";
    std::string_view division = "divide";
    std::string_view zero_group = "canonical_zero";
    std::string_view tail = "short";

    friend constexpr bool operator==(scheme_info const&, scheme_info const&) = default;
};

namespace detail {

template <class Granularity>
consteval std::string_view name_of() {
    if constexpr (requires { Granularity::name; }) {
        return Granularity::name;
    } else {
        return "group";
    }
}

}  // namespace detail

}  // namespace nibble
