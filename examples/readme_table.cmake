# SPDX-License-Identifier: Apache-2.0
# The README holds what PROGRAM prints.
#   cmake -D PROGRAM=<file> -D README=<file> -P readme_table.cmake
cmake_minimum_required(VERSION 3.25)
execute_process(COMMAND ${PROGRAM} OUTPUT_VARIABLE table RESULT_VARIABLE result)
file(READ ${README} readme)
string(FIND "${readme}" "${table}" at)
if(NOT result EQUAL 0 OR table STREQUAL "" OR at EQUAL -1)
  message(FATAL_ERROR "README.md does not hold the table; put this there:\n${table}")
endif()
