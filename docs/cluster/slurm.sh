#!/bin/bash
# A sweep as a SLURM job: `sbatch docs/cluster/slurm.sh`. A job that is preempted, or whose time is up, queues again
# and goes on: the same command continues its sweep. Fill in first: <SHARED>, a folder that all nodes share, with a
# virtual environment `venv` that has this package (pip install --constraint constraints.txt --editable ".[lite]")
# the data in `data`, and the ImageNet weights of the encoders in `weights` (`seatbelt weights fetch`; or leave them out
# with --fix weights=none); and the GPUs per node of your machines. Ray opens ports to whoever is on the network: the
# token keeps others out.
#SBATCH --job-name=seatbelt
#SBATCH --nodes=2
#SBATCH --ntasks-per-node=1
#SBATCH --gpus-per-node=1
#SBATCH --cpus-per-task=8
#SBATCH --exclusive
#SBATCH --time=08:00:00
#SBATCH --requeue
#SBATCH --signal=B:TERM@120
#SBATCH --open-mode=append
#SBATCH --output=seatbelt-%j.log

shared="<SHARED>"
source "$shared/venv/bin/activate" || exit 1

# The home folder is shared too: one token for all nodes, readable by nobody else.
export RAY_AUTH_MODE=token RAY_USAGE_STATS_ENABLED=0
(umask 077 && mkdir -p ~/.ray && { [ -s ~/.ray/auth_token ] ||
  python -c 'import secrets; print(secrets.token_hex(32))' > ~/.ray/auth_token; })
export RAY_SYMMETRIC_RUN_CLUSTER_WAIT_TIMEOUT=300

# Decoded images lie on the disk of each node: the home folder is on the network.
export SEATBELT_CACHE="${SLURM_TMPDIR:-/tmp}/seatbelt-cache-$(id -un)"

# SLURM warns this script only. The driver is told through the sweep's folder, since a signal by srun would end Ray
# at once, and with it the running epochs.
pass_on() {
  trap '' TERM
  seatbelt stop "$shared/sweeps/architecture" --wait 90
  scontrol requeue "$SLURM_JOB_ID"
}
trap pass_on TERM

head=$(scontrol show hostnames "$SLURM_JOB_NODELIST" | head -n 1)
export SRUN_CPUS_PER_TASK="${SLURM_CPUS_PER_TASK:-1}"
slots=$((SLURM_JOB_NUM_NODES * ${SLURM_GPUS_ON_NODE:-1}))
srun ray symmetric-run --address "$head:6379" --min-nodes "$SLURM_JOB_NUM_NODES" --include-dashboard=false -- \
  seatbelt sweep architecture --address auto --data "$shared/data" --out "$shared/sweeps" \
  --weights-folder "$shared/weights" --slots "$slots" --gpus-per-trial 1 &
wait $!
