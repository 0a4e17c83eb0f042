#!/usr/bin/env bash
# Train a GAN into a directory, or go on with it where it has checkpoints: for jobs that are started again by themselves.
#
#     deploy/train.sh SAVE_DIR [any flag of ./train.py]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

if (($# == 0)); then
  echo 'train.sh: no directory; expected deploy/train.sh SAVE_DIR [flags of ./train.py]' >&2
  exit 2
fi
save_dir=$1
shift
shopt -s nullglob
checkpoints=("$save_dir"/gan-[0-9]*)
if ((${#checkpoints[@]})); then
  set -- --resume "$@"
fi
exec ./train.py --save-dir "$save_dir" "$@"
