# SPDX-License-Identifier: Apache-2.0
# How a test in CMake's language runs the program, PROGRAM, and says what it finds.

# Runs gemma3; its exit status has to be `status`. Sets output and errors.
function(expect status)
  execute_process(COMMAND ${PROGRAM} ${ARGN} RESULT_VARIABLE result OUTPUT_VARIABLE out ERROR_VARIABLE err)
  if(NOT result STREQUAL status)
    list(JOIN ARGN " " command)
    message(FATAL_ERROR "gemma3 ${command}\nended with ${result}, not ${status}\n${out}${err}")
  endif()
  set(output "${out}" PARENT_SCOPE)
  set(errors "${err}" PARENT_SCOPE)
endfunction()

# A refusal is one line on stderr, with a word that says what it is about, and nothing on stdout.
function(refuse word)
  expect(2 ${ARGN})
  string(FIND "${errors}" "${word}" at)
  if(NOT errors MATCHES "^error: [^\n]+\n$" OR at EQUAL -1 OR NOT output STREQUAL "")
    list(JOIN ARGN " " command)
    message(FATAL_ERROR "gemma3 ${command}\nrefuses without a line about '${word}':\n${output}${errors}")
  endif()
endfunction()

function(require what)
  if(NOT (${ARGN}))
    message(FATAL_ERROR "does not hold: ${what}")
  endif()
endfunction()

function(require_same a b)
  file(SHA256 ${a} hash_a)
  file(SHA256 ${b} hash_b)
  require("${a} and ${b} are the same bytes" hash_a STREQUAL hash_b)
endfunction()
