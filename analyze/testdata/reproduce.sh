#!/usr/bin/env bash
# The runs and walks behind analyze/REPRODUCTION.md, in plain commands.
#
#   bash analyze/testdata/reproduce.sh MNIST DIR [NETS]
#
# MNIST is a directory with the published IDX files of MNIST (the test part alone
# is enough: its first 8,000 images train, its last 2,000 are held out), DIR where
# the runs go (about 6 GB), NETS the networks, by default "mlp lenet". What is there already is not done again, so that the
# script can be stopped and called again. SGDWALK is the program, by default
# sgdwalk. Two idle cores take about half an hour.
set -euo pipefail
mnist=$1 dir=$2 nets=${3:-mlp lenet}
sgdwalk=${SGDWALK:-sgdwalk}
mkdir -p "$dir"

# finished DIR: is there a whole result?
finished() { [ -e "$1/summary.json" ]; }

# one NAME MODEL FIRST LATE TRAIN... : trains, walks the steps FIRST of the first
# epoch and the steps LATE of a late one, and measures what goes with them.
one() {
  local run=$dir/$1 model=$2 first=$3 late=$4
  shift 4
  # A walk needs the iterate after its last segment too.
  local f=${first%-*}-$((${first#*-} + 1)) l=${late%-*}-$((${late#*-} + 1))
  if ! [ -e "$run.json" ]; then
    $sgdwalk train -q --json --force --data "mnist:$mnist" --model "$model" --seed 1 \
      --record "steps:$f,$l+every:20" --record-grad "steps:$f,$l" --out "$run" "$@" > "$run.part"
    mv "$run.part" "$run.json"
  fi
  finished "$run/analysis/first" || $sgdwalk walk -q --segments "$first" --out "$run/analysis/first" "$run"
  finished "$run/analysis/late" || $sgdwalk walk -q --segments "$late" --out "$run/analysis/late" "$run"
  finished "$run/analysis/path" || $sgdwalk path -q "$run"
  finished "$run/analysis/curvature" ||
    $sgdwalk curvature -q --along "${late%-*}" --top 1 --products 15 --block 1 "$run"
}

for net in $nets; do
  case $net in mlp) model=mlp:500,350 ;; lenet) model=lenet ;; esac
  # 80 steps of 100 images are one epoch of 8,000.
  one $net-b100-lr0.1 $model 0-79 720-799 --batch 100 --lr 0.1 --epochs 10
  # Gradient descent: a step is an epoch.
  one $net-gd-lr0.1 $model 0-39 160-199 --optimizer gd --lr 0.1 --epochs 200
  # The released code of Xing et al. sums nine micro-batches, so that its GD with
  # --lr 0.1 takes steps of 0.9.
  one $net-gd-lr0.9 $model 0-39 40-59 --optimizer gd --lr 0.9 --epochs 60
  one $net-b25-lr0.1 $model 0-39 2880-2919 --batch 25 --lr 0.1 --epochs 10
  one $net-b400-lr0.1 $model 0-19 180-199 --batch 400 --lr 0.1 --epochs 10
  one $net-b100-lr0.3 $model 0-39 720-759 --batch 100 --lr 0.3 --epochs 10
  one $net-b100-lr0.05 $model 0-39 720-759 --batch 100 --lr 0.05 --epochs 10
done
