// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/gemma3/calibrate.hpp>
#include <nibble/gemma3/checkpoint.hpp>
#include <nibble/gemma3/configuration.hpp>
#include <nibble/gemma3/export.hpp>
#include <nibble/gemma3/recover_checkpoint.hpp>
#include <nibble/gemma3/trained_model.hpp>
#include <nibble/gemma3/vocabulary.hpp>
#include <nibble/nn/recipes.hpp>

#include <cstdint>
#include <string>

namespace program {

namespace nb = nibble;

/// What is instantiated for every recipe. It is compiled once, in recipes_*.cpp; a recipe of the table that none of
/// them names does not link.
template <auto Recipe>
struct recipe_job {
    static nb::gemma3::export_statistics quantize(nb::cpu where, nb::gemma3::checkpoint const& file,
                                                  std::string const& path, nb::gemma3::export_options const& options);

    static nb::gemma3::export_statistics calibrate(nb::cpu where, nb::gemma3::checkpoint const& file,
                                                   nb::gemma3::calibration const& how, std::string const& path,
                                                   nb::gemma3::export_options const& options);

    static nb::gemma3::export_statistics recover(nb::cpu where, nb::gemma3::checkpoint const& file,
                                                 nb::gemma3::recovery const& how, std::string const& path,
                                                 nb::gemma3::export_options const& options);

    /// The recipe as training sees it, with learned scales where it can have them.
    static nb::gemma3::trained_recipe trained(bool learn_scales);

    static nb::gemma3::export_statistics export_trained(nb::cpu where, nb::gemma3::trained_model const& model,
                                                        nb::vocabulary const& words, std::string const& path,
                                                        nb::gemma3::export_options const& options);

    static nb::gemma3::export_statistics make(nb::cpu where, nb::gemma3::configuration const& config,
                                              std::uint64_t seed, std::string const& path,
                                              nb::gemma3::export_options const& options);
};

/// The job of an entry of nibble::for_each_recipe.
template <class Entry>
using job_of = recipe_job<std::remove_cvref_t<Entry>::recipe>;

}  // namespace program
