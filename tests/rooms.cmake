# SPDX-License-Identifier: Apache-2.0
# The map of the rooms: no header includes a room to its right, and every header has its test.
#   cmake -D SOURCE_DIR=<root> -P tests/rooms.cmake
cmake_minimum_required(VERSION 3.25)

# What each room may include besides itself.
set(numeric_sees "")
set(scheme_sees numeric)
set(tensor_sees numeric scheme)
set(quantize_sees numeric scheme tensor)
set(gemm_sees numeric scheme tensor quantize)
set(nn_sees numeric scheme tensor quantize gemm)
set(gemma3_sees numeric scheme tensor quantize gemm nn io)
set(io_sees numeric scheme tensor)
set(nibble_sees numeric scheme tensor quantize gemm nn)  # the umbrella header

# Headers without a test of their own, each with its reason.
set(tested_elsewhere
  numeric/error.hpp        # a name for std::runtime_error; every refusal tests it
  numeric/host_device.hpp  # a macro, empty on the host
  # A policy is a name until a scheme composes it: tests/scheme/compose.cpp, basic_scheme.cpp, *.fail.cpp.
  scheme/axis.hpp scheme/format.hpp scheme/granularity.hpp scheme/info.hpp scheme/presets.hpp scheme/symmetry.hpp
  tensor/line_allocator.hpp tensor/packed_matrix.hpp tensor/packed_view.hpp  # cpu_panel.cpp, packed_tensor.cpp, repack.cpp
  nn/embedding.hpp    # tests/nn/linear.cpp
  gemma3/block.hpp gemma3/model.hpp  # tests/gemma3/forward.cpp
  gemma3/checkpoint_rows.hpp gemma3/squared_loss.hpp  # tests/gemma3/quantize_checkpoint.cpp
  gemma3/safetensors_rows.hpp  # tests/gemma3/export_safetensors.cpp
  # Parts of a training step: tests/gemma3/training_pass.cpp, export_trained.cpp, trainer.cpp.
  gemma3/block_backward.hpp gemma3/trained_model.hpp gemma3/trained_parameters.hpp gemma3/trained_recipe.hpp
  gemma3/training_texts.hpp
  gemma3/training_run.hpp gemma3/training_state.hpp gemma3/training_state_file.hpp gemma3/vocabulary_hash.hpp  # tests/gemma3/training_checkpoint.cpp
  nn/training.hpp gemma3/training.hpp     # front doors
  nn/seen_weight.hpp nn/trained_floats.hpp nn/trained_scheme.hpp nn/trained_weight.hpp  # tests/nn/trained_as.cpp
  gemm/cpu/dense_kernels.hpp nn/cpu/adamw_kernels.hpp  # tests/gemm/dense_product.cpp, tests/nn/adamw.cpp
  io/ggml_block.hpp         # tests/io/ggml_blocks.cpp
  io/ggml_plain_blocks.hpp  # tests/io/ggml_blocks.cpp
  tensor/factor_order.hpp tensor/panel_factors.hpp  # packed_tensor.cpp and repack.cpp, over every scale type
  scheme/scale_type.hpp scheme/value_rule.hpp       # compose.cpp, storage.cpp; tests/quantize/quantize.cpp
  quantize/fit.hpp quantize/fit_super_block.hpp quantize/store_scale.hpp  # tests/quantize/group.cpp and quantize.cpp
  quantize/law.hpp quantize/law_cases.hpp quantize/law_claims.hpp quantize/exactness.hpp  # tests/quantize/laws.cpp
  quantize/options.hpp quantize/finite.hpp quantize/fit_block.hpp quantize/for_each_group.hpp  # tests/quantize/quantize.cpp
  quantize/grid_search.hpp  # tests/quantize/recover.cpp
  scheme/code_index.hpp  # tests/scheme/rules/*.cpp, tests/quantize/quantize.cpp
  scheme/parameter_rule.hpp scheme/foreign/arithmetic.hpp  # tests/scheme/foreign/*.cpp
  scheme/rules/ggml_k.hpp                           # tests/quantize/ggml_k_golden.cpp, against its bytes
  tensor/planes.hpp   # the plan of tensor/cpu_panel.hpp, whose test takes every bit width
  # One loop for several instruction sets: tests/gemm/gemm.cpp compares every set, with both kinds of activations.
  # The verbs of nn/cpu/kernels.inl: tests/nn/cpu/kernels.cpp and every layer's test compare the sets.
  nn/cpu/scalar.hpp nn/cpu/avx2.hpp nn/cpu/avx512.hpp nn/cpu/layer_kernels.hpp
  gemm/cpu/avx2.hpp gemm/cpu/avx512.hpp gemm/cpu/avx512_bf16.hpp gemm/cpu/scalar.hpp
  gemm/int8_activations.hpp
)

set(faults)
file(GLOB_RECURSE headers RELATIVE ${SOURCE_DIR}/include/nibble
  ${SOURCE_DIR}/include/nibble/*.hpp ${SOURCE_DIR}/include/nibble/*.cuh ${SOURCE_DIR}/include/nibble/*.inl)
if(NOT headers)
  message(FATAL_ERROR "There are no headers below '${SOURCE_DIR}'; give the project's folder as an absolute path.")
endif()
foreach(header IN LISTS headers)
  string(REGEX REPLACE "[/.].*" "" room ${header})
  if(NOT DEFINED ${room}_sees)
    list(APPEND faults "include/nibble/${header}: '${room}' is not a room, name it in tests/rooms.cmake")
    continue()
  endif()
  file(STRINGS ${SOURCE_DIR}/include/nibble/${header} includes REGEX "^[ \t]*#[ \t]*include[ \t]*[<\"]nibble/")
  foreach(line IN LISTS includes)
    string(REGEX REPLACE ".*[<\"]nibble/([a-z0-9_]+).*" "\\1" seen ${line})
    if(NOT seen STREQUAL room AND NOT seen IN_LIST ${room}_sees)
      list(APPEND faults "include/nibble/${header}: room ${room} may not include room ${seen}: ${line}")
    endif()
  endforeach()
  if(header MATCHES "^[a-z0-9_]+/.*\\.(hpp|cuh)$" AND NOT header IN_LIST tested_elsewhere)
    string(REGEX REPLACE "\\.[a-z]+$" "" stem ${header})
    if(NOT EXISTS ${SOURCE_DIR}/tests/${stem}.cpp AND NOT EXISTS ${SOURCE_DIR}/tests/${stem}.cu)
      list(APPEND faults "include/nibble/${header}: no test tests/${stem}.cpp")
    endif()
  endif()
endforeach()

foreach(header IN LISTS tested_elsewhere)
  if(NOT header IN_LIST headers)
    message(WARNING "tests/rooms.cmake: the exception ${header} names no header, remove it")
  endif()
endforeach()

if(faults)
  list(JOIN faults "\n  " text)
  message(FATAL_ERROR "The rooms are not in order:\n  ${text}")
endif()
list(LENGTH headers count)
message(STATUS "${count} headers, all in their rooms, all with a test")
