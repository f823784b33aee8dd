// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Gemma 3. So far its text: vocabulary, tokenizer and the turns of a chat.

#include <nibble/gemma3/chat.hpp>                 // turns of a conversation as ids
#include <nibble/gemma3/sentencepiece_model.hpp>  // a vocabulary from tokenizer.model
#include <nibble/gemma3/tokenizer.hpp>            // text to ids and back
#include <nibble/gemma3/vocabulary.hpp>           // pieces, scores, kinds, special ids
