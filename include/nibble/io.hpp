// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Model files, every one of them untrusted: any byte sequence gives a value or a nibble::error that says where.

#include <nibble/io/atomic_file.hpp>                    // a file that appears whole or not at all
#include <nibble/io/ggml_block.hpp>                     // which of them a storage has
#include <nibble/io/ggml_blocks.hpp>                    // matrices of them, read and written
#include <nibble/io/ggml_fields.hpp>                    // the order of bits in ggml's blocks
#include <nibble/io/ggml_k_blocks.hpp>                  // Q2_K ... Q6_K by byte
#include <nibble/io/ggml_level_blocks.hpp>              // TQ2_0, IQ4_NL, MXFP4, NVFP4 by byte
#include <nibble/io/ggml_plain_blocks.hpp>              // Q4_0 ... Q8_0 by byte
#include <nibble/io/ggml_type.hpp>                      // ids, block sizes and names of ggml's tensor types
#include <nibble/io/gguf.hpp>                           // GGUF v2 and v3: metadata and tensors of a file
#include <nibble/io/gguf_checksum.hpp>                  // whether a GGUF file is whole
#include <nibble/io/gguf_value.hpp>                     // one metadata value
#include <nibble/io/gguf_writer.hpp>                    // GGUF v3, written in a stream
#include <nibble/io/json_fields.hpp>                    // JSON as a bounded table of values
#include <nibble/io/json_position.hpp>                  // where a JSON parse has come to
#include <nibble/io/mapped_file.hpp>                    // a file as bytes
#include <nibble/io/safetensors.hpp>                    // safetensors: entries and metadata
#include <nibble/io/safetensors_checkpoint.hpp>         // one file, or shards with their index
#include <nibble/io/safetensors_checkpoint_writer.hpp>  // the same, written tensor by tensor
#include <nibble/io/safetensors_writer.hpp>             // safetensors, written in a stream
#include <nibble/io/stored_tensor.hpp>                  // a matrix of a file, as values or codes
#include <nibble/io/token_order.hpp>                    // where training windows begin
#include <nibble/io/token_shard.hpp>                    // ids of a text, mapped
#include <nibble/io/xxh64.hpp>                          // XXH64
