#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# The whole story, from a fresh clone, with nothing to download: installs what is missing, builds the program gemma3,
# trains a small Gemma 3 on text that is on this machine, quantizes it as each recipe by rounding, by GPTQ and by
# quantization-aware training, says what each cost, and lets the model write.
#   sh cmake/demo.sh [--text FILE] [--out DIR]
# Without --text it reads the headers of the C++ standard library. DIR, build/demo unless given, keeps the models and
# pages; what is there already is not made again. NIBBLE_JOBS sets how many compilations run at once (2).
set -eu
cd_from=$PWD
cd "$(dirname "$0")/.."
jobs=${NIBBLE_JOBS:-2}

text=
out=build/demo
while [ $# -gt 0 ]; do
  case "$1 ${2:-}" in
    '--text '?*) text=$2 ;;
    '--out '?*) out=$2 ;;
    *)
      echo 'usage: sh cmake/demo.sh [--text FILE] [--out DIR]' >&2
      exit 2
      ;;
  esac
  shift 2
done
absolute() { case $1 in /*) echo "$1" ;; *) echo "$cd_from/$1" ;; esac; }
if [ -n "$text" ]; then
  text=$(absolute "$text")
  if [ ! -r "$text" ]; then echo "cmake/demo.sh: $text cannot be read; give the path of a text" >&2; exit 2; fi
fi
case $out in build/demo) ;; *) out=$(absolute "$out") ;; esac

script=cmake/demo.sh
. cmake/packages.sh
need g++ cmake ninja-build ccache libboost-dev nlohmann-json3-dev libcli11-dev

mkdir -p "$out"
# A step whose output matters only when it fails.
quietly() {
  if ! "$@" >"$out/log" 2>&1; then
    cat "$out/log" >&2
    echo "cmake/demo.sh: failed: $*" >&2
    exit 1
  fi
}

echo 'building the program gemma3 (preset release), some minutes the first time ...'
launcher=
if command -v ccache >/dev/null; then launcher=-DCMAKE_CXX_COMPILER_LAUNCHER=ccache; fi
# shellcheck disable=SC2086 # nothing or one word
quietly cmake --preset release -DNIBBLE_TESTS=OFF $launcher
quietly cmake --build --preset release --target gemma3 -j "$jobs"
gemma3=build/release/bin/gemma3

if [ -z "$text" ]; then
  text=$out/text.txt
  if [ ! -e "$text" ]; then
    headers=$(echo '#include <vector>' | g++ -x c++ -E - | sed -n 's/^# [0-9]* "\(.*\)\/vector".*/\1/p' | head -n 1)
    find "$headers/bits" -name '*.h' | sort | xargs cat 2>/dev/null | head -c 2000000 >"$out/part"
    mv "$out/part" "$text"
    echo "the text: $(wc -c <"$text") bytes of the headers in $headers/bits"
  fi
fi

echo 'training, as floats and as each recipe, and measuring on the tenth of the text that training does not see;'
echo 'float, rounded, GPTQ and QAT are perplexities, KL and top-1 agreement are those of QAT with float'
echo
GEMMA3=$gemma3 STEPS=${STEPS:-160} MORE=${MORE:-50} BATCH=16 TOKENS=128 PIECES=1024 TEACHERS=text \
  RECIPES='int8_channel/f32 int4_channel/f32 int4_g32/f32 int3_g32/f32 int2_g32/f32 int4_g32/int8' \
  sh cmake/recovery.sh "$out" "$text"
echo
echo "$ gemma3 run $out/int4_g32-int8/model.gguf --raw --prompt 'template<typename'"
"$gemma3" run "$out/int4_g32-int8/model.gguf" --raw --prompt 'template<typename' --max-tokens 60 --temperature 0.7 \
  --top-k 20 --seed 1
echo
"$gemma3" report "$out/int4_g32-int8"
