// SPDX-License-Identifier: Apache-2.0
#include "options.hpp"
#include "output.hpp"
#include "progress.hpp"
#include "recipe_job.hpp"

namespace program {

void quantize(quantize_options const& options) {
    nb::gemma3::export_statistics written;
    nb::with_recipe(options.recipe, [&](auto const& entry) {
        auto const file = nb::gemma3::checkpoint::open(options.in);
        nb::thread_pool pool(options.threads);
        progress line("quantizing " + options.in);
        written = job_of<decltype(entry)>::quantize(nb::cpu(pool), file, options.out, {.progress = std::ref(line)});
    });
    if (options.json) {
        print({{"file", options.out},
               {"recipe", options.recipe},
               {"file_bytes", written.file_bytes},
               {"tensor_bytes", json(written.tensor_bytes)},
               {"underflowed_groups", written.underflowed_groups}});
    } else {
        std::cout << options.out << ": " << bytes_text(written.file_bytes) << ", recipe " << options.recipe;
        if (written.underflowed_groups != 0) {
            std::cout << "; " << written.underflowed_groups << " groups are too small for their scale and became zero";
        }
        std::cout << '\n';
    }
}

}  // namespace program
