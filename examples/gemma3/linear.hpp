// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/nn/linear.hpp>

namespace program {

template <class Scheme>
using panels = nibble::cpu_panel_weights<nibble::storage_of<Scheme>>;

}  // namespace program

// The products of each of nibble::known_storages are compiled once, in linear_*.cpp.
extern template void nibble::linear(nibble::cpu, nibble::activation_kind, nibble::matrix_view<float const>,
                                    program::panels<nibble::q4_0> const&, nibble::matrix_view<float>, nibble::identity);
extern template void nibble::linear(nibble::cpu, nibble::activation_kind, nibble::matrix_view<float const>,
                                    program::panels<nibble::q4_1> const&, nibble::matrix_view<float>, nibble::identity);
extern template void nibble::linear(nibble::cpu, nibble::activation_kind, nibble::matrix_view<float const>,
                                    program::panels<nibble::q5_0> const&, nibble::matrix_view<float>, nibble::identity);
extern template void nibble::linear(nibble::cpu, nibble::activation_kind, nibble::matrix_view<float const>,
                                    program::panels<nibble::q5_1> const&, nibble::matrix_view<float>, nibble::identity);
extern template void nibble::linear(nibble::cpu, nibble::activation_kind, nibble::matrix_view<float const>,
                                    program::panels<nibble::q8_0> const&, nibble::matrix_view<float>, nibble::identity);
extern template void nibble::linear(nibble::cpu, nibble::activation_kind, nibble::matrix_view<float const>,
                                    program::panels<nibble::iq4_nl> const&, nibble::matrix_view<float>,
                                    nibble::identity);
extern template void nibble::linear(nibble::cpu, nibble::activation_kind, nibble::matrix_view<float const>,
                                    program::panels<nibble::mxfp4> const&, nibble::matrix_view<float>,
                                    nibble::identity);
extern template void nibble::linear(nibble::cpu, nibble::activation_kind, nibble::matrix_view<float const>,
                                    program::panels<nibble::q2_k> const&, nibble::matrix_view<float>, nibble::identity);
extern template void nibble::linear(nibble::cpu, nibble::activation_kind, nibble::matrix_view<float const>,
                                    program::panels<nibble::q3_k> const&, nibble::matrix_view<float>, nibble::identity);
extern template void nibble::linear(nibble::cpu, nibble::activation_kind, nibble::matrix_view<float const>,
                                    program::panels<nibble::q4_k> const&, nibble::matrix_view<float>, nibble::identity);
extern template void nibble::linear(nibble::cpu, nibble::activation_kind, nibble::matrix_view<float const>,
                                    program::panels<nibble::q5_k> const&, nibble::matrix_view<float>, nibble::identity);
extern template void nibble::linear(nibble::cpu, nibble::activation_kind, nibble::matrix_view<float const>,
                                    program::panels<nibble::q6_k> const&, nibble::matrix_view<float>, nibble::identity);
extern template void nibble::linear(nibble::cpu, nibble::activation_kind, nibble::matrix_view<float const>,
                                    program::panels<nibble::tq2_0> const&, nibble::matrix_view<float>,
                                    nibble::identity);
extern template void nibble::linear(nibble::cpu, nibble::activation_kind, nibble::matrix_view<float const>,
                                    program::panels<nibble::nvfp4_block> const&, nibble::matrix_view<float>,
                                    nibble::identity);
extern template void nibble::linear(nibble::cpu, nibble::activation_kind, nibble::matrix_view<float const>,
                                    program::panels<nibble::int3_g64> const&, nibble::matrix_view<float>,
                                    nibble::identity);
extern template void nibble::linear(nibble::cpu, nibble::activation_kind, nibble::matrix_view<float const>,
                                    program::panels<nibble::int4_g32> const&, nibble::matrix_view<float>,
                                    nibble::identity);
extern template void nibble::linear(nibble::cpu, nibble::activation_kind, nibble::matrix_view<float const>,
                                    program::panels<nibble::int4_g128> const&, nibble::matrix_view<float>,
                                    nibble::identity);
extern template void nibble::linear(nibble::cpu, nibble::activation_kind, nibble::matrix_view<float const>,
                                    program::panels<nibble::int8_channel> const&, nibble::matrix_view<float>,
                                    nibble::identity);
