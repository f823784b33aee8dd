// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/io/safetensors_writer.hpp>

#include <cstdint>

namespace nibble::gemma3 {

/// What decides the steps of a run and its trainer does not hold. A checkpoint belongs to one run.
struct training_run {
    std::uint64_t vocabulary = 0;  ///< hash_of the vocabulary
    safetensors_metadata data{};   ///< texts, batches, teacher: names and values in the caller's words, UTF-8
};

}  // namespace nibble::gemma3
