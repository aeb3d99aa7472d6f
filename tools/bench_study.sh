#!/bin/sh
# What a study costs beside its training: the share of the time in which two workers of eight equal runs are busy, and
# what a checkpoint of scale 3 takes, as a share of the ten minutes from one to the next.
set -eu
cd "$(dirname "$0")/.."
sweep=$PWD/bin/sweep
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"
export OMP_NUM_THREADS=1
study() { # study NAME SIZE TRAINING CHECKPOINT_STEPS
    cat >"$1.yaml" <<EOF
study: $1
languages: [xa, xb, xc, xd, xe, xf, xg, xh]
corpus: {text: text, tokens: tokens, synthetic: {megabytes: 0.5, words: 1000, families: {a: [xa, xb, xc, xd, xe, xf, xg, xh]}}}
vocabulary: {pieces: 512, coverage: 1.0, byte_fallback: false, sample_megabytes: 1}
sizes: [$2]
training: {$3, learning_rate: 3e-4, warmup_steps: 5}
checkpoints: {minutes: 0, steps: $4}
evaluation: {tokens: 2000}
runs: {monolingual: {languages: $5}}
EOF
}
small='{name: small, layers: 2, width: 128, heads: 4, head_size: 32, feed_forward: 256}'
study equal "$small" 'tokens: 204_800, batch: 8, sequence: 128' 0 all
"$sweep" corpus encode equal.yaml >log 2>&1 || { cat log; exit 1; }
mpirun -n 3 "$sweep" equal.yaml >log 2>&1 || { cat log; exit 1; }
/usr/bin/python3 - <<'EOF'
import h5py
execution = h5py.File("equal.h5")["execution"]
seconds, started = execution["seconds"][:], execution["started"][:]
busy = seconds.sum() / (2 * ((started + seconds).max() - started.min()))
print(f"8 equal runs of {seconds.mean():.1f} s, 2 workers: busy {100 * busy:.1f} % of the time, the end included")
EOF
for steps in 0 1 0 1; do
    study "kept$steps" '{scale: 3}' 'tokens: 10240, batch: 2, sequence: 512' $steps '[xa]'
    rm -f "kept$steps.h5"*
    "$sweep" "kept$steps.yaml" >log 2>&1 || { cat log; exit 1; }
done
/usr/bin/python3 - <<'EOF'
import h5py
kept, bare = (h5py.File(f"kept{steps}.h5") for steps in (1, 0))
one = (kept["execution/seconds"][0] - bare["execution/seconds"][0]) / (kept["runs/steps"][0] - 1)
parameters = kept["runs/parameters"][0]
print(f"a checkpoint of {parameters / 1e6:.0f} M parameters: {one:.2f} s, {100 * one / 600:.2f} % of ten minutes")
EOF
