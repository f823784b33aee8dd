// SPDX-License-Identifier: Apache-2.0
#include "linear.hpp"

template void nibble::linear(nibble::cpu, nibble::activation_kind, nibble::matrix_view<float const>,
                             program::panels<nibble::int3_g64> const&, nibble::matrix_view<float>, nibble::identity);
template void nibble::linear(nibble::cpu, nibble::activation_kind, nibble::matrix_view<float const>,
                             program::panels<nibble::int4_g32> const&, nibble::matrix_view<float>, nibble::identity);
template void nibble::linear(nibble::cpu, nibble::activation_kind, nibble::matrix_view<float const>,
                             program::panels<nibble::int4_g128> const&, nibble::matrix_view<float>, nibble::identity);
template void nibble::linear(nibble::cpu, nibble::activation_kind, nibble::matrix_view<float const>,
                             program::panels<nibble::int8_channel> const&, nibble::matrix_view<float>,
                             nibble::identity);
