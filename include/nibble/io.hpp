// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "nibble/io/ggml_type.hpp"
#include "nibble/io/gguf.hpp"
#include "nibble/io/gguf_value.hpp"
#include "nibble/io/mapped_file.hpp"
