#!/usr/bin/env bash
# The edge of stability, step by step: trains, measures and tabulates everything on the page.
#
#   analyze/studies/edge/study.sh OUT [--small]
#
# SGDWALK is the program (default: sgdwalk from the PATH). OUT/tables.md has the numbers.
# --small has gradient descent and two seeds alone. The script fails if a number is not finite,
# or gradient descent does not train at its edge. Called again, it keeps what is finished.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
sgdwalk=${SGDWALK:-sgdwalk}
out=$1
mkdir -p "$out"
seeds=$(seq 5) rules=1,\$p
if [ "${2:-}" = --small ]; then seeds="1 2" rules='1,/^$/p;/^\[optimizer.gd\]/,/^$/p'; fi
for seed in $seeds; do
  sed -n "$rules" "$here/edge.toml" | sed -E "s/^(seed|init_seed) = 1/\1 = $seed/" >"$out/$seed.toml"
  "$sgdwalk" sweep -q --json --out "$out/$seed" "$out/$seed.toml" >"$out/$seed.json"
done

# Runs with smaller rates are measured at about the same times η·step.
measure() { # CELL
  local steps=20,30,40,50,60,70,80,100,120,160
  case $1 in
    *_lr0.05_* | *_lr0.075_* | *_lr0.003_* | *_lr0.01_*) steps=40,60,80,100,120,140,160,200,240,320 ;;
    *_lr0.0375_* | *_lr0.0015_*) steps=80,120,160,200,240,280,320 ;;
  esac
  [ -e "$1/analysis/curvature/summary.json" ] ||
    "$sgdwalk" curvature -q --along $steps --top 1 --block 2 --formats svg "$1" >/dev/null 2>"$1/curvature.log" || { cat "$1/curvature.log"; exit 1; }
  "$sgdwalk" export "$1" --csv - >"$1/log.csv"
}
export -f measure
export sgdwalk
printf '%s\0' "$out"/[0-9]/cells/* | xargs -0 -n 1 -P 2 bash -euc 'measure "$0"'

if [ "${2:-}" != --small ]; then # the figures: one run of gradient descent at every fourth step
  "$sgdwalk" curvature -q --along every:4 --top 1 --block 2 --formats svg --out "$out/figure" "$out"/1/cells/*_gd_lr0.1_* >/dev/null 2>"$out/figure.log"
fi
PYTHONPATH="$here/.." PYTHONDONTWRITEBYTECODE=1 python3 "$here/edge.py" "$out" >"$out/tables.md"
cat "$out/tables.md"
