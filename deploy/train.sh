#!/usr/bin/env bash
# Train a GAN into a directory, or go on with it where it has checkpoints: for jobs that are started again by themselves.
#
#     deploy/train.sh SAVE_DIR [any flag of ./train.py]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

save_dir=${1:?usage: deploy/train.sh SAVE_DIR [flags of ./train.py]}
shift
shopt -s nullglob
checkpoints=("$save_dir"/gan-[0-9]*)
if ((${#checkpoints[@]})); then
  set -- --resume "$@"
fi
exec ./train.py --save-dir "$save_dir" "$@"
