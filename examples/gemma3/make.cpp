// SPDX-License-Identifier: Apache-2.0
#include "options.hpp"
#include "output.hpp"
#include "progress.hpp"
#include "recipe_job.hpp"

#include <nibble/tensor/thread_pool.hpp>

namespace program {

void make(make_options const& options) {
    auto const& config = nb::gemma3::find_configuration(options.configuration);
    nb::with_recipe(options.recipe, [&](auto const& entry) {
        nb::thread_pool pool(options.threads);
        progress line("making " + options.out);
        job_of<decltype(entry)>::make(nb::cpu(pool), config, options.seed, options.out,
                                      {.name = "random gemma3 " + options.configuration, .progress = std::ref(line)});
    });
}

}  // namespace program
