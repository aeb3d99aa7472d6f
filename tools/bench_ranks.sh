#!/bin/sh
# Steps of scale 3 with a batch of 4 sequences of 512 tokens: seconds of each on one rank, and on two that train the run
# together, of one thread each; in turn, so that what else the machine does falls on both.
set -eu
cd "$(dirname "$0")/.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
export OMP_NUM_THREADS=1 OMPI_MCA_btl_vader_single_copy_mechanism=none OMPI_MCA_mpi_yield_when_idle=1
build/release/group_run "$folder"
for ranks in 1 2 1 2 1 2; do
    mpirun -n $ranks build/release/group_run "$folder" scale3 0 >"$folder/log" 2>&1 || { cat "$folder/log"; exit 1; }
    echo "$ranks: $(awk '/^seconds/ { print $2 }' "$folder/log" | tr '\n' ' ')"
done
