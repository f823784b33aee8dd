// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Training of Gemma 3, in floats or quantization-aware, and the file that serves what was trained.

#include <nibble/gemma3/block_backward.hpp>       // one block, back to front
#include <nibble/gemma3/byte_vocabulary.hpp>      // one id a byte, no file
#include <nibble/gemma3/export_trained.hpp>       // a GGUF file with the codes that training saw
#include <nibble/gemma3/train_vocabulary.hpp>     // pieces learned from a text
#include <nibble/gemma3/trained_model.hpp>        // a model under a recipe, in f32
#include <nibble/gemma3/trained_parameters.hpp>   // its numbers, their gradients, the optimizer's state
#include <nibble/gemma3/trained_recipe.hpp>       // a recipe as training sees it
#include <nibble/gemma3/trainer.hpp>              // steps
#include <nibble/gemma3/training_checkpoint.hpp>  // a run in files, which goes on with the same bits
#include <nibble/gemma3/training_pass.hpp>        // loss and gradient of a batch
#include <nibble/gemma3/training_run.hpp>         // what a checkpoint belongs to
#include <nibble/gemma3/training_state.hpp>       // all that a trainer needs to go on, in a file
#include <nibble/gemma3/training_state_file.hpp>  // such a file, checked
#include <nibble/gemma3/training_texts.hpp>       // texts on their way through it
#include <nibble/gemma3/vocabulary_hash.hpp>      // that tells vocabularies apart
#include <nibble/io/token_order.hpp>              // where training windows begin
#include <nibble/io/token_shard.hpp>              // ids of a text, mapped
#include <nibble/nn/training.hpp>                 // layers back to front
