#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# From a fresh clone to a test summary: installs what is missing, builds the preset `dev`, runs its tests.
#   sh cmake/test.sh
# NIBBLE_JOBS sets how many compilations run at once (2).
set -eu
cd "$(dirname "$0")/.."
jobs=${NIBBLE_JOBS:-2}

script=cmake/test.sh
. cmake/packages.sh
need g++ cmake ninja-build ccache libboost-dev nlohmann-json3-dev libcli11-dev catch2

# The CUDA component does not exist yet; when it does, only a missing nvcc leaves it out.
cuda='CUDA not built: there is no CUDA component yet'
if [ -d include/nibble/gemm/cuda ]; then
  cuda=
  command -v nvcc >/dev/null || cuda='CUDA not built: nvcc is not on the PATH'
fi

launcher=
if command -v ccache >/dev/null; then launcher=-DCMAKE_CXX_COMPILER_LAUNCHER=ccache; fi
cmake --preset dev $launcher
cmake --build --preset dev -j "$jobs"
if [ -n "$cuda" ]; then printf '\n*** %s ***\n\n' "$cuda"; fi
ctest --preset dev -j "$jobs"
