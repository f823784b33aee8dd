// SPDX-License-Identifier: Apache-2.0
#include "linear.hpp"

template void nibble::linear(nibble::cpu, nibble::activation_kind, nibble::matrix_view<float const>,
                             program::panels<nibble::q4_0> const&, nibble::matrix_view<float>, nibble::identity);
template void nibble::linear(nibble::cpu, nibble::activation_kind, nibble::matrix_view<float const>,
                             program::panels<nibble::q4_1> const&, nibble::matrix_view<float>, nibble::identity);
template void nibble::linear(nibble::cpu, nibble::activation_kind, nibble::matrix_view<float const>,
                             program::panels<nibble::q5_0> const&, nibble::matrix_view<float>, nibble::identity);
template void nibble::linear(nibble::cpu, nibble::activation_kind, nibble::matrix_view<float const>,
                             program::panels<nibble::q5_1> const&, nibble::matrix_view<float>, nibble::identity);
template void nibble::linear(nibble::cpu, nibble::activation_kind, nibble::matrix_view<float const>,
                             program::panels<nibble::q8_0> const&, nibble::matrix_view<float>, nibble::identity);
template void nibble::linear(nibble::cpu, nibble::activation_kind, nibble::matrix_view<float const>,
                             program::panels<nibble::iq4_nl> const&, nibble::matrix_view<float>, nibble::identity);
template void nibble::linear(nibble::cpu, nibble::activation_kind, nibble::matrix_view<float const>,
                             program::panels<nibble::mxfp4> const&, nibble::matrix_view<float>, nibble::identity);
