#!/usr/bin/env bash
# Repeats the study of ../EXAMPLES.md: residual networks with and without shortcuts, their
# landscapes, and minima of small and large batches. Without 110 layers it took 1.8 hours on two cores
# that were busy with other work; it has not been timed on an idle machine. Called again with the
# same OUT, it skips the steps that are finished.
#
#   deep.sh DIR OUT            DIR holds the IDX files of Fashion-MNIST
#   deep.sh DIR OUT --small    the same steps with tiny networks, as CI does, in a minute
#
# SGDWALK is the program (default: sgdwalk from the PATH). OUT/tables.md has the numbers,
# OUT/seconds.tsv the time of every step.
set -euo pipefail
if [ $# -lt 2 ] || [ $# -gt 3 ] || [ "${3:---small}" != --small ]; then
  sed -n '2,11s/^# \{0,1\}//p' "$0"
  exit 2
fi
dir=$(realpath "$1")
here=$(dirname "$(realpath "$0")")
sgdwalk=${SGDWALK:-sgdwalk}
mkdir -p "$2/done"
cd "$2"

nets="56 56:noshort 20 20:noshort"
deepest=110           # without shortcuts it diverges at this rate
images=5000 epochs=5  # of the training of these networks
slow_epochs=14        # of 56 layers without shortcuts, which learn more slowly
seen=100              # images that a point of a landscape evaluates
grid=51x51 coarse=11x11 planes="1 2 3 4 5" batch_planes="1 2 3"
lines=10 points=51
ratio_grid=3x3 ratio_seen=50
few=1000 few_epochs=20 sizes="20 160" seeds="1 2 3 4 5" few_lines=5 few_points=41 few_reach=1
if [ "${3:-}" = --small ]; then
  nets="8 8:noshort" deepest=14
  images=200 epochs=2 slow_epochs=2 grid=9x9 coarse=5x5 planes="1 2" batch_planes=1
  lines=2 points=9 ratio_seen=10
  few=200 few_epochs=2 sizes="20 100" seeds="1 2" few_lines=2 few_points=21 few_reach=1
fi

# The same levels for every figure.
levels=0.1,0.3,1,2,3,4,5,7,10,30,100,1000,10000,100000

data() { echo "fashion:$dir?limit=$1&pad=2"; }

# step runs a command once and writes down its time. Two steps run at the same time, on one core
# each, until together.
export GOMAXPROCS=1
step() {
  [ ! -e "done/$1" ] || return 0
  while [ "$(jobs -rp | wc -l)" -ge 2 ]; do wait -n; done
  printf -- '-- %s\n' "$1"
  once "$@" &
}
once() {
  local name=$1 start=$SECONDS
  shift
  "$@" >"$name.log" 2>&1 || { tail -5 "$name.log"; return 1; }
  printf '%s\t%d\n' "$name" $((SECONDS - start)) >>seconds.tsv
  touch "done/$name"
}
together() { while [ -n "$(jobs -p)" ]; do wait -n; done; }

# train NAME MODEL IMAGES EPOCHS BATCH DECAY SEED
train() {
  local resume=(--data "$(data "$3")" --model "resnet:$2" --epochs "$4" --batch "$5" --seed "$7"
    --optimizer nesterov --lr 0.1 --hyper "weight_decay=$6" --record every:50 --out "$1")
  case $2 in
    8) resume+=(--lr-schedule cosine) ;;
    *) resume+=(--lr-schedule warmup:50+cosine) ;;
  esac
  [ -e "$1/checkpoint" ] && resume=(--resume "$1")
  "$sgdwalk" train --progress lines "${resume[@]}"
}

# landscape RUN IMAGES RESULT FLAG...
landscape() {
  "$sgdwalk" landscape --progress lines --plane random --data "$(data "$2")" --allow-other-data \
    --formats png --scale log --out "$3" "${@:4}" "$1"
}

deep() { # NET...: trains them
  local net passes run
  for net in "$@"; do
    run=resnet-${net/:/-}
    passes=$epochs
    if [ "$net" = 56:noshort ]; then passes=$slow_epochs; fi
    step "train-$run" train "$run" "$net" "$images" "$passes" 100 5e-4 1
  done
}
# planes NET: coarse planes around its end, with the running statistics and with those of the batch.
planes() {
  local run=resnet-${1/:/-} seed
  for seed in $planes; do
    step "coarse-$run-$seed" landscape "$run" "$seen" "coarse-$run-$seed" --norm running --plane-seed "$seed" \
      --grid "$coarse" --levels "$levels"
  done
  for seed in $batch_planes; do
    step "batch-$run-$seed" landscape "$run" "$seen" "batch-$run-$seed" --norm batch --plane-seed "$seed" \
      --grid "$coarse" --levels "$levels"
  done
}

deep $nets
for decay in 0 5e-4; do
  for batch in $sizes; do
    for seed in $seeds; do
      run=few-$batch-$decay-$seed
      step "train-$run" train "$run" 8 "$few" "$few_epochs" "$batch" "$decay" "$seed"
    done
  done
done
together

deep $deepest
fine() { # NET: a fine plane around its end
  local run=resnet-${1/:/-}
  step "plane-$run" landscape "$run" "$seen" "plane-$run" --norm running --plane-seed 1 \
    --grid "$grid" --levels "$levels" --surface
}
for net in $nets; do fine "$net"; done
for net in $nets; do
  planes "$net"
  run=resnet-${net/:/-}
  step "double-$run" landscape "$run" $((2 * seen)) "double-$run" --norm running --plane-seed 1 \
    --grid "$coarse" --levels "$levels"
  step "lines-$run" landscape "$run" "$seen" "lines-$run" --norm running --plane-seed 1 \
    --lines "$lines" --points "$points"
done

for decay in 0 5e-4; do
  for batch in $sizes; do
    for seed in $seeds; do
      run=few-$batch-$decay-$seed
      step "filter-$run" landscape "$run" "$seen" "filter-$run" --norm running --plane-seed 1 \
        --lines "$few_lines" --points "$few_points" --x="-$few_reach:$few_reach"
      step "plain-$run" landscape "$run" "$seen" "plain-$run" --norm running --plane-seed 1 \
        --lines "$few_lines" --points "$few_points" --normalize none --x=-0.15:0.15
    done
  done
done

for net in $nets; do
  run=resnet-${net/:/-}
  step "ratio-$run" landscape "$run" "$ratio_seen" "ratio-$run" --norm running --plane-seed 1 \
    --x=-0.5:0.5 --grid "$ratio_grid" --also eigenvalues
done
together
for net in $deepest; do
  fine "$net"
  planes "$net"
done
together

PYTHONPATH="$here/../../studies" PYTHONDONTWRITEBYTECODE=1 python3 "$here/deep_table.py" . >tables.md
cat tables.md
