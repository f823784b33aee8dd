// SPDX-License-Identifier: Apache-2.0
#include "linear.hpp"

template void nibble::linear(nibble::cpu, nibble::activation_kind, nibble::matrix_view<float const>,
                             program::panels<nibble::q2_k> const&, nibble::matrix_view<float>, nibble::identity);
template void nibble::linear(nibble::cpu, nibble::activation_kind, nibble::matrix_view<float const>,
                             program::panels<nibble::q3_k> const&, nibble::matrix_view<float>, nibble::identity);
template void nibble::linear(nibble::cpu, nibble::activation_kind, nibble::matrix_view<float const>,
                             program::panels<nibble::q4_k> const&, nibble::matrix_view<float>, nibble::identity);
template void nibble::linear(nibble::cpu, nibble::activation_kind, nibble::matrix_view<float const>,
                             program::panels<nibble::q5_k> const&, nibble::matrix_view<float>, nibble::identity);
template void nibble::linear(nibble::cpu, nibble::activation_kind, nibble::matrix_view<float const>,
                             program::panels<nibble::q6_k> const&, nibble::matrix_view<float>, nibble::identity);
template void nibble::linear(nibble::cpu, nibble::activation_kind, nibble::matrix_view<float const>,
                             program::panels<nibble::tq2_0> const&, nibble::matrix_view<float>, nibble::identity);
template void nibble::linear(nibble::cpu, nibble::activation_kind, nibble::matrix_view<float const>,
                             program::panels<nibble::nvfp4_block> const&, nibble::matrix_view<float>, nibble::identity);
