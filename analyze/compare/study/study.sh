#!/usr/bin/env bash
# Repeats analyze/compare/STUDY.md: sweeps of optimizers, rates and shortcuts, and their comparisons.
#
#   study.sh OUT MNIST      MNIST holds the IDX files of the test part of MNIST
#   study.sh OUT            without LeNet, which needs them
#   study.sh OUT --small    two seeds, one pass, fewer optimizers and rates, as CI does
#
# SGDWALK is the program (default: sgdwalk from the PATH). OUT/tables.md has the numbers with their
# intervals over seeds. Called again with the same OUT, the script skips what is finished.
set -euo pipefail
if [ $# -lt 1 ] || [ $# -gt 2 ]; then
  sed -n '2,9s/^# \{0,1\}//p' "$0"
  exit 2
fi
here=$(cd "$(dirname "$0")" && pwd)
sgdwalk=${SGDWALK:-sgdwalk}
mkdir -p "$1"
cd "$1"

# study NAME FLAG...: sweeps NAME.toml, and compares the runs with the flags.
study() {
  local grid=$here/$1.toml name=$1
  shift
  if [ "$small" ]; then
    sed -E 's/^seed = .*/seed = [1, 2]/; s/^epochs = .*/epochs = 1/; s/^batch = \[.*/batch = [50, 250]/
      s/^lr = \[.*/lr = [0.05, 0.2]/; /^\[optimizer.adamw\]/,$d' "$grid" >"$name.toml"
    grid=$name.toml
  fi
  "$sgdwalk" sweep -q --out "$name" "${data[@]}" "$grid" >/dev/null
  [ -e "$name-compared/summary.json" ] ||
    "$sgdwalk" compare -q --out "$name-compared" "${data[@]}" "$@" "$name" >/dev/null
}

data=() small=
if [ "${2:-}" = --small ]; then
  small=1
  study digits --hessians 0 --segments 4 --skip landscape,barriers
  study rates --hessians 0 --segments 4 --skip landscape,barriers
else
  study digits --curve-steps 20
  study rates --skip barriers
  study shortcuts --segments 10 --hessians 0 --skip landscape
  if [ $# -gt 1 ]; then
    data=(--data "mnist:$2?holdout=0.7")
    study lenet --segments 20 --hessians 1 --products 20 --curve-steps 20 --grid 25x25
  fi
fi
PYTHONDONTWRITEBYTECODE=1 PYTHONPATH="$here/../../studies" python3 "$here/study.py" . >tables.md
cat tables.md
