// SPDX-License-Identifier: Apache-2.0
// The bodies of recipe_job.hpp, for the files that instantiate them.
#include "recipe_job.hpp"

#include <nibble/gemma3/export_trained.hpp>
#include <nibble/gemma3/quantize_checkpoint.hpp>
#include <nibble/gemma3/random_model.hpp>

namespace program {

template <auto Recipe>
nb::gemma3::export_statistics recipe_job<Recipe>::quantize(nb::cpu where, nb::gemma3::checkpoint const& file,
                                                           std::string const& path,
                                                           nb::gemma3::export_options const& options) {
    return nb::gemma3::quantize_checkpoint<Recipe>(where, file, path, options);
}

template <auto Recipe>
nb::gemma3::export_statistics recipe_job<Recipe>::calibrate(nb::cpu where, nb::gemma3::checkpoint const& file,
                                                            nb::gemma3::calibration const& how, std::string const& path,
                                                            nb::gemma3::export_options const& options) {
    return nb::gemma3::quantize_checkpoint<Recipe>(where, file, how, path, options);
}

template <auto Recipe>
nb::gemma3::export_statistics recipe_job<Recipe>::recover(nb::cpu where, nb::gemma3::checkpoint const& file,
                                                          nb::gemma3::recovery const& how, std::string const& path,
                                                          nb::gemma3::export_options const& options) {
    return nb::gemma3::quantize_checkpoint<Recipe>(where, file, how, path, options);
}

template <auto Recipe>
nb::gemma3::trained_recipe recipe_job<Recipe>::trained(bool learn_scales) {
    return learn_scales ? nb::gemma3::trained_recipe_of<Recipe, true>() : nb::gemma3::trained_recipe_of<Recipe>();
}

template <auto Recipe>
nb::gemma3::export_statistics recipe_job<Recipe>::export_trained(nb::cpu where, nb::gemma3::trained_model const& model,
                                                                 nb::vocabulary const& words, std::string const& path,
                                                                 nb::gemma3::export_options const& options) {
    return nb::gemma3::export_trained<Recipe>(where, path, model, words, options);
}

template <auto Recipe>
nb::gemma3::export_statistics recipe_job<Recipe>::make(nb::cpu where, nb::gemma3::configuration const& config,
                                                       std::uint64_t seed, std::string const& path,
                                                       nb::gemma3::export_options const& options) {
    return nb::gemma3::make_model<Recipe>(where, config, seed, path, options);
}

}  // namespace program
