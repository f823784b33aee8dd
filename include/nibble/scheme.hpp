// SPDX-License-Identifier: Apache-2.0
#pragma once

/// A quantization scheme is a type: it says what the stored bits mean and how they are chosen.
///
///     using w4 = nibble::scheme<nibble::bits<4>, nibble::per_group<32>, nibble::scale_as<nibble::f16>>;
///
/// Policies come in any order; what is left out has a default. `w4::info` is the scheme as a value, `name<w4>()` its
/// text ("int4.g32.f16"), `storage_of<w4>` what decoding reads and `storage_of<w4>::decode` what a code means.
///
///   | decision          | policies                                                        | default            |
///   |-------------------|-----------------------------------------------------------------|--------------------|
///   | format            | bits<1 … 8>                                                     | required           |
///   | range             | full_range, narrow_range                                        | full_range         |
///   | granularity       | per_tensor, per_channel, per_token, per_group<N>                | per_channel        |
///   | symmetry          | symmetric, asymmetric, asymmetric_offset                        | symmetric          |
///   | rounding          | round_to_nearest_even and the other modes of numeric,           | nearest, ties even |
///   |                   | stochastic<8 | 16 | 32>, which draws random numbers              |                    |
///   | scale type        | scale_as<float | f16 | bf16 | e8m0>                             | bf16               |
///   | scale rule        | absmax_over_qmax, absmax_over_half_range, signed_extreme,       | absmax_over_qmax,  |
///   |                   | min_max, power_of_two_above                                     | or min_max         |
///   | codes from        | codes_from_stored, codes_from_unrounded                         | stored             |
///   | division          | divide, reciprocal                                              | divide             |
///   | all-zero group    | canonical_zero, zero_as_computed                                | canonical_zero     |
///   | ragged last group | short_group, reject_tail                                        | short_group        |

#include <nibble/scheme/axis.hpp>             // what a policy is
#include <nibble/scheme/basic_scheme.hpp>     // a scheme with every decision in its slot
#include <nibble/scheme/bits_per_weight.hpp>  // what a weight costs
#include <nibble/scheme/compose.hpp>          // scheme<…>: policies in any order
#include <nibble/scheme/format.hpp>           // bits, ranges
#include <nibble/scheme/granularity.hpp>      // who shares a scale; the tail
#include <nibble/scheme/info.hpp>             // a scheme as a value
#include <nibble/scheme/name.hpp>             // a scheme as a text
#include <nibble/scheme/presets.hpp>          // q4_0 … q8_0, int4_g32, int8_channel …
#include <nibble/scheme/scale.hpp>            // scale types, rules and how codes use them
#include <nibble/scheme/storage.hpp>          // what decoding reads; decode
#include <nibble/scheme/storage_list.hpp>     // the storages that a file's weights can have
#include <nibble/scheme/symmetry.hpp>         // where zero lies
