// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <nibble/gemma3/vocabulary_gguf.hpp>
#include <nibble/io/gguf.hpp>
#include <nibble/io/gguf_writer.hpp>

#include <support/scratch_folder.hpp>

/// A vocabulary as it is read back from a file.
inline nibble::vocabulary through_gguf(nibble::vocabulary const& words) {
    scratch_folder const folder;
    nibble::gguf_writer writer;
    nibble::gemma3::add_vocabulary(writer, words);
    writer.start(folder / "words.gguf");
    writer.commit();
    return nibble::gemma3::vocabulary_from(nibble::gguf_file::open(folder / "words.gguf"));
}
