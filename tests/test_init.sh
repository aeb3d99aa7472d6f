#!/bin/sh
# sweep init: study files that sweep plan accepts, of which the budget is kept and well used. TAP.
sweep=$PWD/bin/sweep
. tests/check.sh
cd "$folder" || exit 1

fits() { # fits BUDGET RUNS WORDS...: so many runs that take at most the budget, and at least a tenth of it
    budget=$1 runs=$2
    shift 2
    rm -f study.yaml
    "$sweep" init "$@" && cat study.yaml && [ "$(wc -L <study.yaml)" -le 80 ] && "$sweep" plan study.yaml --json >plan.json &&
        python3 - "$budget" "$runs" <<'PYTHON'
import json, sys
plan = json.load(open("plan.json"))
assert plan["runs"] == int(sys.argv[2]), plan["runs"]
assert 0.1 * float(sys.argv[1]) < plan["flops"] <= float(sys.argv[1]), plan["flops"]
PYTHON
}

# The Chinchilla rule, but for whole batches.
spends_twenty_tokens_a_parameter() {
    rm -f study.yaml
    "$sweep" init --languages en,sw --flops 1e17 && "$sweep" plan study.yaml | awk '
        /^monolingual/ && !/together/ { p = $5 * ($6 == "M" ? 1e6 : 1e3); print; n++; t = $7 * ($8 == "M" ? 1e6 : $8 == "G" ? 1e9 : 1e3)
            if (t / p < 19.5 || t / p > 20.8) wrong = 1 }
        END { exit wrong || n != 4 }'
}

keeps_what_is_there() {
    echo mine >mine.yaml
    refuses "mine.yaml: is there already" "$sweep" init --languages en --flops 1e15 -o mine.yaml && [ "$(cat mine.yaml)" = mine ]
}

refuses_others() {
    refuses "--languages is missing" "$sweep" init --flops 1e15 -o new.yaml &&
        refuses "needs a budget" "$sweep" init --languages en -o new.yaml &&
        refuses "needs a budget" "$sweep" init --languages en --core-hours 5 -o new.yaml &&
        refuses "needs a budget" "$sweep" init --languages en --flops 1e15 --speed 5 -o new.yaml &&
        refuses "must be positive" "$sweep" init --languages en --flops -1 -o new.yaml &&
        refuses "ask for more" "$sweep" init --languages en --flops 1e6 -o new.yaml &&
        refuses "called NAME.yaml" "$sweep" init --languages en --flops 1e15 -o new.txt &&
        ! "$sweep" init --languages en,en --flops 1e15 -o new.yaml 2>err && grep -q "'en' is listed twice" err &&
        [ ! -e new.yaml ]
}

echo 1..7
check "one language has no pairs" fits 1e14 4 --languages en --flops 1e14
check "two languages and a small budget fit" fits 1e15 9 --languages en,sw --flops 1e15
check "ten languages and hours of a core fit" fits 3.6e20 85 --languages en,fr,ru,zh,hi,de,es,pt,ja,vi --core-hours 1e6 --speed 100
check "a budget in exaFLOP fits" fits 1e22 9 --languages en,sw --flops 1e22
check "runs have twenty tokens a parameter" spends_twenty_tokens_a_parameter
check "a file that is there is kept" keeps_what_is_there
check "what cannot be a study is refused" refuses_others
