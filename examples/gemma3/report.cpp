// SPDX-License-Identifier: Apache-2.0
#include "report.hpp"
#include "page_text.hpp"
#include "training_summary.hpp"

#include <nibble/io/atomic_file.hpp>

#include <filesystem>
#include <iostream>
#include <span>

namespace program {

void report(report_options const& options) {
    auto const record = read_training_record(options.folder);
    auto const path = std::filesystem::path(options.folder) / "report.html";
    std::string const page = report_page(record);
    nibble::write_whole_file(path, std::as_bytes(std::span(page)));

    training_summary const summary(record.metrics);
    if (options.json) {
        print({{"page", path.string()},
               {"bytes", page.size()},
               {"steps", summary.last_step},
               {"skipped", summary.skipped},
               {"loss", summary.loss},
               {"held_out", summary.held_out.perplexity}});
        return;
    }
    std::cout << path.string() << ": " << grouped(std::to_string(summary.last_step)) << " steps, loss "
              << number_text(summary.loss) << ", " << bytes_text(page.size()) << '\n';
}

}  // namespace program
