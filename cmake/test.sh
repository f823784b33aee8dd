#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# From a fresh clone to a test summary: installs what is missing, builds the preset `dev`, runs its tests.
#   sh cmake/test.sh
# NIBBLE_JOBS sets how many compilations run at once (2).
set -eu
cd "$(dirname "$0")/.."
jobs=${NIBBLE_JOBS:-2}

as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; elif command -v sudo >/dev/null; then sudo "$@"
  else echo "cmake/test.sh: installing needs root; run as root: $*" >&2; exit 1; fi
}

installed() { dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q 'ok installed'; }

catch2_is_3() { dpkg --compare-versions "$(dpkg-query -W -f '${Version}' catch2 2>/dev/null || echo 0)" ge 3; }

# Debian 12 has Catch2 2; version 3 is in its backports, which lie beside the release on the same mirror.
add_backports() {
  main=$(apt-get indextargets --format '$(RELEASE) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages')
  if echo "$main" | grep -q '^bookworm-backports main '; then return; fi
  main=$(echo "$main" | grep '^bookworm main ' | head -n 1)
  if [ -z "$main" ]; then
    echo "cmake/test.sh: apt has no source for 'bookworm main' to take the mirror of bookworm-backports from; add one" >&2
    exit 1
  fi
  uri=$(echo "$main" | cut -d ' ' -f 3)
  key=/usr/share/keyrings/debian-archive-keyring.gpg
  {
    printf 'Types: deb\nURIs: %s\nSuites: bookworm-backports\nComponents: main\n' "$uri"
    if [ -r "$key" ]; then printf 'Signed-By: %s\n' "$key"; fi
  } | as_root tee /etc/apt/sources.list.d/nibble-backports.sources >/dev/null
}

needed='g++ cmake ninja-build ccache libboost-dev nlohmann-json3-dev'
system=unknown
if [ -r /etc/os-release ]; then system=$(. /etc/os-release && echo "$ID ${VERSION_ID:-}"); fi
case $system in
  'debian 12' | 'debian 13' | 'ubuntu 24.04')
    missing=
    for package in $needed; do installed "$package" || missing="$missing $package"; done
    catch2_is_3 || missing="$missing catch2"
    if [ -n "$missing" ]; then
      echo "cmake/test.sh: installing$missing"
      release=
      if [ "$system" = 'debian 12' ] && ! catch2_is_3; then
        add_backports
        release=catch2/bookworm-backports
        missing=${missing% catch2}
      fi
      as_root apt-get update -qq
      # shellcheck disable=SC2086 # words of a list
      as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing $release
    fi
    ;;
  *)
    echo "cmake/test.sh: this is $system; on it, install by hand: a C++20 compiler (g++ >= 12 or clang >= 17)," \
      "CMake >= 3.25, Ninja, Boost >= 1.74 (headers), Catch2 >= 3, nlohmann/json >= 3.10 (ccache is optional)." >&2
    for tool in cmake ninja; do
      command -v $tool >/dev/null || { echo "cmake/test.sh: $tool is not on the PATH" >&2; exit 1; }
    done
    ;;
esac

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
