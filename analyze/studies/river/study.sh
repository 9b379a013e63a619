#!/usr/bin/env bash
# The runs, averages and decays behind README.md.
#
#   bash analyze/studies/river/study.sh DATA OUT [--small]
#
# DATA is a directory with the published files of Fashion-MNIST (--small needs none: it
# trains on the digits alone, with two seeds), OUT where the results go. What is there
# already is not done again, so the script may be stopped and called again. SGDWALK is the
# program, by default sgdwalk.
set -euo pipefail
data=$1 out=$2 small=${3:-}
sgdwalk=${SGDWALK:-sgdwalk}
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$out"

# one NAME SEED STEPS TRAIN...: trains with every step recorded; evaluates averages at 40
# steps, and decays from the half and from three quarters over an eighth of the steps.
one() {
  local name=$1 seed=$2 steps=$3 run=$out/$1-$2
  shift 3
  [ -e "$run/train.json" ] || {
    rm -rf "$run"
    $sgdwalk train -q --json --seed "$seed" --out "$run" "$@" >"$run.json"
    mv "$run.json" "$run/train.json"
  }
  [ -e "$run/analysis/average/summary.json" ] ||
    $sgdwalk average -q --at "every:$((steps / 40))" --ema 0.9,0.99 --also test_loss \
      --branch "$((steps / 2)),$((steps * 3 / 4))" --branch-steps "$((steps / 8))" "$run" >/dev/null
}

seeds="1 2 3 4 5"
[ -z "$small" ] || seeds="1 2"
for seed in $seeds; do
  # An epoch has 29 steps, and then 100.
  one mlp-fast "$seed" 580 --data digits --model mlp:32 --batch 50 --lr 0.5 --epochs 20
  one mlp-slow "$seed" 580 --data digits --model mlp:32 --batch 50 --lr 0.125 --epochs 20
  [ -z "$small" ] || continue
  images="fashion:$data?limit=5000&holdout=0.8"
  one lenet-fast "$seed" 800 --data "$images" --model lenet --batch 50 --lr 0.2 --epochs 10
  one lenet-slow "$seed" 800 --data "$images" --model lenet --batch 50 --lr 0.05 --epochs 10
  one resnet-fast "$seed" 480 --data "$images" --model resnet:8 --batch 50 --lr 0.4 --epochs 6
  one resnet-slow "$seed" 480 --data "$images" --model resnet:8 --batch 50 --lr 0.1 --epochs 6
done
PYTHONPATH="$here/.." PYTHONDONTWRITEBYTECODE=1 python3 "$here/river.py" "$out" | tee "$out/tables.md"
