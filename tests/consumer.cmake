# SPDX-License-Identifier: Apache-2.0
# Installs nibble to a scratch prefix, then builds and runs tests/consumer with it in each of the three ways.
#   cmake -D SOURCE_DIR= -D BUILD_DIR= -D WORK_DIR= -D COMPILER= -P tests/consumer.cmake
cmake_minimum_required(VERSION 3.25)

function(run)
  execute_process(COMMAND ${ARGN} RESULT_VARIABLE result OUTPUT_VARIABLE output ERROR_VARIABLE output)
  if(NOT result EQUAL 0)
    list(JOIN ARGN " " command)
    message(FATAL_ERROR "failed: ${command}\n${output}")
  endif()
endfunction()

file(REMOVE_RECURSE ${WORK_DIR})
run(${CMAKE_COMMAND} --install ${BUILD_DIR} --prefix ${WORK_DIR}/prefix)
foreach(how IN ITEMS find_package add_subdirectory FetchContent)
  run(${CMAKE_COMMAND} -S ${SOURCE_DIR}/tests/consumer -B ${WORK_DIR}/${how} -G Ninja -D HOW=${how}
    -D NIBBLE_SOURCE_DIR=${SOURCE_DIR} -D CMAKE_PREFIX_PATH=${WORK_DIR}/prefix
    -D CMAKE_CXX_COMPILER=${COMPILER} -D CMAKE_CXX_COMPILER_LAUNCHER=${LAUNCHER} "-DCMAKE_CXX_FLAGS=${FLAGS}")
  run(${CMAKE_COMMAND} --build ${WORK_DIR}/${how})
  run(${WORK_DIR}/${how}/consumer)
  message(STATUS "${how}: builds, links, runs")
endforeach()
