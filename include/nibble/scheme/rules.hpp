// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Scale rules that look at every value of a group. A rule of your own is a struct like these (value_rule.hpp).

#include <nibble/scheme/rules/hqq.hpp>            // the origin that lets few values be far off
#include <nibble/scheme/rules/least_error.hpp>    // the best of a grid of scales
#include <nibble/scheme/rules/least_squares.hpp>  // codes and scale in turn, weighted by importance
#include <nibble/scheme/rules/mean_times.hpp>     // c · mean|x|
#include <nibble/scheme/rules/percentile.hpp>     // the largest magnitude but for a share of them
#include <nibble/scheme/rules/rms_times.hpp>      // c · √mean(x²)
