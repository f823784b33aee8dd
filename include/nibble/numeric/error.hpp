// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdexcept>  // std::runtime_error

namespace nibble {

/// The one exception of the library. Its text is a sentence that says what is wrong, where (file, tensor,
/// byte offset or index), and what to do.
class error : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

}  // namespace nibble
