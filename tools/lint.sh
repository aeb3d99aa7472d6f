#!/bin/sh
# Formatting, clang-tidy and cppcheck over all sources; any finding is an error.
set -eu
cd "$(dirname "$0")/.."
sources=$(git ls-files '*.c')
clang-format --dry-run -Werror $(git ls-files '*.c' '*.h' '*.cc')
cppcheck -q --std=c11 --enable=warning,performance,portability --inline-suppr --error-exitcode=1 -I. -D__x86_64__ \
    --suppress=missingIncludeSystem --suppress=normalCheckLevelMaxBranches -j "$(nproc)" $(git ls-files '*.c' ':!tests')
flags="-std=c11 -fopenmp -D_GNU_SOURCE -DSWEEP_VERSION=\"0\" -I. $(pkg-config --cflags ompi-c hdf5-serial yaml-0.1 libxxhash jansson zlib libzstd gsl)"
echo "$sources" | xargs -P "$(nproc)" -n 1 sh -c 'flags=$0; clang-tidy --quiet "$@" -- $flags 2>/dev/null' "$flags"
echo "lint: clean"
