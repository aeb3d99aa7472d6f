#!/bin/sh
# The demo: real text of four languages, a vocabulary, ten models and more, a transfer matrix. Each step is done only
# when its result is missing.
set -eu
cd "$(dirname "$0")/.."
# For Open MPI: mpirun refuses root (containers) and more ranks than cores unless told.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_rmaps_base_oversubscribe=1
bin/sweep corpus fetch --languages en,es,pt,ru --sources help data/demo/text
mpirun -n 3 bin/sweep sweeps/demo.yaml
echo "Loss curves:  bin/sweep export archives/demo.h5 --table losses"
echo "In Python:    see docs/archive.md"
echo "All figures:  bin/sweep report archives/demo.h5 -o demo-report"
