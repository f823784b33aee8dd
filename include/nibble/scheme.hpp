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
///   | format            | bits<1 … 8>, ternary, e2m1, e4m3, e5m2, codebook<Table> (nf4)   | required           |
///   | range             | full_range, narrow_range, mid_rise                              | full_range         |
///   | granularity       | per_tensor, per_channel, per_token, per_group<N>,               | per_channel        |
///   |                   | per_group_of_rows<N>, per_block<R, C>                           |                    |
///   | symmetry          | symmetric, asymmetric, asymmetric_offset, asymmetric_middle     | symmetric          |
///   | rounding          | round_to_nearest_even and the other modes of numeric,           | nearest, ties even |
///   |                   | stochastic<8 | 16 | 32>, which draws random numbers              |                    |
///   | scale type        | scale_as<float | f16 | bf16 | e8m0 | e4m3 | two_level<…>>       | bf16               |
///   | scale rule        | of the extremes (scale.hpp), or of every value (rules/)         | absmax_over_qmax,  |
///   |                   |                                                                 | or min_max         |
///   | codes from        | codes_from_stored, codes_from_unrounded                         | stored             |
///   | division          | divide, reciprocal                                              | divide             |
///   | zero point        | zero_after_rounding, zero_before_rounding                       | after              |
///   | all-zero group    | canonical_zero, zero_as_computed, at_least_epsilon and others   | canonical_zero     |
///   | ragged last group | short_group, zero_padded, reject_tail                           | short_group        |
///   | gradient          | straight_through<mask>, learned_step<>, pact and others         | straight_through,  |
///   |                   |                                                                 | clipped            |

#include <nibble/scheme/axis.hpp>             // what a policy is
#include <nibble/scheme/basic_scheme.hpp>     // a scheme with every decision in its slot
#include <nibble/scheme/bits_per_weight.hpp>  // what a weight costs
#include <nibble/scheme/codebook.hpp>         // formats of a table: nf4, or yours
#include <nibble/scheme/compose.hpp>          // scheme<…>: policies in any order
#include <nibble/scheme/float_format.hpp>     // e2m1, e4m3 and e5m2 as formats
#include <nibble/scheme/format.hpp>           // bits, ternary; ranges
#include <nibble/scheme/gradient.hpp>         // how a gradient passes the quantizer
#include <nibble/scheme/gradient_mask.hpp>    // which values it passes at
#include <nibble/scheme/granularity.hpp>      // who shares a scale; the tail
#include <nibble/scheme/grid.hpp>             // the values of a format's codes
#include <nibble/scheme/info.hpp>             // a scheme as a value
#include <nibble/scheme/parameter_rule.hpp>   // rules that say how scale and zero are stored
#include <nibble/scheme/presets.hpp>          // q4_0 … q6_k, mxfp4, int4_g32 …
#include <nibble/scheme/scale.hpp>            // scale rules and how codes use scales
#include <nibble/scheme/scale_type.hpp>       // how a scale is stored, in one level or two
#include <nibble/scheme/storage.hpp>          // what decoding reads; decode
#include <nibble/scheme/storage_list.hpp>     // the storages that a file's weights can have
#include <nibble/scheme/symmetry.hpp>         // where zero lies
#include <nibble/scheme/value_rule.hpp>       // rules that look at every value

// Not here, for the time that they take to compile:
//   nibble/scheme/name.hpp     a scheme as a text
//   nibble/scheme/parse.hpp    and back
//   nibble/scheme/rules.hpp    scale rules that look at every value
//   nibble/scheme/foreign.hpp  other systems' decisions, bit for bit
//   nibble/scheme/preset_list.hpp  all presets with their names
