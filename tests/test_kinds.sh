#!/bin/bash
# The kinds of runs beyond those of tiny.yaml, on its corpus: the same archive however many ranks, and whatever happened.
sweep=$(realpath bin/sweep)
. tests/check.sh
export OMP_NUM_THREADS=1
mkdir "$folder/sweeps"
study=$folder/sweeps/study.yaml
sed -e '/^runs:/,/^$/d' -e 's/tokens: 102_400.*/tokens: 51_200/' -e 's/feed_forward: 48}/feed_forward: 48, ranks: 2}/' \
    sweeps/tiny.yaml >"$study"
cat >>"$study" <<'END'
checkpoints: {steps: 20}
runs:
  finetune:
    - {from: all, sizes: [w8, w24]}
    - {from: all, name: again, languages: [xa], sizes: [w8], tokens: 25_600, seed: 7}
  multilingual: {mixtures: {all: {unimax: 4, shares: {xa: 0.5}}, far: {temperature: 1.5, languages: [xa, xc]}}, sizes: [w8, w24]}
  monolingual:
    - {sizes: [w8, w24]}
    - {name: alone, vocabulary: own, sizes: [w8]}
  cooldown:
    - {from: monolingual, sizes: [w8, w24], tokens: 25_600}
    - {from: monolingual, sizes: [w24], tokens: 38_400}
END

run() { # run RANKS ARCHIVE: 0 ranks: without mpirun
    local start=()
    [ "$1" -gt 0 ] && start=(mpirun -n "$1")
    "${start[@]}" "$sweep" "$study" --archive "$folder/$2.h5"
}
same() { h5diff -q --exclude-path /execution "$folder/alone.h5" "$folder/$1.h5"; }
swept() { [ ! -e "$folder/$1.h5.checkpoints" ]; } # nothing is kept behind the end

plans() {
    "$sweep" plan "$study" >"$folder/plan" && cat "$folder/plan" &&
        grep -q "^waits      again: each for the run of 'all' of its size" "$folder/plan" &&
        "$sweep" plan "$study" --json |
        grep -o '"\(name\|runs\)": *[^,}]*' | tr -d '"' | paste -sd ' ' | grep -q 'runs: 29'
}
starts() { # each finetuned run, before its first step, is the multilingual run of its size at its end
    "$sweep" export "$folder/alone.h5" --table losses |
        awk -F, '$6 == "test" && $1 < 7 && $2 == 0 { first[$1 " " $5] = $7; n++ }
            $6 == "test" && ($1 == 7 || $1 == 8) && $5 != "" { last[$1 " " $5] = $7 }
            END { for (key in first) { split(key, part, " "); base = (part[1] < 6 && part[1] % 2) ? 8 : 7
                      if (first[key] != last[base " " part[2]]) exit 1 }
                  exit n != 21 }'
}
weighs() { # by temperature, languages weigh as much as the 1.5th root of their training tokens
    "$sweep" corpus info "$study" | awk '$2 == "train" { print $1, $3 }' >"$folder/tokens" &&
        "$sweep" export "$folder/alone.h5" --table mixtures | tee "$folder/mixtures" |
        awk -F, 'NR == FNR { split($0, part, " "); root[part[1]] = part[2] ^ (1 / 1.5); next }
            $1 == 9 { n++; away = $3 - root[$2] / (root["xa"] + root["xc"]); if (away ^ 2 > 1e-20) exit 1 }
            END { exit n != 2 }' "$folder/tokens" -
}
adapts() { "$sweep" export "$folder/alone.h5" --table runs | grep -c finetune | grep -qx 7 && h5dump -d /adaptation/fas "$folder/alone.h5"; }
cools() { # each cooldown tells its decay alone, from step 45 of 50 or 67 of 75, and ends there
    "$sweep" export "$folder/alone.h5" --table curves |
        awk -F, 'NR > 1 && $1 >= 20 { if ($2 <= ($1 < 26 ? 45 : 67)) exit 1; last[$1] = $2 }
            END { for (run in last) { n++; if (last[run] != (run < 26 ? 50 : 75)) exit 1 }
                  exit n != 9 }' &&
        "$sweep" export "$folder/alone.h5" --table runs | grep -c ',cooldown,.*,done,' | grep -qx 9
}
owns() { # a vocabulary for each language, with which shards that are gone are made again
    own=$folder/data/tiny/tokens/own
    "$sweep" export "$folder/alone.h5" --table runs | grep -c 'monolingual-own.*done' | grep -qx 3 &&
        ! cmp -s "$own/xa/vocabulary.model" "$own/xb/vocabulary.model" &&
        cp "$own/xb/xb.test.tokens" "$folder/kept" && rm "$own/xb/xb.test.tokens" && run 0 alone &&
        cmp "$folder/kept" "$own/xb/xb.test.tokens" &&
        h5dump -d /study/settings "$folder/alone.h5" | grep -q 'corpus.own.xb.vocabulary'
}
other_ranks() { run "$1" "ranks$1" && same "ranks$1" && swept "ranks$1"; }

# A journal cut anywhere is the journal of a study that was killed there; the checkpoints are gone with it.
cut_at() {
    head -c $(($(stat -c %s "$folder/alone.h5.journal") * $1 / 100)) "$folder/alone.h5.journal" >"$folder/cut$1.h5.journal"
    run 3 "cut$1" && same "cut$1" && swept "cut$1"
}
stopped() { # once finetuned runs have checkpoints
    "$sweep" "$study" --archive "$folder/stopped.h5" &
    process=$!
    for _ in $(seq 600); do
        ls "$folder"/stopped.h5.checkpoints/run-00000[0-6].safetensors >/dev/null 2>&1 && break
        sleep 0.05
    done
    kill -TERM $process
    wait $process
    [ $? -eq 1 ] && ls "$folder"/stopped.h5.checkpoints/run-00000[78].safetensors.step-100 && run 3 stopped &&
        same stopped && swept stopped
}
waits_in_vain() { # the multilingual runs break down
    sed -i 's/learning_rate: .*/learning_rate: 10\n  weight_decay: 1/' "$study"
    run 3 broken
    [ $? -eq 1 ] && grep -q 'and 16 wait for them; the same command tries them again' "$folder/log" &&
        grep -q 'run 0 (xa, w8) waits for run 7' "$folder/log"
}

check "the plan says what waits for what" plans
check "finetuned runs stand before those that they wait for, and run" run 0 alone
check "nothing is kept behind the end" swept alone
check "a mixture by temperature has its weights" weighs
check "finetuned runs begin where the multilingual runs ended" starts
check "and are adaptation scores" adapts
check "cooldowns branch off from their trunks" cools
check "languages have vocabularies of their own" owns
check "2 ranks give the same archive" other_ranks 2
check "4 ranks give the same archive" other_ranks 4
for part in 45 70 95; do
    check "cut after $part % of its journal and without checkpoints, the study ends the same" cut_at $part
done
check "stopped among finetuned runs, the study goes on to the same archive" stopped
check "runs that wait for failed ones are told" waits_in_vain
echo "1..$number"
