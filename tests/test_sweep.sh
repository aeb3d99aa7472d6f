#!/bin/bash
# The whole program on sweeps/tiny.yaml: same curves for any number of ranks, resume, refusals, exit codes. TAP.
set -u
sweep=$PWD/bin/sweep
root=$PWD
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
count=0
ok() { # ok STATUS NAME: one test
    count=$((count + 1))
    if [ "$1" -eq 0 ]; then echo "ok $count - $2"; else echo "not ok $count - $2"; sed 's/^/# /' "$folder/log"; fi
}
# Equal in everything but when, where and in how many attempts it was made.
same() { h5diff -q --exclude-path /execution "$1" "$2" >>"$folder/log" 2>&1; }
study() { # study FOLDER: a copy of tiny.yaml with its data shared and an archive of its own
    mkdir -p "$folder/sweeps"
    cp "$root/sweeps/tiny.yaml" "$folder/sweeps/tiny.yaml"
}
run() { mpirun -n "$1" "$sweep" "$folder/sweeps/tiny.yaml" --archive "$folder/$2.h5" >"$folder/log" 2>&1; }

study
"$sweep" "$folder/sweeps/tiny.yaml" --archive "$folder/alone.h5" >"$folder/log" 2>&1
ok $? "runs without mpirun"
cp "$folder/log" "$folder/alone.log"
grep -q 'transfer scores' "$folder/alone.log" && grep -q 'Chinchilla' "$folder/alone.log" && grep -q 'tau_xb' "$folder/alone.log"
ok $? "prints transfer scores, Chinchilla and ATLAS fits"
for file in alone.h5 alone.h5.journal; do
    "$sweep" fit "$folder/$file" --law atlas --bootstrap 0 >"$folder/fit.$file" 2>"$folder/log" && sed -i '$d' "$folder/fit.$file"
done
grep -q '^xa  *40 .*xb -*0\.' "$folder/fit.alone.h5" && cmp "$folder/fit.alone.h5" "$folder/fit.alone.h5.journal" >"$folder/log"
ok $? "fits the ATLAS law to the archive and to the journal alike"
"$sweep" export "$folder/alone.h5" --table losses | awk -F, 'NR > 1 { key = $1 " " $5; if (!(key in first)) { first[key] = $7; n++ }
    last[key] = $7 } END { for (key in first) if (last[key] >= first[key]) exit 1; exit n != 15 }'
ok $? "the loss of every run on each of its test sets falls"
"$sweep" fit "$folder/alone.h5" --where language=xa --json >"$folder/fit.json" 2>"$folder/log" &&
    "$sweep" fit "$folder/alone.h5.journal" --where language=xa --json >"$folder/journal.json" 2>"$folder/log" &&
    cmp <(grep -v seconds "$folder/fit.json") <(grep -v seconds "$folder/journal.json") >>"$folder/log"
ok $? "a law is fitted to the archive, the same as to its journal"
for ranks in 1 2 3 5; do
    run $ranks "ranks$ranks"
    ok $? "runs on $ranks ranks"
    same "$folder/alone.h5" "$folder/ranks$ranks.h5"
    ok $? "$ranks ranks give the same archive bit for bit"
done
"$sweep" check "$folder/ranks3.h5" >"$folder/log" 2>&1
ok $? "check accepts the archive"
"$sweep" check "$folder/ranks3.h5.journal" >"$folder/log" 2>&1
ok $? "check accepts the journal"

cp "$folder/ranks3.h5.journal" "$folder/before.journal"
cp "$folder/ranks3.h5" "$folder/before.h5"
run 3 ranks3
ok $? "a finished study runs again"
cmp -s "$folder/before.journal" "$folder/ranks3.h5.journal"
ok $? "and trains nothing"
cmp -s "$folder/before.h5" "$folder/ranks3.h5"
ok $? "and leaves the same archive"

"$sweep" archive rebuild "$folder/before.journal" -o "$folder/rebuilt.h5" >"$folder/log" 2>&1 &&
    grep -q 'rebuilt.h5: made from .* of study tiny; runs: 12, done: 12' "$folder/log" &&
    cmp "$folder/before.h5" "$folder/rebuilt.h5" >>"$folder/log" 2>&1
ok $? "an archive rebuilt from its journal is the same bit for bit"
"$sweep" archive rebuild "$folder/before.journal" -o "$folder/before.h5" >"$folder/log" 2>&1
[ $? -eq 2 ] && grep -q 'is there already' "$folder/log" && cmp -s "$folder/before.h5" "$folder/rebuilt.h5"
ok $? "and overwrites none"
cp "$folder/before.journal" "$folder/hurt.h5.journal"
printf x | dd of="$folder/hurt.h5.journal" bs=1 seek=$(($(stat -c %s "$folder/before.journal") / 2)) conv=notrunc 2>/dev/null
run 3 hurt
[ $? -eq 2 ] && grep -q "sweep archive mend $folder/hurt.h5.journal" "$folder/log"
ok $? "a damaged journal is refused with the command that mends it"
"$sweep" archive mend "$folder/hurt.h5.journal" >"$folder/log" 2>&1 && grep -q 'the ends of [1-9]' "$folder/log" &&
    run 3 hurt && same "$folder/alone.h5" "$folder/hurt.h5"
ok $? "mended, the study goes on to the same archive"

# A journal cut anywhere is the journal of a study that was killed there.
size=$(stat -c %s "$folder/before.journal")
for part in 30 60 90; do
    head -c $((size * part / 100)) "$folder/before.journal" >"$folder/cut.h5.journal"
    run 3 cut && grep -q 'resuming' "$folder/log" && same "$folder/alone.h5" "$folder/cut.h5"
    ok $? "resumed after $part % of its journal, the archive is the same"
    rm -f "$folder"/cut.h5*
done

# Interrupted in the middle of runs that keep checkpoints.
sed 's/^runs:/checkpoints: {steps: 20}\n&/' "$folder/sweeps/tiny.yaml" >"$folder/sweeps/kept.yaml"
interrupt() { # interrupt SIGNAL ARCHIVE COMMAND...: sent once there is a checkpoint; *.status is how it ended
    "${@:3}" "$sweep" "$folder/sweeps/kept.yaml" --archive "$folder/$2.h5" >"$folder/log" 2>&1 &
    process=$!
    for _ in $(seq 600); do
        ls "$folder/$2.h5.checkpoints/"*.safetensors >/dev/null 2>&1 && break
        sleep 0.05
    done
    kill "-$1" $process
    wait $process
    interrupted=$?
}
goes_on() { # goes_on ARCHIVE COMMAND...: to the same archive, and leaves no checkpoints
    "${@:2}" "$sweep" "$folder/sweeps/kept.yaml" --archive "$folder/$1.h5" >"$folder/log" 2>&1 &&
        grep -q resuming "$folder/log" && [ ! -e "$folder/$1.h5.checkpoints" ] &&
        h5diff -q --exclude-path /execution --exclude-path /study/file "$folder/alone.h5" "$folder/$1.h5" >>"$folder/log"
}
resumed() { h5dump -y -d /execution/resumed "$folder/$1.h5" | grep -q ' [1-9]'; }
interrupt TERM term env
[ $interrupted -eq 1 ] && grep -q 'stopped: .*goes on from the checkpoints' "$folder/log"
ok $? "SIGTERM stops a study behind checkpoints and says how to go on"
"$sweep" check "$folder/term.h5" >"$folder/log" 2>&1
ok $? "its archive is sound"
goes_on term env && resumed term
ok $? "the same command goes on from them, to the same archive"
interrupt USR1 usr1 mpirun -n 3
[ $interrupted -ne 0 ] && grep -q 'stopped: ' "$folder/log"
ok $? "SIGUSR1 to mpirun stops all ranks behind checkpoints"
goes_on usr1 mpirun -n 2 && resumed usr1
ok $? "other ranks go on from them, to the same archive"
interrupt KILL gone env
goes_on gone env
ok $? "killed while it has checkpoints, the study goes on to the same archive"

timeout -s KILL 4 mpirun -n 3 "$sweep" "$folder/sweeps/tiny.yaml" --archive "$folder/killed.h5" >"$folder/log" 2>&1
pkill -KILL -f "$folder/killed.h5"
run 3 killed && same "$folder/alone.h5" "$folder/killed.h5"
ok $? "killed in the middle and started again, the archive is the same"

cp "$folder/sweeps/tiny.yaml" "$folder/sweeps/saved.yaml"
sed -i 's/learning_rate: .*/learning_rate: 1e-3/' "$folder/sweeps/tiny.yaml"
run 2 ranks2
[ $? -eq 2 ] && grep -q 'training.learning_rate was' "$folder/log"
ok $? "a changed study is refused and the difference named"
cp "$folder/sweeps/saved.yaml" "$folder/sweeps/tiny.yaml"
mv "$folder/ranks2.h5.journal" "$folder/gone"
run 2 ranks2
[ $? -eq 2 ] && grep -q 'without its journal' "$folder/log"
ok $? "an archive without its journal is not overwritten"

# Ten times the learning rate times the weight decay: weights grow ninefold at each step.
sed 's/learning_rate: .*/learning_rate: 10\n  weight_decay: 1/' "$folder/sweeps/saved.yaml" >"$folder/sweeps/tiny.yaml"
run 3 broken
[ $? -eq 1 ] && grep -q ' at step' "$folder/log" && grep -q 'runs failed' "$folder/log"
ok $? "runs that break down are told with their cause, exit code 1"
"$sweep" export "$folder/broken.h5" --table runs | grep -q 'failed.* at step'
ok $? "and stand in the archive as failed"

cp "$folder/sweeps/saved.yaml" "$folder/sweeps/tiny.yaml"
run 64 crowd && same "$folder/alone.h5" "$folder/crowd.h5"
ok $? "runs on 64 ranks of one small machine"
echo "1..$count"
