#!/usr/bin/env bash
# Adam against SGD on a transformer and on a CNN: trains, records and measures everything on
# the page.
#
#   analyze/studies/adam/study.sh DIR [--small]
#
# Needs sgdwalk in PATH (or its place in SGDWALK), Python with numpy and PyTorch, and Fashion-MNIST in the folder
# FASHION (Debian: dataset-fashion-mnist); for the figure, matplotlib. With --small it has
# one seed, one rate for each optimizer, and no figure. It fails unless AdamW ends lower.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
sgdwalk=${SGDWALK:-sgdwalk} python=${PYTHON:-python3}
out=$1 seeds=5 small=
if [ "${2:-}" = --small ]; then seeds=1 small=--small; fi
fashion=${FASHION:-/usr/share/datasets/fashion-mnist}
export PYTHONPATH="$here/..:$here/../../../notebooks/python${PYTHONPATH:+:$PYTHONPATH}" OMP_NUM_THREADS=1
study() { "$python" "$here/adam.py" "$1" "$out" "${@:2}" --seeds $seeds --data "$fashion" $small; }
mkdir -p "$out/cnn" "$out/cnn-rates" "$out/transformer"

lenet() { # OPTIMIZER RATE SEED OUT, further flags
  local settings=(--optimizer momentum --hyper momentum=0.9)
  if [ "$1" = adamw ]; then settings=(--optimizer adamw --hyper weight_decay=0.01); fi
  "$sgdwalk" train -q --data "fashion:$fashion?limit=2000" --model lenet --batch 50 --epochs 6 \
    "${settings[@]}" --lr "$2" --seed "$3" --force --out "$4" "${@:5}" >"$4.log" 2>&1 || { cat "$4.log"; exit 1; }
}

transformer() {
  study rates
  study record
  study replay transformer
  study paths transformer
}

cnn() {
  for seed in $(seq $seeds); do
    for pair in $(study scan cnn); do
      lenet "${pair%:*}" "${pair#*:}" "$seed" "$out/cnn-rates/${pair/:/-}-$seed" --record every:1000
    done
  done
  for pair in $(study best cnn); do
    for seed in $(seq $seeds); do
      lenet "${pair%:*}" "${pair#*:}" "$seed" "$out/cnn/${pair%:*}-$seed" --grad
    done
  done
  study replay cnn
  study paths cnn
}

trap 'kill $(jobs -p) 2>/dev/null || true' EXIT
transformer & # on one core each
cnn
wait $!
study check
study table >"$out/table.md"
if [ $seeds -gt 1 ]; then study figure; fi
