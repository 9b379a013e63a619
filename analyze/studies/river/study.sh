#!/usr/bin/env bash
# How much of the training loss is height above the floor of the valley, and do averages reach
# what a decay of the learning rate reaches? Trains, averages and measures everything on the page.
#
#   analyze/studies/river/study.sh DIR [--small]
#
# Needs sgdwalk in the PATH (or its place in SGDWALK) and Python (its standard library).
# With --small it has two seeds and leaves out LeNet. It fails unless the signs on the page hold.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
sgdwalk=${SGDWALK:-sgdwalk} python=${PYTHON:-python3}
out=$1 seeds=5
[ "${2:-}" != --small ] || seeds=2
export PYTHONDONTWRITEBYTECODE=1
mkdir -p "$out"

# run NAME MODEL DATA RATE BATCH EPOCHS: one run for every seed. In its second half it has two
# branches that take a quarter of its steps each, and eight that take a sixteenth each.
run() {
  local steps=$(((1438 + $5 - 1) / $5 * $6)) starts seed
  starts=$(seq -s , $((steps / 2)) $((steps / 16)) $((steps * 15 / 16)))
  for seed in $(seq $seeds); do
    local place="$out/$1/$seed"
    "$sgdwalk" train -q --data "$3" --model "$2" --lr "$4" --batch "$5" --epochs "$6" --seed "$seed" --force \
      --out "$place" >"$place.log" 2>&1
    "$sgdwalk" average -q --at "every:$((steps / 20))" --windows 8,32,128 --formats svg,png \
      --branch "$((steps / 2)),$((steps * 3 / 4))" --branch-steps "$((steps / 4))" "$place" >>"$place.log" 2>&1
    "$sgdwalk" average -q --at "$((steps / 2))" --windows 2 --no-null --formats svg --out "$place/analysis/short" \
      --branch "$starts" --branch-steps "$((steps / 16))" "$place" >>"$place.log" 2>&1
  done
}

mkdir -p "$out"/{softmax,mlp,mlp-slow,mlp-deep,lenet}
{
  run softmax mlp: digits 0.5 10 8
  run mlp mlp:32 digits 0.5 50 16
  run mlp-slow mlp:32 digits 0.05 50 16
  run mlp-deep mlp:64,64 digits 0.3 50 16
} &
if [ $seeds -gt 2 ]; then run lenet lenet 'digits?pad=4' 0.1 50 16; fi
wait $!
"$python" "$here/river.py" "$out" >"$out/table.md"
cat "$out/table.md"
