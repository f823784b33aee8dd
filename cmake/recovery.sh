#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# What quantization-aware training (QAT) wins back of what rounding loses. A float model is trained on text; it goes on as
# float, the control, and as each recipe, for equally many steps. The control is then rounded to the recipe, and
# calibrated by GPTQ. Perplexity is that on held-out text, a tenth of each TEXT and all of HELD_OUT:
#   recovered = (rounded - QAT) / (rounded - control)
#   sh cmake/recovery.sh DIR TEXT...
# DIR gets the runs and their models, and table.json in each for `gemma3 report`; a row a recipe goes to the standard
# output. A second call goes on where the first was cut off. Settings of the environment:
gemma3=${GEMMA3:-build/release/bin/gemma3}           # the program
seed=${SEED:-1}                                      # of weights and of the order of texts
steps=${STEPS:-500} more=${MORE:-150}                # of training, and of what follows
batch=${BATCH:-16} tokens=${TOKENS:-256}             # texts a step, tokens a text
rate=${RATE:-3e-3} more_rate=${MORE_RATE:-5e-4}      # highest learning rates
pieces=${PIECES:-2048}                               # of the vocabulary
recipes=${RECIPES:-int4_channel/f32 int3_g32/f32 int2_g32/f32}  # each with its activations
teachers=${TEACHERS:-text control}                   # of QAT: the text; the probabilities of the control
held_out=${HELD_OUT:-}                               # more files to measure on
set -eu

if [ $# -lt 2 ]; then
  sed -n '/^#   sh/,/^set -eu/{/^set -eu/d;s/^# *//p}' "$0" >&2
  exit 2
fi
dir=$1
shift
for file in "$dir" "$@" $held_out; do
  case $file in
    *[[:space:]]*) echo "$0: '$file' has white space in its name; give it another" >&2; exit 2 ;;
  esac
done
mkdir -p "$dir"
# shellcheck disable=SC2086 # file names without white space
settings="$seed $steps $more $batch $tokens $rate $more_rate $pieces $(cat "$@" $held_out | cksum)"
if [ -e "$dir/settings" ] && [ "$(cat "$dir/settings")" != "$settings" ]; then
  echo "$0: $dir has runs with other settings or texts; give another folder, or remove it" >&2
  exit 2
fi
echo "$settings" >"$dir/settings"
on="--text $* --batch $batch --tokens $tokens"
if [ -n "$held_out" ]; then on="$on --held-out $held_out"; fi

# The number behind a key of the JSON on stdin, written with one key a line; its last one, where there are several.
number() { sed -n "s/^ *\"$1\": \([0-9.e+-]*\),*\$/\1/p" | tail -n 1; }
calculate() { awk "BEGIN { printf \"$1\", ($2) }"; }

# produce FILE COMMAND...: runs the program, its answer in FILE.json, unless that is there.
produce() {
  produced=$1
  shift
  if [ ! -e "$produced.json" ]; then
    "$gemma3" "$@" --json >"$dir/answer"
    mv "$dir/answer" "$produced.json"
  fi
}

on_held_out() { # COMMAND FILE... OPTION...
  "$gemma3" "$@" --text "$dir/control/held-out.txt" --window "$tokens" --json
}

# shellcheck disable=SC2086 # file names without white space
produce "$dir/float/model.gguf" train --config tiny --pieces "$pieces" --steps "$steps" --rate "$rate" --seed "$seed" --out "$dir/float" $on
start=$dir/float/model.gguf
continue_as() { # FOLDER RECIPE OPTION...
  folder=$1 recipe=$2
  shift 2
  # shellcheck disable=SC2086 # file names without white space
  produce "$folder/model.gguf" qat "$start" --recipe "$recipe" --steps "$more" --rate "$more_rate" \
    --seed $((seed + 1000)) --out "$folder" $on "$@"
}
continue_as "$dir/control" f32
control=$dir/control/model.gguf
head -c $(($(wc -c <"$1") * 9 / 10)) "$1" >"$dir/calibration.txt"  # what training has seen

row='%-24s %8s %9s %9s %9s %10s %8s %7s %8s %9s %9s\n'
# shellcheck disable=SC2059 # the format is the line above
printf "$row" recipe float rounded GPTQ QAT recovered KL top-1 'logits*' bytes tokens/s
table=''
folders=''
for entry in $recipes; do
  recipe=${entry%/*} activations=${entry#*/}
  name=$recipe-$activations
  produce "$dir/rounded-$recipe.gguf" quantize "$control" "$dir/rounded-$recipe.gguf" --recipe "$recipe"
  produce "$dir/gptq-$recipe.gguf" quantize "$control" "$dir/gptq-$recipe.gguf" --recipe "$recipe" --gptq "$dir/calibration.txt"
  rounded=$(on_held_out perplexity "$dir/rounded-$recipe.gguf" --activations "$activations" | number perplexity)
  gptq=$(on_held_out perplexity "$dir/gptq-$recipe.gguf" --activations "$activations" | number perplexity)
  for teacher in $teachers; do
    if [ "$teacher" = control ]; then
      label="$recipe, $activations, taught" folder=$dir/$name-taught
      continue_as "$folder" "$recipe" --activations "$activations" --teacher "$control"
    else
      label="$recipe, $activations" folder=$dir/$name
      continue_as "$folder" "$recipe" --activations "$activations"
    fi
    on_held_out compare "$control" "$folder/model.gguf" --activations "$activations" >"$folder/compare.json"
    "$gemma3" bench "$folder/model.gguf" --activations "$activations" -p 0 -n 64 --repeat 3 --json >"$folder/bench.json"
    float=$(sed '/"model"/,$d' "$folder/compare.json" | number perplexity)  # of the reference, which comes first
    qat=$(number perplexity <"$folder/compare.json")
    recovered=null share=-  # of a loss below a thousandth there is nothing to say
    if [ "$(calculate %d "$rounded > 1.001 * $float")" = 1 ]; then
      recovered=$(calculate %.4f "($rounded - $qat) / ($rounded - $float)")
      share=$(calculate '%.1f %%' "100 * $recovered")
    fi
    kl=$(number kl <"$folder/compare.json")
    top1=$(number top1_agreement <"$folder/compare.json")
    difference=$(number largest_difference_of_logits <"$folder/model.gguf.json")
    bytes=$(number file_bytes <"$folder/bench.json")
    speed=$(number median <"$folder/bench.json")
    table="$table${table:+,
}{\"recipe\": \"$label\", \"float\": $float, \"rounded\": $rounded, \"gptq\": $gptq, \"qat\": $qat, \"recovered\": $recovered,
 \"kl\": $kl, \"top1\": $top1, \"bytes\": $bytes, \"tokens_per_second\": $speed}"
    folders="$folders $folder"
    # shellcheck disable=SC2059
    printf "$row" "$label" "$(calculate %.2f "$float")" "$(calculate %.2f "$rounded")" "$(calculate %.2f "$gptq")" \
      "$(calculate %.2f "$qat")" "$share" "$(calculate %.4f "$kl")" \
      "$(calculate '%.1f %%' "100 * $top1")" "$(calculate %.1g "$difference")" "$bytes" "$(calculate %.0f "$speed")"
    if [ "$activations" = int8 ] && [ "$(calculate %d "$difference == 0")" != 1 ]; then
      echo "$0: logits in training and from $folder/model.gguf differ; with int8 activations they have to be equal" >&2
      exit 1
    fi
  done
done
for folder in $folders; do echo "[$table]" >"$folder/table.json"; done
echo '* the largest difference between the logits of the model in training and those of its file, on a window of text'
