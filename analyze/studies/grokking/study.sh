#!/usr/bin/env bash
# Is grokking one-dimensional? Trains, records and measures everything on the page.
#
#   analyze/studies/grokking/study.sh DIR [--small]
#
# Needs sgdwalk in PATH (or its place in SGDWALK), and Python with numpy and PyTorch; for the figure, matplotlib.
# With --small it has one seed, and no figure. It fails unless the runs grok.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
sgdwalk=${SGDWALK:-sgdwalk} python=${PYTHON:-python3}
out=$1 seeds=5 walks=20 steps=1500 epochs=2000
if [ "${2:-}" = --small ]; then seeds=1 walks=3 steps=1100 epochs=1500; fi
export PYTHONPATH="$here/..:$here/../../../notebooks/python${PYTHONPATH:+:$PYTHONPATH}" OMP_NUM_THREADS=1
mkdir -p "$out/mlp" "$out/transformer"

"$python" "$here/grokking.py" data "$out" --seeds $seeds
for seed in $(seq $seeds); do
  # The two networks train at the same time, on one core each.
  "$python" "$here/grokking.py" transformer "$out" --seed "$seed" --steps $steps &
  for arm in decay:1 control:0; do
    "$sgdwalk" train -q --data "mnist:$out/data/$seed?classes=31" --model mlp:128 --epochs $epochs --batch 576 \
      --optimizer adamw --lr 0.01 --hyper "weight_decay=${arm#*:}" --hyper beta2=0.98 --seed "$seed" \
      --force --out "$out/mlp/${arm%:*}-$seed" >"$out/mlp/${arm%:*}-$seed.log"
  done
  wait $!
done
"$python" "$here/grokking.py" measure "$out" --seeds $seeds --walks $walks
"$python" "$here/grokking.py" check "$out"
"$python" "$here/grokking.py" table "$out" >"$out/table.md"
if [ $seeds -gt 1 ]; then "$python" "$here/grokking.py" figure "$out"; fi
