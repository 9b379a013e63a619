#!/usr/bin/env bash
# Repeats analyze/REPRODUCTION.md: five seeds of every run, their walks and their curvature.
#
#   reproduce.sh MNIST OUT      MNIST holds the IDX files of MNIST. The test part is enough:
#                               its first 8,000 images train, its last 2,000 are held out.
#   reproduce.sh --small OUT    two seeds of tiny networks on the digits of the program, as CI does
#
# SGDWALK is the program (default: sgdwalk from the PATH). OUT/tables.md has the numbers, OUT/runs.csv
# one row for every window of every run. Called again with the same OUT, the script skips the
# runs that are finished. OUT needs about 2 GB; rows that no window needs are not recorded.
set -euo pipefail
if [ $# -ne 2 ]; then
  sed -n '2,11s/^# \{0,1\}//p' "$0"
  exit 2
fi
here=$(cd "$(dirname "$0")" && pwd)
sgdwalk=${SGDWALK:-sgdwalk}
data=mnist:$1 mlp=mlp:500,350 lenet=lenet seeds="1 2 3 4 5" small=
if [ "$1" = --small ]; then
  data=digits mlp=mlp:16 lenet=mlp:12,8 seeds="1 2" small=1
fi
mkdir -p "$2"
cd "$2"

# one SETTING MODEL FIRST LATE FLAG...: trains, walks the steps FIRST and LATE, and computes the
# curvature at the first step of LATE.
one() {
  local run=$1-s$seed model=$2 first=$3 late=$4 steps
  shift 4
  [ ! -e "$run/analysis/curvature/summary.json" ] || return 0
  # The iterate after the last segment belongs to the walk too.
  steps=${first%-*}-$((${first#*-} + 1)),${late%-*}-$((${late#*-} + 1))
  "$sgdwalk" train -q --json --force --data "$data" --model "$model" --seed "$seed" \
    --record "steps:0,$steps+every:40" --record-grad "steps:$steps" --out "$run" "$@" >"$run.json"
  "$sgdwalk" walk -q --formats png --segments "$first" --out "$run/analysis/first" "$run" >/dev/null
  "$sgdwalk" walk -q --formats png --segments "$late" --out "$run/analysis/late" "$run" >/dev/null
  "$sgdwalk" path -q --formats png "$run" >/dev/null
  "$sgdwalk" curvature -q --formats png --along "${late%-*}" --top 1 --products 15 --block 1 "$run" >/dev/null
}

for seed in $seeds; do
  if [ "$small" ]; then
    one mlp-b50-lr0.1 "$mlp" 0-9 100-109 --batch 50 --lr 0.1 --epochs 4
    one lenet-gd-lr0.1 "$lenet" 0-9 10-19 --optimizer gd --lr 0.1 --epochs 20
    continue
  fi
  # 80 steps of 100 images are one epoch of 8,000.
  one mlp-b100-lr0.1 "$mlp" 0-39 780-799 --batch 100 --lr 0.1 --epochs 10
  one mlp-b25-lr0.1 "$mlp" 20-39 3180-3199 --batch 25 --lr 0.1 --epochs 10
  one mlp-b400-lr0.1 "$mlp" 0-19 180-199 --batch 400 --lr 0.1 --epochs 10
  one mlp-b100-lr0.05 "$mlp" 20-39 780-799 --batch 100 --lr 0.05 --epochs 10
  one mlp-b100-lr0.3 "$mlp" 20-39 780-799 --batch 100 --lr 0.3 --epochs 10
  # Gradient descent: a step is an epoch.
  one mlp-gd-lr0.1 "$mlp" 0-19 180-199 --optimizer gd --lr 0.1 --epochs 200
  # The released code of Xing et al. adds up nine micro-batches, so that its gradient descent
  # with --lr 0.1 takes steps of 0.9.
  one mlp-gd-lr0.9 "$mlp" 0-19 40-59 --optimizer gd --lr 0.9 --epochs 60
  one lenet-b100-lr0.1 "$lenet" 0-19 780-799 --batch 100 --lr 0.1 --epochs 10
  one lenet-b400-lr0.1 "$lenet" 0-19 180-199 --batch 400 --lr 0.1 --epochs 10
  one lenet-gd-lr0.1 "$lenet" 0-19 80-99 --optimizer gd --lr 0.1 --epochs 100
done
PYTHONPATH="$here/../studies" PYTHONDONTWRITEBYTECODE=1 python3 "$here/reproduce.py" . >tables.md
cat tables.md
