// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/scheme.hpp>

#include <cstddef>
#include <tuple>

/// The schemes that every property is tested over. A new policy joins every test by joining this list: each value of
/// each decision is here at least once.
using all_schemes = std::tuple<
    nibble::q4_0, nibble::q4_1, nibble::q5_0, nibble::q5_1, nibble::q8_0, nibble::int4_g32, nibble::int4_g128,
    nibble::int8_channel, nibble::int8_token,  //
    nibble::scheme<nibble::bits<2>, nibble::per_group<16>, nibble::scale_as<nibble::f16>>,
    nibble::scheme<nibble::bits<3>, nibble::per_group<64>, nibble::absmax_over_half_range>,
    nibble::scheme<nibble::bits<6>, nibble::per_tensor, nibble::round_half_up>,
    nibble::scheme<nibble::bits<7>, nibble::per_group<48>, nibble::scale_as<float>, nibble::round_toward_zero>,
    nibble::scheme<nibble::bits<5>, nibble::narrow_range, nibble::per_group<32>, nibble::scale_as<nibble::e8m0>,
                   nibble::power_of_two_above>,
    nibble::scheme<nibble::bits<1>, nibble::asymmetric_offset, nibble::per_group<32>>,
    nibble::scheme<nibble::bits<4>, nibble::asymmetric, nibble::per_group<32>, nibble::scale_as<nibble::f16>>,
    nibble::scheme<nibble::bits<8>, nibble::asymmetric, nibble::per_token, nibble::round_down>,
    nibble::scheme<nibble::bits<3>, nibble::asymmetric_offset, nibble::scale_as<float>, nibble::round_up>,
    nibble::scheme<nibble::bits<4>, nibble::per_group<32>, nibble::stochastic<16>>,
    nibble::scheme<nibble::bits<8>, nibble::per_token, nibble::narrow_range, nibble::stochastic<8>>,
    nibble::scheme<nibble::bits<3>, nibble::asymmetric_offset, nibble::per_group<24>, nibble::stochastic<32>>>;
