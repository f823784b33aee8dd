// SPDX-License-Identifier: Apache-2.0
#include "engine.hpp"
#include "input.hpp"
#include "progress.hpp"

#include <nibble/io/atomic_file.hpp>

#include <algorithm>

namespace program {

void logits(logits_options const& options) {
    auto const ids = read_ids(options.tokens);
    engine running(options.model);
    running.require_ids(ids, options.tokens);
    nb::atomic_file out(options.out);
    progress line("logits");
    logits_reader reader(running, std::max<std::size_t>(ids.size(), 1));
    reader.start(ids);
    std::size_t done = 0;
    for (auto rows = reader.next(); rows.rows() != 0; rows = reader.next()) {
        out.write(std::as_bytes(std::span(rows.data(), rows.rows() * rows.columns())));
        line(done += rows.rows(), ids.size());
    }
    out.commit();
}

}  // namespace program
