// SPDX-License-Identifier: Apache-2.0
#pragma once

// Every front door there is, for both translation units.
#include <nibble/numeric/error.hpp>

#if __has_include(<nibble/nibble.hpp>)
#include <nibble/nibble.hpp>
#endif
#if __has_include(<nlohmann/json.hpp>) && __has_include(<nibble/io.hpp>)
#include <nibble/io.hpp>
#endif
#if __has_include(<nlohmann/json.hpp>) && __has_include(<nibble/gemma3.hpp>)
#include <nibble/gemma3.hpp>
#endif

int refuse();
