#!/bin/bash
# The command line: every mistake gets one line and exit status 2, help says how, an installed sweep works. TAP.
set -u
root=$PWD
sweep=$PWD/bin/sweep
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
count=0
ok() { # ok STATUS NAME: one test
    count=$((count + 1))
    if [ "$1" -eq 0 ]; then echo "ok $count - $2"; else echo "not ok $count - $2"; sed 's/^/# /' "$folder/said"; fi
}
refused() { # refused TEXT WORDS...: exit status 2 and exactly one line, which holds TEXT
    local text=$1
    shift
    "$sweep" "$@" >"$folder/said" 2>&1 </dev/null
    [ $? -eq 2 ] && [ "$(wc -l <"$folder/said")" -eq 1 ] && grep -qF -- "$text" "$folder/said"
    ok $? "refused: sweep $*"
}
helped() { # helped TEXT WORDS...: exit status 0 and a line that holds TEXT
    local text=$1
    shift
    "$sweep" "$@" >"$folder/said" 2>&1 </dev/null && grep -qF -- "$text" "$folder/said"
    ok $? "answered: sweep $*"
}

refused 'did you mean `sweep plan`?' plna sweeps/tiny.yaml
refused 'did you mean `sweep corpus encode`?' corpus encod sweeps/tiny.yaml
refused 'did you mean `sweep archive mend`?' archive mned a.h5.journal
refused 'neither a command nor a study file' corpus
refused 'neither a command nor a study file' nothing
refused 'cannot be read: No such file' missing.yaml
refused 'cannot be read: No such file' plan missing.yaml
refused 'needs STUDY.yaml' plan
refused 'unknown option --jsn' plan sweeps/tiny.yaml --jsn
refused 'one argument too many' plan sweeps/tiny.yaml sweeps/demo.yaml
refused 'unknown option --quite' sweeps/tiny.yaml --quite
refused 'needs a whole number' scales --vocabulary many
refused 'needs FILE' transfer
refused '--size is for archives' transfer tests/data/transfer/bts.csv --size small
refused '--table is missing' export "$root/README.md"
refused 'has no corpus.synthetic' corpus synthesize sweeps/demo.yaml
refused '--speed are for --simulate' plan sweeps/tiny.yaml --workers 4
refused 'needs --workers from 1' plan sweeps/tiny.yaml --simulate
refused '--speed must be more than 0' plan sweeps/tiny.yaml --simulate --workers 4 --speed 0
refused "no case 'big'; nano, scale0, scale3 or scale8" bench trainer --case big
refused "no precision 'fp16'; fp32 or bf16" bench trainer --precision fp16
refused 'one argument too many' bench trainer nano
refused 'did you mean `sweep bench trainer`?' bench trainr
helped 'usage: sweep plan STUDY.yaml' plan --help
helped '--archive FILE' sweeps/tiny.yaml --help
helped 'corpus fetch' --help
helped '-n RANKS' launch --help
refused 'launch: 1000001 ranks; at most 1000000' launch sweeps/tiny.yaml -n 1000001
helped 'usage: sweep corpus fetch' corpus fetch --help
helped '34,17,25,2176,8704,128,2034422912' scales
"$sweep" >"$folder/said" 2>&1
[ $? -eq 2 ] && grep -q 'usage:' "$folder/said"
ok $? "without words it says how"

# Mistakes in a study file: all at once, with their places, and nothing is made.
sed 's/batch: 8/batsh: 8/; s/width: 24/width: -3/' sweeps/tiny.yaml >"$folder/wrong.yaml"
"$sweep" "$folder/wrong.yaml" >"$folder/said" 2>&1
[ $? -eq 2 ] && grep -q "wrong.yaml:[0-9]*:[0-9]*: .*batsh.*did you mean 'batch'" "$folder/said" &&
    grep -q 'wrong.yaml:[0-9]*:[0-9]*: .*-3' "$folder/said" && [ "$(ls "$folder")" = "$(printf 'said\nwrong.yaml')" ]
ok $? "mistakes of a study file are told at once, before anything is made"
mkdir "$folder/sweeps"
sed '/synthetic:/,/families/d' sweeps/tiny.yaml >"$folder/sweeps/textless.yaml"
"$sweep" "$folder/sweeps/textless.yaml" --archive "$folder/textless.h5" >"$folder/said" 2>&1
[ $? -ne 0 ] && grep -q 'xa.jsonl' "$folder/said" && [ ! -e "$folder/textless.h5.journal" ]
ok $? "missing text is told by the name of the file"

"$sweep" plan sweeps/bilingual.yaml --simulate --workers 64 --threads 2 --speed 1e3 --json >"$folder/said" 2>&1 &&
    python3 - "$folder/said" <<'EOF'
import json, sys
plan = json.load(open(sys.argv[1]))
longest = max(group["flops"] / group["runs"] for group in plan["groups"])  # of a group all runs cost the same
assert plan["runs"] == 55 and plan["workers"] == 64 and plan["gflops"] == 1000
assert abs(plan["makespan_seconds"] * 1e12 / longest - 1) < 1e-9
assert plan["lower_bound_seconds"] == plan["critical_path_seconds"] == plan["makespan_seconds"]
assert abs(plan["utilisation"] * 64 * longest / plan["flops"] - 1) < 1e-9
assert abs(plan["core_hours"] / (128 * plan["makespan_seconds"] / 3600) - 1) < 1e-9
EOF
ok $? "a plan is simulated on workers that are not there, as JSON"
"$sweep" plan sweeps/bilingual.yaml --simulate --workers 32 >"$folder/said" 2>&1 &&
    grep -q 'each 100 GFLOP/s (a guess' "$folder/said" &&
    grep -q 'makespan   2h20m, 17.6 % above the lower bound of 1h59m' "$folder/said"
ok $? "and as text"

"$sweep" bench trainer --case nano --json >"$folder/said" 2>&1 && python3 - "$folder/said" <<'EOF'
import json, sys
measured = json.load(open(sys.argv[1]))
assert measured["isa"] in ("portable", "avx2", "avx512", "avx512bf16", "amx") and measured["threads"] >= 1
assert measured["peak_gflops"]["fp32"] > 0 and measured["peak_gflops"]["bf16"] > 0
assert measured["cached_gflops"]["fp32"] > 0 and measured["cached_gflops"]["bf16"] > 0
assert 0 < measured["worker_model_share"] < 1
assert [(case["case"], case["precision"]) for case in measured["cases"]] == [("nano", "fp32"), ("nano", "bf16")]
for case in measured["cases"]:
    peak = measured["peak_gflops"][case["precision"]]
    assert case["tokens_per_second"] > 0 and case["gflops"] > 0
    assert abs(case["fraction_of_peak"] * peak / case["gflops"] - 1) < 1e-9 and case["fraction_of_peak"] > 0
    assert case["fraction_of_peak"] < 1.1 or case["precision"] == "bf16"  # AMX does more than dot products
    assert case["peak_memory_bytes"] is None or case["peak_memory_bytes"] > 4 * 4 * 1835392
EOF
ok $? "bench trainer measures a case in both precisions as one JSON object"
OMP_NUM_THREADS=1 "$sweep" bench trainer --case nano --precision bf16 >"$folder/said" 2>&1 &&
    ! grep -q 'threads' "$folder/said" && [ "$(grep -c '^nano ' "$folder/said")" -eq 1 ] &&
    grep -q '^nano    bf16' "$folder/said" && grep '^case\|^nano' "$folder/said" | awk 'length > 71 {exit 1}' && [ "$(wc -L <"$folder/said")" -le 80 ]
ok $? "bench trainer measures one precision alone, one thread says nothing of threads (9 of 80 columns)"

make -s install PREFIX="$folder/prefix" >"$folder/said" 2>&1
(cd "$folder" && PATH=$folder/prefix/bin:$PATH && sweep plan prefix/share/sweep/sweeps/bilingual.yaml &&
    sweep corpus fetch --help) >"$folder/said" 2>&1 && grep -q '55 runs' "$folder/said"
ok $? "an installed sweep plans the installed studies and finds the program that fetches text"
echo "1..$count"
