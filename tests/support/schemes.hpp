// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/scheme.hpp>
#include <nibble/scheme/rules.hpp>

#include <cstddef>
#include <tuple>

/// One scheme of each kind of levels, of zeros, of scales in storage and of groups: for what goes on around groups, not
/// how one is fitted.
using some_schemes = std::tuple<
    nibble::q4_0, nibble::q4_k, nibble::q6_k, nibble::iq4_nl, nibble::mxfp4, nibble::nvfp4, nibble::int4_g32,
    nibble::int8_channel,  //
    nibble::scheme<nibble::bits<1>, nibble::asymmetric_offset, nibble::per_group<32>>,
    nibble::scheme<nibble::bits<4>, nibble::asymmetric, nibble::per_group<32>, nibble::scale_as<nibble::f16>>,
    nibble::scheme<nibble::bits<5>, nibble::mid_rise, nibble::per_block<4, 32>>,
    nibble::scheme<nibble::bits<4>, nibble::asymmetric_middle, nibble::per_block<3, 20>, nibble::zero_padded>,
    nibble::scheme<nibble::ternary, nibble::per_tensor, nibble::no_clipping, nibble::round_away_from_zero>,
    nibble::scheme<nibble::bits<8>, nibble::per_token, nibble::percentile<999, 1000>>,
    nibble::scheme<nibble::bits<4>, nibble::asymmetric_offset, nibble::per_group<32>,
                   nibble::scale_as<nibble::q4_k::scale_type>, nibble::least_squares>>;

/// The schemes that every property is tested over. A new policy joins every test by joining this list: each value of
/// each decision is here at least once, but for those of other systems, which tests/scheme/foreign.cpp tests alike. The
/// sanitizers look at memory and threads, where one scheme of a kind stands for all.
#if defined(NIBBLE_TEST_FEW_SCHEMES)
using all_schemes = some_schemes;
#else
using all_schemes = std::tuple<
    nibble::q4_0, nibble::q4_1, nibble::q5_0, nibble::q5_1, nibble::q8_0, nibble::q2_k, nibble::q3_k, nibble::q4_k,
    nibble::q5_k, nibble::q6_k, nibble::tq2_0, nibble::iq4_nl, nibble::mxfp4, nibble::nvfp4, nibble::nvfp4_block,
    nibble::nf4_g64, nibble::int4_g32, nibble::int4_g128, nibble::int8_channel, nibble::int8_token,  //
    nibble::scheme<nibble::bits<2>, nibble::per_group<16>, nibble::scale_as<nibble::f16>>,
    nibble::scheme<nibble::bits<3>, nibble::per_group<64>, nibble::absmax_over_half_range, nibble::round_half_down>,
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
    nibble::scheme<nibble::bits<3>, nibble::asymmetric_offset, nibble::per_group<24>, nibble::stochastic<32>>,
    nibble::scheme<nibble::bits<1>, nibble::mid_rise, nibble::per_group<32>, nibble::round_half_to_zero>,
    nibble::scheme<nibble::bits<5>, nibble::mid_rise, nibble::per_block<4, 32>>,
    nibble::scheme<nibble::bits<4>, nibble::asymmetric_middle, nibble::per_block<3, 20>, nibble::zero_padded>,
    nibble::scheme<nibble::bits<8>, nibble::asymmetric_offset, nibble::per_block<16, 16>, nibble::round_half_odd>,
    nibble::scheme<nibble::bits<4>, nibble::asymmetric, nibble::zero_before_rounding, nibble::per_group<32>>,
    nibble::scheme<nibble::ternary, nibble::per_tensor, nibble::no_clipping, nibble::round_away_from_zero>,
    nibble::scheme<nibble::e4m3, nibble::per_channel, nibble::scale_as<float>>,
    nibble::scheme<nibble::e5m2, nibble::per_group<64>, nibble::scale_as<nibble::e4m3>>,
    nibble::scheme<nibble::e2m1, nibble::per_block<2, 16>, nibble::absmax_over_qmin, nibble::stochastic<16>>,
    nibble::scheme<nibble::bits<6>, nibble::asymmetric, nibble::per_group<32>,
                   nibble::scale_as<nibble::q4_k::scale_type>>,
    nibble::scheme<nibble::ternary, nibble::mean_times<1>>,
    nibble::scheme<nibble::bits<4>, nibble::narrow_range, nibble::rms_times<1, 3>>,
    nibble::scheme<nibble::bits<8>, nibble::per_token, nibble::percentile<999, 1000>>,
    nibble::scheme<nibble::bits<4>, nibble::per_group<32>, nibble::least_error>,
    nibble::scheme<nibble::bits<4>, nibble::asymmetric_middle, nibble::per_group<64>, nibble::hqq>,
    nibble::scheme<nibble::bits<4>, nibble::asymmetric_offset, nibble::per_group<32>,
                   nibble::scale_as<nibble::q4_k::scale_type>, nibble::least_squares>>;
#endif
