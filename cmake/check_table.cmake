# SPDX-License-Identifier: Apache-2.0
# PAGE holds what PROGRAM prints, with an empty line or the end of the page behind it.
#   cmake -D PROGRAM=<file> -D PAGE=<file> -P check_table.cmake
cmake_minimum_required(VERSION 3.25)
execute_process(COMMAND ${PROGRAM} OUTPUT_VARIABLE table RESULT_VARIABLE result)
file(READ ${PAGE} page)
string(FIND "${page}\n" "${table}\n" at)
if(NOT result EQUAL 0 OR table STREQUAL "" OR at EQUAL -1)
  message(FATAL_ERROR "${PAGE} does not hold the table; put this there:\n${table}")
endif()
