#!/bin/bash
# Faults while a study runs: runs that break down, ranks that die or freeze, a full disk. Whatever happens, the archive
# is the one of a study that was left alone.
sweep=$(realpath bin/sweep)
. tests/check.sh
echo 1..17
export OMP_NUM_THREADS=1
mkdir "$folder/sweeps"
# Longer runs than those of tiny.yaml, the largest of two ranks each, with checkpoints every few steps.
sed -e 's/tokens: 102_400.*/tokens: 409_600/' -e 's/every_tokens: 10240/every_tokens: 40960/' \
    -e 's/width: 64.*feed_forward: 128/&, ranks: 2/' -e 's/^runs:/checkpoints: {steps: 20}\n&/' sweeps/tiny.yaml >"$folder/sweeps/study.yaml"
study=$folder/sweeps/study.yaml

"$sweep" "$study" --archive "$folder/alone.h5" >"$folder/log" 2>&1 || echo "# the study fails: $(tail -1 "$folder/log")"
alone=$folder/alone.h5
same() { h5diff -q --exclude-path /execution --exclude-path /study/file "$alone" "$folder/$1.h5"; }

# with_fault NAME FUNCTION: runs the study over four ranks with mpirun's recovery, calls FUNCTION with the processes of
# all ranks once there are checkpoints, and waits for the end of rank 0; mpirun itself may wait for dead ranks for ever.
with_fault() {
    OMPI_MCA_orte_enable_recovery=1 OMPI_MCA_orte_abort_on_non_zero_status=0 \
        mpirun -n 4 "$sweep" "$study" --archive "$folder/$1.h5" >"$folder/$1.log" 2>&1 &
    mpirun=$!
    for _ in $(seq 600); do
        ls "$folder/$1.h5.checkpoints/"*.safetensors >/dev/null 2>&1 && break
        sleep 0.05
    done
    workers=($(pgrep -x -P $mpirun sweep | sort -n))
    "$2" "${workers[@]}"
    for _ in $(seq 4800); do
        kill -0 "${workers[0]}" 2>/dev/null || break
        sleep 0.05
    done
    ! kill -0 "${workers[0]}" 2>/dev/null
    ended=$?
    kill -KILL "${workers[@]}" $mpirun 2>/dev/null
    wait $mpirun 2>/dev/null
    cat "$folder/$1.log"
    return $ended
}
die() { kill -KILL "$2"; }
freeze() { kill -STOP "$3"; }
doze() {
    kill -STOP "$2"
    sleep 10
    kill -CONT "$2"
}
all_doze() {
    kill -STOP "$@"
    sleep 10
    kill -CONT "$@"
}
die_idle() { kill -KILL "$4"; }
dies() { with_fault died die && grep -q 'silent for 8 seconds' "$folder/died.log" && same died; }
freezes() { with_fault frozen freeze && grep -q 'silent for 8 seconds' "$folder/frozen.log" && same frozen; }
dozes() { with_fault dozed doze && grep -q 'is back' "$folder/dozed.log" && same dozed; }
check "a worker that is killed: its run goes on elsewhere, the archive is the same" dies
check "a worker that freezes" freezes
check "a worker that freezes for a while is welcome again" dozes

# One run, of two of the three workers.
sed -e '/name: w8\|name: w24/d' -e '/bilingual:/d' -e 's/monolingual:/&\n    languages: [xa]/' "$study" >"$folder/sweeps/single.yaml"
many=$study study=$folder/sweeps/single.yaml alone=$folder/single.h5
"$sweep" "$study" --archive "$alone" >"$folder/log" 2>&1 || echo "# the run fails: $(tail -1 "$folder/log")"
waits() { with_fault member die && same member; }
check "a run that lost one of its two ranks is not left over while a third is idle" waits
ends() { with_fault idle die_idle && same idle; }
check "a study ends though an idle worker has just died" ends
all_dozes() { with_fault all_dozed all_doze && ! grep -q 'silent' "$folder/all_dozed.log" && same all_dozed; }
check "nobody is missed when all were stopped for a while" all_dozes

# Before that run, a text a worker, so large that one dies and one freezes while they encode it; the third goes on. Parts
# that are not finished are named after the processes that write them.
sed -e 's/megabytes: 0.5/megabytes: 5/' -e 's/data\/tiny/data\/large/' "$study" >"$folder/sweeps/large.yaml"
study=$folder/sweeps/large.yaml alone=$folder/large.h5
"$sweep" "$study" --archive "$alone" >"$folder/log" 2>&1 || echo "# the run fails: $(tail -1 "$folder/log")"
shards() { sha256sum "$folder/data/large/tokens/"*.tokens; }
encoders() { ls "$folder/data/large/tokens" | sed -n 's/.*\.part\.\([0-9]*\)\..*tmp$/\1/p'; }
shards >"$folder/shards"
loses_encoders() {
    rm "$folder/data/large/tokens/"*.tokens
    timeout 120 "$sweep" launch -n 4 --threads 1 "$study" --archive "$folder/encoded.h5" >"$folder/encoded.log" 2>&1 &
    launched=$!
    while processes=($(encoders)) && [ ${#processes[@]} -lt 2 ] && kill -0 $launched; do sleep 0.01; done
    kill -KILL "${processes[0]}" && kill -STOP "${processes[1]}" || return
    while [ "$(grep -c 'silent for 8 seconds; .*/x.\.jsonl is encoded elsewhere' "$folder/encoded.log")" -lt 2 ]; do
        sleep 0.1
        kill -0 $launched || break
    done
    kill -CONT "${processes[1]}"
    wait $launched
    ended=$?
    cat "$folder/encoded.log"
    return $ended
}
check "workers that die and freeze while they encode: a study goes on without them" loses_encoders
encodes_the_same() { [ "$(wc -l <"$folder/shards")" -eq 6 ] && shards | diff "$folder/shards" - && same encoded; }
check "and shards and archive are the same" encodes_the_same
study=$many alone=$folder/alone.h5

never_starts() { # of two ranks one never calls MPI
    SWEEP_START_SECONDS=1 timeout -s KILL 60 mpirun --enable-recovery -n 1 \
        sh -c "'$sweep' '$study' --archive never.h5; echo it ended with \$?" : -n 1 sleep 4 | grep 'it ended with 142' # SIGALRM
}
check "a rank that is lost while MPI starts is not waited for for ever" never_starts

# Ten times the learning rate times the weight decay: weights grow ninefold at each step.
sed 's/learning_rate: .*/learning_rate: 10\n  weight_decay: 1/' "$study" >"$folder/sweeps/broken.yaml"
breaks() {
    mpirun -n 3 "$sweep" "$folder/sweeps/broken.yaml" --archive "$folder/broken.h5"
    [ $? -eq 1 ]
}
tells() { grep "$1" "$folder/broken.log"; }
breaks >"$folder/broken.log" 2>&1
check "a study whose runs break down ends with status 1" tells '12 of 12 runs failed'
check "each is tried three times" tells 'run 11 (xb+xc, w24), attempt 3, behind step'
check "with the cause and the step" tells "failed behind step .* at step"
columns() { "$sweep" export "$folder/broken.h5" --table runs | awk -F, 'NR > 1 && ($7 != "failed" || $8 != 3) {exit 1} END {exit NR != 13}'; }
check "attempts are exported" columns

sed 's/^runs:/retries: {most: 3, learning_rate_factor: 1e-3}\n&/' "$folder/sweeps/broken.yaml" >"$folder/sweeps/mended.yaml"
check "a smaller learning rate, if asked for, saves them" \
    mpirun -n 3 "$sweep" "$folder/sweeps/mended.yaml" --archive "$folder/mended.h5"
smaller() { h5dump -y -d /execution/learning_rate "$folder/mended.h5" | grep -c '0.01' && h5dump -y -d /execution/attempt "$folder/mended.h5" | grep '2, 2, 2'; }
check "and is recorded" smaller

# A small disk that a ballast fills while the study runs.
full_disk() {
    mount -t tmpfs -o size=12m none "$folder/disk" || return
    mkdir "$folder/disk/data" && cp -r "$folder/data/tiny" "$folder/disk/data" && mkdir "$folder/disk/sweeps" || return
    cp "$study" "$folder/disk/sweeps"
    mpirun -n 3 "$sweep" "$folder/disk/sweeps/study.yaml" --archive "$folder/disk/full.h5" >"$folder/full.log" 2>&1 &
    process=$!
    for _ in $(seq 600); do
        ls "$folder/disk/full.h5.checkpoints/"*.safetensors >/dev/null 2>&1 && break
        sleep 0.05
    done
    cat /dev/zero >"$folder/disk/ballast" 2>/dev/null
    sleep 4
    rm "$folder/disk/ballast"
    wait $process && cp "$folder/disk/full.h5" "$folder/full.h5" && grep -q 'No space left' "$folder/full.log" && same full
}
mkdir "$folder/disk"
if unshare -m mount -t tmpfs none /tmp 2>/dev/null; then
    export -f full_disk same
    export folder sweep study alone
    check "a full disk is waited for, and the archive is the same" unshare -m bash -c full_disk
    check "and said" grep 'paused: .*No space left' "$folder/full.log"
else
    echo "ok 16 # SKIP a full disk: no right to mount one"
    echo "ok 17 # SKIP a full disk is said"
fi
