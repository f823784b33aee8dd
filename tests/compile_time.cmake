# SPDX-License-Identifier: Apache-2.0
# Compile time is a feature. What a front door costs a compiler's front end, in units of <vector> and <algorithm>, and
# what a translation unit costs that instantiates the product of one scheme. Run alone, on an idle machine:
#   ctest -L compile-time
# Included by tests/CMakeLists.txt, run as a script by ctest.
if(NOT CMAKE_SCRIPT_MODE_FILE)
  set(flags -std=c++20 -I${PROJECT_SOURCE_DIR}/include)
  foreach(dir IN LISTS Boost_INCLUDE_DIRS)
    if(NOT dir STREQUAL "/usr/include")
      list(APPEND flags -isystem${dir})
    endif()
  endforeach()
  add_test(NAME "compile time" COMMAND ${CMAKE_COMMAND} "-DCOMPILER=${CMAKE_CXX_COMPILER}" "-DFLAGS=${flags}"
    -DWORK_DIR=${CMAKE_CURRENT_BINARY_DIR}/compile_time -P ${CMAKE_CURRENT_LIST_FILE})
  set_tests_properties("compile time" PROPERTIES LABELS compile-time RUN_SERIAL ON)
  return()
endif()

cmake_minimum_required(VERSION 3.25)
set(rounds 7)
file(MAKE_DIRECTORY ${WORK_DIR})
file(WRITE ${WORK_DIR}/yardstick.cpp "#include <vector>\n#include <algorithm>\n")
file(WRITE ${WORK_DIR}/scheme.cpp "#include <nibble/scheme.hpp>\n")
file(WRITE ${WORK_DIR}/nibble.cpp "#include <nibble/nibble.hpp>\n")
file(WRITE ${WORK_DIR}/product.cpp "#include <nibble/nibble.hpp>
nibble::matrix<float> product(nibble::matrix<float> const& x, nibble::matrix<float> const& w, bool integers) {
    auto const panels = repack(nibble::cpu{}, nibble::quantize<nibble::int4_g32>(nibble::cpu{}, w));
    return integers ? gemm<nibble::int8_activations>(nibble::cpu{}, x, panels) : gemm(nibble::cpu{}, x, panels);
}
")

# Microseconds of a command, the least seen so far.
function(measure best)
  string(TIMESTAMP begin "%s%f")
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result ERROR_VARIABLE errors)
  string(TIMESTAMP end "%s%f")
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "the compiler refused a source of the measurement:\n${errors}")
  endif()
  math(EXPR took "${end} - ${begin}")
  if(NOT DEFINED ${best} OR took LESS ${best})
    set(${best} ${took} PARENT_SCOPE)
  endif()
endfunction()

# Load only lengthens a run, so the shortest of several says what the work costs; sources take turns, so that a slow
# spell meets them all.
foreach(round RANGE 1 ${rounds})
  foreach(name IN ITEMS yardstick scheme nibble)
    measure(${name} ${COMPILER} ${FLAGS} -fsyntax-only ${WORK_DIR}/${name}.cpp)
  endforeach()
endforeach()
foreach(round RANGE 1 2)
  measure(product ${COMPILER} ${FLAGS} -O2 -c ${WORK_DIR}/product.cpp -o ${WORK_DIR}/product.o)
endforeach()

# A ratio in hundredths as text.
function(hundredths out value)
  math(EXPR whole "${value} / 100")
  math(EXPR rest "${value} % 100")
  if(rest LESS 10)
    set(rest "0${rest}")
  endif()
  set(${out} "${whole}.${rest}" PARENT_SCOPE)
endfunction()

set(failed)
foreach(case IN ITEMS "scheme;2" "nibble;8")
  list(GET case 0 name)
  list(GET case 1 limit)
  math(EXPR ratio "100 * ${${name}} / ${yardstick}")
  hundredths(text ${ratio})
  message(STATUS "<nibble/${name}.hpp>: ${text} times <vector> and <algorithm>, limit ${limit}")
  math(EXPR most "100 * ${limit}")
  if(ratio GREATER most)
    list(APPEND failed "<nibble/${name}.hpp>")
  endif()
endforeach()
math(EXPR seconds "${product} / 10000")
hundredths(text ${seconds})
math(EXPR ratio "100 * ${product} / ${yardstick}")
hundredths(times ${ratio})
message(STATUS "the product of one scheme at -O2: ${times} times <vector> and <algorithm>, limit 50; here ${text} s")
# 6 s where the yardstick takes 0.12 s: a slower or loaded machine slows both.
if(ratio GREATER 5000)
  list(APPEND failed "the product")
endif()
if(failed)
  list(JOIN failed ", " failed)
  message(FATAL_ERROR "Beyond the limit: ${failed}. Find the header that costs most with -ftime-report and cut it.")
endif()
