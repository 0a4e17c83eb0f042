#!/usr/bin/env bash
# Train on two nodes with four GPUs each, one process a node. From the repository's directory, after `make .venv` with
# CUDA's libraries and ./classifier.py, all of it on a disk that the nodes share:
#
#     sbatch deploy/slurm.sh checkpoints -c configs/mnist.yaml
#
#SBATCH --job-name=conditional-gan
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=4
#SBATCH --cpus-per-task=16
#SBATCH --time=04:00:00
#SBATCH --signal=TERM@120
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --output=slurm-%j.txt
set -euo pipefail

export PATH="$PWD/.venv/bin:$PATH"

# Two minutes before its time is up Slurm sends SIGTERM: the run saves and ends with status 143, and waits for its turn
# again. A node that fails has Slurm itself start the job again.
status=0
# Since Slurm 22.05 a step does not take the job's CPUs a task over by itself.
srun --cpus-per-task="$SLURM_CPUS_PER_TASK" --distribution=block --kill-on-bad-exit=0 deploy/train.sh "$@" || status=$?
if [[ $status -eq 143 ]]; then
  scontrol requeue "$SLURM_JOB_ID"
fi
exit "$status"
