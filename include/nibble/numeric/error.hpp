// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <new>
#include <stdexcept>
#include <string>
#include <utility>

namespace nibble {

/// The one exception of the library. Its text is a sentence that says what is wrong, where (file, tensor,
/// byte offset or index), and what to do.
class error : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

namespace detail {

/// f(); where memory runs out in it, nibble::error with what(), a text that says what it was for.
template <class F, class What>
decltype(auto) allocate(F&& f, What&& what) {
    try {
        return std::forward<F>(f)();
    } catch (std::bad_alloc const&) {
        throw error("There is no memory for " + std::string(what()) + "; free some, or take a smaller one.");
    } catch (std::length_error const&) {
        throw error("No memory holds " + std::string(what()) + "; check its sizes.");
    }
}

}  // namespace detail

}  // namespace nibble
