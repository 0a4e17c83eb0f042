#!/usr/bin/env bash
# Everything to be measured on a machine with one NVIDIA GPU and no network, in one command and about ten minutes.
#
#   benchmarks/gpu.sh                     # makes an environment from ./wheels, then measures
#   benchmarks/gpu.sh --venv .venv        # in an environment that is there
#   benchmarks/gpu.sh --small             # the same on any machine, much shortened: does it run?
#   benchmarks/gpu.sh --dry-run           # only says what it would do
#
# What to carry there, on a machine with a network, the same kind of Linux and the same Python 3.11, 3.12 or 3.13:
#
#   git clone THIS_REPOSITORY carried && cd carried
#   ./download_mnist.sh                                              # datasets/MNIST, 12 MB
#   python3 -m pip download --only-binary :all: -d wheels -r requirements.txt
#   python3 -m pip download --only-binary :all: -d wheels "$(benchmarks/gpu.sh --cuda-requirement)"    # 3 GB or more
#   cd .. && tar -c carried | split -b 1G - carried.tar.             # pieces, if one file is too large to carry
#
# There:  cat carried.tar.* | tar -x && cd carried && benchmarks/gpu.sh
#
# The driver must be there already: `nvidia-smi` works. With TORCH_PYTHON=PATH, the Python of an environment with
# PyTorch for CUDA, its twin is measured too. All that is printed goes to benchmarks/runs/gpu/NAME, NAME being the GPU's:
# summary.txt has each part's status and seconds, and what is to go into the table of figures. A part that fails or
# lasts too long is noted, and the next one begins. Status 1 if one did.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 2

usage() { sed -n '2,/^set /p' "${BASH_SOURCE[0]}" | sed '$d; s/^# \{0,1\}//'; }
cuda_requirement() { sed -n 's/^tensorflow==\([0-9.]*\).*/tensorflow[and-cuda]==\1/p' requirements.txt | head -n 1; }

venv="" small=false dry=false data=datasets/MNIST
while [[ $# -gt 0 ]]; do
  case $1 in
    --venv) venv=${2:?--venv needs a directory}; shift ;;
    --data-path) data=${2:?--data-path needs a directory}; shift ;;
    --small) small=true ;;
    --dry-run) dry=true ;;
    --cuda-requirement) cuda_requirement; exit ;;
    --help | -h) usage; exit ;;
    *) echo "gpu.sh: $1 is not known; expected --venv, --data-path, --small or --dry-run" >&2; exit 2 ;;
  esac
  shift
done

name=$(nvidia-smi --query-gpu=name --format=csv,noheader 2>/dev/null | head -n 1)
if [[ -z $name ]]; then
  if ! $small && ! $dry; then
    echo "gpu.sh: nvidia-smi finds no GPU; install the driver, or try --small" >&2
    exit 2
  fi
  name="no GPU $(uname -m)"
fi
results=benchmarks/runs/gpu/$(tr -cs '[:alnum:]\n' - <<<"$name")
! $small || results+=-small # What it trains is no start for a true run.
$dry || mkdir -p "$results"
summary=$results/summary.txt
$dry || : >"$summary"
status=0

# part SECONDS NAME COMMAND...: run it, at most so long; its output goes to NAME.txt.
part() {
  local limit=$1 part=$2 started=$SECONDS code=0
  shift 2
  if $dry; then
    printf '%s, at most %s s: ' "$part" "$limit"
    printf '%q ' "$@"
    echo
    return
  fi
  echo "gpu.sh: $part" >&2
  timeout --kill-after 20 "$limit" "$@" >"$results/$part.txt" 2>"$results/$part.log" || code=$?
  [[ $code -eq 0 ]] || status=1
  printf '%-12s status %3d, %4d s\n' "$part" "$code" "$((SECONDS - started))" >>"$summary"
}

if [[ -z $venv ]]; then
  venv=benchmarks/runs/gpu/venv
  part 600 venv python3 -m venv --clear "$venv"
  part 900 packages "$venv/bin/pip" install --no-index --find-links wheels --require-hashes -r requirements.txt
  part 900 cuda "$venv/bin/pip" install --no-index --find-links wheels "$(cuda_requirement)"
fi
python=$venv/bin/python
$small && data=digits
if ! $dry && ! [[ -x $python && ($data == digits || -d $data) ]]; then
  echo "gpu.sh: expected Python at $python and MNIST in $data; see $summary and the head of this script" >&2
  exit 2
fi

export TF_FORCE_GPU_ALLOW_GROWTH=true # Several processes are alive at once, and one alone would take all memory.
export CUDA_VISIBLE_DEVICES=${CUDA_VISIBLE_DEVICES:-0}
twin=()
[[ -z ${TORCH_PYTHON:-} ]] || twin=(--torch-python "$TORCH_PYTHON")
if $small; then
  turns=(--turns 1 --seconds 0.2) steps=(--turns 1 --steps 2) config=.ci/short.yaml
  sizes=(--quick --axes channels --turns 1 --seconds 0.1) tests=(tests/test_precision.py tests/test_memory.py)
else
  turns=() steps=(--turns 5 --steps 100) config=configs/mnist.yaml
  sizes=(--quick)
  tests=(tests/test_precision.py tests/test_memory.py tests/test_replicas.py tests/test_gan_trainer.py)
fi
device=(--devices 0)
command -v nvidia-smi >/dev/null || device=()
cores=(--cores all)
[[ $(nproc) -gt 1 ]] || cores=()

part 60 machine sh -c "nvidia-smi; lscpu; git rev-parse HEAD"
part 60 devices "$python" -c 'import tensorflow as tf; print(tf.__version__, tf.config.list_physical_devices())'
part 180 tests "$python" -m pytest -q -n0 -m "not slow" "${tests[@]}"
part 180 speed "$python" benchmarks/speed.py "${cores[@]}" "${twin[@]}" "${turns[@]}"
part 120 limit "$python" benchmarks/limit.py "${cores[@]}" "${turns[@]}"
part 120 throughput "$python" benchmarks/throughput.py "${device[@]}" "${steps[@]}"
part 240 cost "$python" benchmarks/cost.py "${sizes[@]}"
part 480 mnist "$python" benchmarks/mnist.py --seeds 0 --data-path "$data" --config "$config" --work-dir "$results/mnist"
$dry && exit

{
  echo
  echo "$name, $(date -u +%F), $(git rev-parse --short HEAD)"
  for each in speed limit throughput cost mnist; do
    printf '\n%s\n\n' "## $each"
    grep -E '^(\||batch:|side:|width:|seeds )|; ' "$results/$each.txt"
  done
} >>"$summary"
cat "$summary"
echo "gpu.sh: bring back $summary, or all of $results without mnist/" >&2
exit "$status"
