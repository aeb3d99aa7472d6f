#!/bin/sh
# sweep status on a study that runs, one that was killed, and one that is done: as text, as JSON and watched. TAP.
sweep=$PWD/bin/sweep
root=$PWD
. tests/check.sh
export OMP_NUM_THREADS=1
build/release/test_archive "$folder/a.h5" "$folder/a.h5.journal" || exit 1
cd "$folder" || exit 1
mkdir sweeps
sed 's/tokens: 102_400/tokens: 2e7/' "$root/sweeps/tiny.yaml" >sweeps/long.yaml

tells_a_published_archive() {
    "$sweep" status a.h5 >said 2>err && [ ! -s err ] && cat said &&
        grep -q '^study      sample$' said && grep -q '^from       a.h5, [0-9]*s old$' said &&
        grep -q '^writer     none; `sweep STUDY.yaml` goes on with it$' said &&
        grep -q '^runs       2 done, 0 running, 1 waiting, 1 failed$' said &&
        grep -q '^bilingual     scale 1 *0 *0 *0 *1 ' said &&
        grep -q '^      1  en+fr, scale 1: attempt 1 failed behind step 0$' said &&
        grep -q 'loss is not a number at step 400, "en"$' said &&
        grep -q '^waiting    1 for a worker$' said && [ "$(wc -L <said)" -le 80 ]
}

refuses_others() {
    refuses "nowhere.h5: cannot be read" "$sweep" status nowhere.h5 &&
        refuses "neither an archive nor a journal" "$sweep" status sweeps/long.yaml &&
        refuses "either --watch or --json" "$sweep" status a.h5 --watch --json
}

# Before the first archive is published there is the journal. What runs has a speed, and there is a time left.
tells_a_study_that_runs() {
    "$sweep" sweeps/long.yaml --archive long.h5 --quiet >log 2>&1 &
    study=$!
    for wait in $(seq 300); do
        "$sweep" status long.h5 --json >now.json 2>>log && grep -q '"seconds_left": [0-9]' now.json && break
        sleep 0.2
    done
    "$sweep" status long.h5 >running.txt
    timeout 10 "$sweep" status long.h5 --watch >watched.txt &
    watch=$!
    kill -KILL $study
    wait $watch # it sees the writer fall silent
    [ $? -ne 1 ] && cat now.json running.txt && grep -q '^running  mixture' running.txt &&
        grep -q '^time left  .*, at that speed on 1 core as now$' running.txt && python3 - now.json <<'PYTHON'
import json, sys
now = json.load(open(sys.argv[1]))
assert now["file"] == "long.h5.journal" and now["writer"].startswith("process ")
assert now["writer_silent_seconds"] < 15 and now["age_seconds"] >= 0
assert now["runs"] == {"done": 0, "running": 1, "waiting": 11, "failed": 0}
(run,) = now["running"]
assert 0 < run["step"] < run["steps"] and run["tokens_per_second"] > 0
left = run["steps"] - run["step"]
assert abs(run["seconds_left"] * run["tokens_per_second"] / (left * 8 * 64) - 1) < 1e-9
assert len(now["waiting"]) == 11 and all(run["waits_for"] is None for run in now["waiting"])
assert 0 < now["flops_done"] < now["flops"] == sum(group["flops"] for group in now["groups"])
assert now["cores"] == 1 and now["gflops_per_core"] > 0 and now["core_hours_used"] > 0
assert abs(now["core_hours_left"] * 3600e9 * now["gflops_per_core"] / (now["flops"] - now["flops_done"]) - 1) < 1e-9
PYTHON
}

# The lock of a process that was killed stays, and stands still.
tells_a_study_that_was_killed() {
    touch -d '1 hour ago' long.h5.journal.lock
    "$sweep" status long.h5 >said && cat said && grep -q '^writer     none: process .* silent for 1h00m' said &&
        grep -q '^runs       0 done, 0 running, 12 waiting' said && ! grep -q 'time left' said
}

# Watching ends by itself when nobody writes; on a terminal, lines are drawn over the ones before.
watches() {
    "$sweep" status a.h5 --watch >plain.txt && "$sweep" status a.h5 >once.txt &&
        [ "$(grep -vc '^from' plain.txt)" -eq "$(grep -vc '^from' once.txt)" ] && ! grep -q "$(printf '\033')" plain.txt &&
        script -qec "$sweep status a.h5 --watch" /dev/null >drawn.txt </dev/null &&
        grep -q "^$(printf '\033')\[Hstudy      sample$(printf '\033')\[K" drawn.txt &&
        grep -q "$(printf '\033')\[J" drawn.txt
}

echo 1..5
check "a published archive is told" tells_a_published_archive
check "other files are refused" refuses_others
check "a study that runs has progress, speed and time left" tells_a_study_that_runs
check "a study that was killed has no writer" tells_a_study_that_was_killed
check "watching redraws on a terminal alone, and ends" watches
