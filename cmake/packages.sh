# SPDX-License-Identifier: Apache-2.0
# For the scripts that build from a fresh clone; sourced at the project's root, with $script set to their name.
#   need PACKAGE...   installs what is missing through apt, on Debian 12, Debian 13 and Ubuntu 24.04; elsewhere says
#                     what to install by hand. catch2 means version 3.

as_root() { if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo "$@"; fi; }

installed() {
  if [ "$1" = catch2 ]; then
    dpkg --compare-versions "$(dpkg-query -W -f '${Version}' catch2 2>/dev/null || echo 0)" ge 3
  else
    dpkg-query -W -f '${Status}' "$1" 2>/dev/null | grep -q 'ok installed'
  fi
}

# Debian 12 has Catch2 2; version 3 is in its backports, which lie beside the release on the same mirror.
add_backports() {
  main=$(apt-get indextargets --format '$(RELEASE) $(COMPONENT) $(REPO_URI)' 'Created-By: Packages')
  if echo "$main" | grep -q '^bookworm-backports main '; then return; fi
  main=$(echo "$main" | grep '^bookworm main ' | head -n 1)
  if [ -z "$main" ]; then
    echo "$script: apt has no source for 'bookworm main' to take the mirror of bookworm-backports from; add one" >&2
    exit 1
  fi
  uri=$(echo "$main" | cut -d ' ' -f 3)
  key=/usr/share/keyrings/debian-archive-keyring.gpg
  {
    printf 'Types: deb\nURIs: %s\nSuites: bookworm-backports\nComponents: main\n' "$uri"
    if [ -r "$key" ]; then printf 'Signed-By: %s\n' "$key"; fi
  } | as_root tee /etc/apt/sources.list.d/nibble-backports.sources >/dev/null
}

need() {
  system=unknown
  if [ -r /etc/os-release ]; then system=$(. /etc/os-release && echo "$ID ${VERSION_ID:-}"); fi
  case $system in
    'debian 12' | 'debian 13' | 'ubuntu 24.04')
      missing=
      for package in "$@"; do installed "$package" || missing="$missing $package"; done
      if [ -z "$missing" ]; then return; fi
      if [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null; then
        echo "$script: installing needs root or sudo; run as root: apt-get install$missing" >&2
        exit 1
      fi
      echo "$script: installing$missing"
      case "$system,$missing " in
        'debian 12,'*' catch2 '*)
          add_backports
          missing=$(echo "$missing " | sed 's, catch2 , catch2/bookworm-backports ,')
          ;;
      esac
      as_root apt-get update -qq
      # shellcheck disable=SC2086 # words of a list
      as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $missing
      ;;
    *)
      echo "$script: this is $system; on it, install by hand: a C++20 compiler (g++ >= 12 or clang >= 17)," \
        "CMake >= 3.25, Ninja, Boost >= 1.74 (headers), Catch2 >= 3 (for the tests), nlohmann/json >= 3.10," \
        "CLI11 >= 2.1 (ccache is optional). Going on with what is there." >&2
      for tool in cmake ninja; do
        command -v $tool >/dev/null || { echo "$script: $tool is not on the PATH" >&2; exit 1; }
      done
      ;;
  esac
}
