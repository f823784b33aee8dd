// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Numbers as they are stored, rounded and drawn: one definition of each for host, device and constant evaluation.

#include <nibble/numeric/bf16.hpp>
#include <nibble/numeric/e2m1.hpp>  // OCP FP4 and FP8
#include <nibble/numeric/e4m3.hpp>
#include <nibble/numeric/e5m2.hpp>
#include <nibble/numeric/e8m0.hpp>
#include <nibble/numeric/error.hpp>
#include <nibble/numeric/exp.hpp>  // exp, tanh, rsqrt: the same bits everywhere
#include <nibble/numeric/f16.hpp>
#include <nibble/numeric/fine_code.hpp>  // a group's scale under a super-block's
#include <nibble/numeric/fma.hpp>
#include <nibble/numeric/gelu.hpp>
#include <nibble/numeric/isa.hpp>       // the instruction sets of the CPU kernels, and NIBBLE_ISA
#include <nibble/numeric/multiply.hpp>  // a product that no compiler fuses
#include <nibble/numeric/random.hpp>    // counter-based: a function of seed, step, tensor and element
#include <nibble/numeric/rounding.hpp>  // from a float to an integer
#include <nibble/numeric/rsqrt.hpp>
#include <nibble/numeric/sqrt.hpp>
#include <nibble/numeric/stochastic.hpp>  // chance decides, by random bits
#include <nibble/numeric/tanh.hpp>
