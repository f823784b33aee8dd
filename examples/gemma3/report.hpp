// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "training_record.hpp"

#include <string>

namespace program {

struct report_options {
    std::string folder;
    bool json = false;
};

/// Writes report.html into the output folder of a training run. Throws nibble::error for a folder without a step, for
/// what is wrong in its files, and where the page cannot be written; a page that was there then stays as it is.
void report(report_options const& options);

/// The page: one HTML file that needs no other and no script. It is well-formed XML but for its first line.
std::string report_page(training_record const& record);

}  // namespace program
