// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/nn/linear.hpp>
#include <nibble/tensor/any_weight.hpp>

#include <variant>

// The product of a storage, an explicit instantiation or with `extern` before it the declaration of one.
#define NIBBLE_PROGRAM_LINEAR(Scheme)                                                                                  \
    template void nibble::linear(nibble::cpu, nibble::activation_kind, nibble::matrix_view<float const>,               \
                                 nibble::cpu_panel_weights<nibble::storage_of<Scheme>> const&,                         \
                                 nibble::matrix_view<float>, nibble::identity)

// Each of nibble::known_storages is compiled once, in linear_*.cpp.
extern NIBBLE_PROGRAM_LINEAR(nibble::q4_0);
extern NIBBLE_PROGRAM_LINEAR(nibble::q4_1);
extern NIBBLE_PROGRAM_LINEAR(nibble::q5_0);
extern NIBBLE_PROGRAM_LINEAR(nibble::q5_1);
extern NIBBLE_PROGRAM_LINEAR(nibble::q8_0);
extern NIBBLE_PROGRAM_LINEAR(nibble::iq4_nl);
extern NIBBLE_PROGRAM_LINEAR(nibble::mxfp4);
extern NIBBLE_PROGRAM_LINEAR(nibble::q2_k);
extern NIBBLE_PROGRAM_LINEAR(nibble::q3_k);
extern NIBBLE_PROGRAM_LINEAR(nibble::q4_k);
extern NIBBLE_PROGRAM_LINEAR(nibble::q5_k);
extern NIBBLE_PROGRAM_LINEAR(nibble::q6_k);
extern NIBBLE_PROGRAM_LINEAR(nibble::tq2_0);
extern NIBBLE_PROGRAM_LINEAR(nibble::nvfp4_block);
extern NIBBLE_PROGRAM_LINEAR(nibble::int2_g32);
extern NIBBLE_PROGRAM_LINEAR(nibble::int3_g32);
extern NIBBLE_PROGRAM_LINEAR(nibble::int3_g64);
extern NIBBLE_PROGRAM_LINEAR(nibble::int4_g32);
extern NIBBLE_PROGRAM_LINEAR(nibble::int4_g128);
extern NIBBLE_PROGRAM_LINEAR(nibble::int4_channel);
extern NIBBLE_PROGRAM_LINEAR(nibble::int8_channel);
static_assert(std::variant_size_v<nibble::any_weight> == 3 + 21,
              "a storage joined or left known_storages: so must its line above");
