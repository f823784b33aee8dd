// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace program {

/// The bytes of a file, a pipe, or with "-" of the standard input. Throws nibble::error where they cannot be read.
std::string read_text(std::string const& path);

/// Decimal ids with white space between them, from what read_text takes. Throws nibble::error for anything else.
std::vector<std::uint32_t> read_ids(std::string const& path);

}  // namespace program
