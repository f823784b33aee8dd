# SPDX-License-Identifier: Apache-2.0
# A refusal is a promise: each tests/<room>/*.fail.cpp must not compile, and the compiler must say the text in
#   // expect: "text"
# which stands in the file. One ctest a file; included by tests/CMakeLists.txt, run as a script by ctest.
if(NOT CMAKE_SCRIPT_MODE_FILE)
  # Without the quoted source lines, the text cannot be found in its own comment.
  set(flags -std=c++20 -I${PROJECT_SOURCE_DIR}/include -fno-caret-diagnostics)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    set(flags -std=c++20 -I${PROJECT_SOURCE_DIR}/include -fno-diagnostics-show-caret)
  endif()
  foreach(dir IN LISTS Boost_INCLUDE_DIRS)
    if(NOT dir STREQUAL "/usr/include")
      list(APPEND flags -isystem${dir})
    endif()
  endforeach()
  file(GLOB cases CONFIGURE_DEPENDS */*.fail.cpp)
  foreach(case IN LISTS cases)
    cmake_path(RELATIVE_PATH case BASE_DIRECTORY ${CMAKE_CURRENT_SOURCE_DIR} OUTPUT_VARIABLE name)
    add_test(NAME "refusal: ${name}" COMMAND ${CMAKE_COMMAND} "-DCOMPILER=${CMAKE_CXX_COMPILER}"
      "-DFLAGS=${flags}" "-DCASE=${case}" -P ${CMAKE_CURRENT_LIST_FILE})
  endforeach()
  return()
endif()

cmake_minimum_required(VERSION 3.25)
file(READ ${CASE} source)
if(NOT source MATCHES "// expect: \"([^\n]+)\"")
  message(FATAL_ERROR "${CASE} does not say what the compiler must say: add a line // expect: \"text\"")
endif()
set(expected "${CMAKE_MATCH_1}")
execute_process(COMMAND ${COMPILER} ${FLAGS} -fsyntax-only ${CASE}
  RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
if(result EQUAL 0)
  message(FATAL_ERROR "${CASE} compiles; it must be refused with: ${expected}")
endif()
string(FIND "${output}" "${expected}" at)
if(at EQUAL -1)
  message(FATAL_ERROR "${CASE} is refused, but not with the text: ${expected}\n${output}")
endif()
