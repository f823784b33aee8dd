# SPDX-License-Identifier: Apache-2.0
# What the project's own targets are built with; never exported to users.
add_library(nibble_dev INTERFACE)
target_compile_options(nibble_dev INTERFACE
  -Wall -Wextra -Wconversion -Wshadow -Wpedantic $<$<BOOL:${NIBBLE_WERROR}>:-Werror>)
# Boost is a system library to the project's own targets: its warnings are not ours.
target_include_directories(nibble_dev SYSTEM INTERFACE ${Boost_INCLUDE_DIRS})
