#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# From a fresh clone to a quantized model that speaks: installs what is missing, builds the program gemma3, then
# quantizes a model three ways, says what that cost and lets it write.
#   sh cmake/demo.sh [--model FILE]
# FILE is a Gemma 3 as GGUF or safetensors; without it, a small model with random weights is made, which speaks in
# invented words. NIBBLE_JOBS sets how many compilations run at once (2).
set -eu
cd_from=$PWD
cd "$(dirname "$0")/.."
jobs=${NIBBLE_JOBS:-2}

model=
if [ $# -eq 2 ] && [ "$1" = --model ]; then
  case $2 in /*) model=$2 ;; *) model=$cd_from/$2 ;; esac
  if [ ! -e "$model" ]; then echo "cmake/demo.sh: there is no $2; give the path of a model" >&2; exit 2; fi
elif [ $# -ne 0 ]; then
  echo 'usage: sh cmake/demo.sh [--model FILE]' >&2
  exit 2
fi

script=cmake/demo.sh
. cmake/packages.sh
need g++ cmake ninja-build ccache libboost-dev nlohmann-json3-dev libcli11-dev

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

# A step whose output matters only when it fails.
quietly() {
  if ! "$@" >"$work/log" 2>&1; then
    cat "$work/log" >&2
    echo "cmake/demo.sh: failed: $*" >&2
    exit 1
  fi
}

# The number behind a key of the JSON on stdin, written with one key a line; its last one, where there are several.
number() { sed -n "s/^ *\"$1\": \([0-9.e+-]*\),*\$/\1/p" | tail -n 1; }

echo 'building the program gemma3 (preset release), some minutes the first time ...'
launcher=
if command -v ccache >/dev/null; then launcher=-DCMAKE_CXX_COMPILER_LAUNCHER=ccache; fi
# shellcheck disable=SC2086 # nothing or one word
quietly cmake --preset release -DNIBBLE_TESTS=OFF $launcher
quietly cmake --build --preset release --target gemma3 -j "$jobs"
gemma3=build/release/bin/gemma3

if [ -z "$model" ]; then
  echo 'making a model with random weights, f32 ...'
  model=$work/f32.gguf
  "$gemma3" make "$model" --config tiny --recipe f32 --seed 1
fi
for recipe in q8_0 q4_0 int3_g64; do
  echo "quantizing it to $recipe ..."
  "$gemma3" quantize "$model" "$work/$recipe.gguf" --recipe $recipe >"$work/log"
done

text=/usr/share/common-licenses/GPL-3
if [ ! -r "$text" ]; then text=README.md; fi
head -c 4000 "$text" >"$work/text"
echo "measuring; the text is the first 4000 bytes of $text"
echo
row='%-10s %14s %14s %14s %12s\n'
# shellcheck disable=SC2059 # the format is the line above
printf "$row" model bytes 'logits NMSE' perplexity tokens/s
measure() {
  "$gemma3" compare "$model" "$2" --text "$work/text" --json >"$work/compare"
  "$gemma3" bench "$2" -p 0 -n 32 --repeat 3 --json >"$work/bench"
  # shellcheck disable=SC2059
  printf "$row" "$1" "$(number file_bytes <"$work/bench")" \
    "$(printf %.2e "$(number logits_nmse <"$work/compare")")" \
    "$(printf %.2f "$(number perplexity <"$work/compare")")" \
    "$(printf %.1f "$(number median <"$work/bench")")"
}
measure original "$model"
for recipe in q8_0 q4_0 int3_g64; do measure $recipe "$work/$recipe.gguf"; done

echo
echo 'NMSE: error of the logits against the original, squared and relative. ggml has no name for int3_g64.'
echo
echo "$ gemma3 run int3_g64.gguf --prompt 'Why is the sky blue?'"
"$gemma3" run "$work/int3_g64.gguf" --prompt 'Why is the sky blue?' --max-tokens 40 --temperature 0.8 --top-k 12 \
  --seed 5
