// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string_view>

namespace nibble {

/// A scheme as a plain value. The words are the policies' own names; `granularity` is "group" or "block" where `group`
/// counts.
struct scheme_info {
    std::string_view format = "int";
    int bits = 0;
    std::size_t rows = 1;   ///< that share a scale; 0: all
    std::size_t group = 0;  ///< columns that share a scale; 0: all
    std::string_view granularity = "channel";
    std::string_view range = "full";
    std::string_view symmetry = "symmetric";
    std::string_view rounding = "rne";
    std::string_view scale_type = "bf16";
    std::string_view scale_rule = "absmax";
    std::string_view codes_from = "stored";
    std::string_view division = "divide";
    std::string_view zero_order = "zero_after";
    std::string_view zero_group = "canonical_zero";
    std::string_view tail = "short";
    std::string_view gradient = "ste_after_rounding";

    friend constexpr bool operator==(scheme_info const&, scheme_info const&) = default;
};

}  // namespace nibble
