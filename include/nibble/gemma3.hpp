// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Gemma 3, from a file to text:
///
///     nibble::thread_pool pool;
///     auto const model = nibble::gemma3::load("gemma-3-1b-it-q4_0.gguf");
///     std::vector<nibble::chat_message> const messages{{nibble::chat_role::user, "Why is the sky blue?"}};
///     for (auto const& piece : nibble::gemma3::generate(nibble::cpu{pool}, model, messages))
///         std::cout << piece << std::flush;

#include <nibble/gemma3/block.hpp>                       // one block, forward
#include <nibble/gemma3/calibrate.hpp>                   // codes that keep the layers' outputs on a text
#include <nibble/gemma3/chat.hpp>                        // turns of a conversation as ids
#include <nibble/gemma3/checkpoint.hpp>                  // a model in a file, checked but not read
#include <nibble/gemma3/configuration.hpp>               // the sizes of a model; 270M to 27B
#include <nibble/gemma3/configuration_gguf.hpp>          // from and to the metadata of GGUF
#include <nibble/gemma3/configuration_json.hpp>          // from config.json
#include <nibble/gemma3/configuration_json_writer.hpp>   // to config.json
#include <nibble/gemma3/export.hpp>                      // a GGUF file of any recipe
#include <nibble/gemma3/export_safetensors.hpp>          // a model in safetensors, for transformers
#include <nibble/gemma3/forward.hpp>                     // tokens to logits
#include <nibble/gemma3/generate.hpp>                    // sessions, ids and text one at a time
#include <nibble/gemma3/kv_cache.hpp>                    // keys and values of the tokens seen
#include <nibble/gemma3/ledger.hpp>                      // what a model costs, as constants
#include <nibble/gemma3/load.hpp>                        // a model in memory, from a file
#include <nibble/gemma3/model.hpp>                       // a model in memory
#include <nibble/gemma3/piece_index.hpp>                 // from text to id
#include <nibble/gemma3/quantize_checkpoint.hpp>         // a checkpoint written under another recipe
#include <nibble/gemma3/random_model.hpp>                // random weights of any size
#include <nibble/gemma3/random_vocabulary.hpp>           // and a valid vocabulary
#include <nibble/gemma3/recover_checkpoint.hpp>          // codes of weights that were quantized before
#include <nibble/gemma3/sampler.hpp>                     // logits to an id
#include <nibble/gemma3/sentencepiece_model.hpp>         // a vocabulary from tokenizer.model
#include <nibble/gemma3/sentencepiece_model_writer.hpp>  // and back
#include <nibble/gemma3/tensor_names.hpp>                // the names of a checkpoint's tensors
#include <nibble/gemma3/tokenizer.hpp>                   // text to ids and back
#include <nibble/gemma3/tokenizer_json.hpp>              // a vocabulary from tokenizer.json
#include <nibble/gemma3/vocabulary.hpp>                  // pieces, scores, kinds, special ids
#include <nibble/gemma3/vocabulary_gguf.hpp>             // from and to the metadata of GGUF
#include <nibble/gemma3/windows.hpp>                     // a text cut for a model
#include <nibble/nn/recipes.hpp>                         // the recipes that have a name
#include <nibble/tensor/thread_pool.hpp>                 // the user's threads
