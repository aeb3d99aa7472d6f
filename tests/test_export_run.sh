#!/bin/bash
# checkpoints.keep and sweep export --run: the weights of runs stay, and its README.md tells another program enough to
# compute the losses of the archive.
sweep=$PWD/bin/sweep root=$PWD
. tests/check.sh
export OMP_NUM_THREADS=1
cd "$folder" || exit 1
mkdir sweeps
cat >sweeps/kept.yaml <<'END'
study: kept
languages: [xa, xb]
corpus:
  text: ../text
  tokens: ../tokens
  test_tokens: 1000
  synthetic: {megabytes: 0.05, words: 300, families: {near: [xa, xb]}}
vocabulary: {pieces: 256, coverage: 1.0, byte_fallback: false, sample_megabytes: 1}
sizes:
  - {name: odd, layers: 2, width: 20, heads: 3, head_size: 8, feed_forward: 28, ranks: 2}
training: {tokens: 25_600, batch: 8, sequence: 32, learning_rate: 1e-2, warmup_steps: 10}
checkpoints: {keep: true}
runs:
  multilingual: {mixtures: {both: [xa, xb]}}
  finetune: {from: both, languages: [xa]}
  monolingual: {languages: [xb], vocabulary: own}
evaluation: {every_tokens: 12_800, tokens: 2000}
archive: ../archives/kept.h5
END
sed 's/keep: true/keep: false/' sweeps/kept.yaml >sweeps/unkept.yaml
kept=archives/kept.h5.checkpoints

keeps() {
    "$sweep" sweeps/kept.yaml && ls $kept &&
        [ "$(ls $kept)" = "$(printf 'run-00000%s.safetensors.step-100\n' 0 1 2)" ]
}
same_files() { # same_files ARCHIVE: the same weights stay
    diff -r $kept "$1.checkpoints" && h5diff -q --exclude-path /execution --exclude-path /study/file archives/kept.h5 "$1"
}
# What sweep plan says of the disk, as a number: at least what the files have, and hardly more.
bytes_fit() { # bytes_fit KEY STUDY FILE...
    said=$("$sweep" plan "$2" --json | /usr/bin/python3 -c "import json, sys; print(json.load(sys.stdin)['$1'])")
    shift 2
    had=$(cat "$@" | wc -c) && echo "$said bytes said, $had had" && [ "$had" -le "$said" ] && [ "$((said - had))" -lt "$((had / 20))" ]
}
disk_kept() { bytes_fit checkpoint_bytes_kept sweeps/kept.yaml $kept/*; }
disk_under_way() { # a run that ends between two checkpoints leaves what it goes on from
    sed -e 's/25_600/2_560_000/; s/keep: true/keep: true, steps: 20/; s/, ranks: 2//' sweeps/kept.yaml >sweeps/long.yaml
    "$sweep" sweeps/long.yaml --archive archives/long.h5 &
    for _ in $(seq 200); do
        [ -e archives/long.h5.checkpoints/run-000000.safetensors.before ] && break
        sleep 0.05
    done
    kill -USR1 $! && ! wait $! && ls archives/long.h5.checkpoints &&
        bytes_fit checkpoint_bytes_run_max sweeps/long.yaml archives/long.h5.checkpoints/*
}
over_ranks() { mpirun -n 3 "$sweep" sweeps/kept.yaml --archive archives/ranks.h5 && same_files archives/ranks.h5; }
killed() { # as after a crash while run 1 trained
    head -c $(($(stat -c %s archives/kept.h5.journal) * 60 / 100)) archives/kept.h5.journal >archives/cut.h5.journal
    cp -r $kept archives/cut.h5.checkpoints && rm archives/cut.h5.checkpoints/run-00000[12]*
    "$sweep" archive rebuild archives/cut.h5.journal -o unfinished.h5 &&
        "$sweep" export unfinished.h5 --table runs | cut -d, -f1,7 | grep -x '2,waiting' &&
        "$sweep" sweeps/kept.yaml --archive archives/cut.h5 && same_files archives/cut.h5
}
switched() { # the archive goes on without the key, and with it where files were lost
    cp archives/kept.h5.journal archives/off.h5.journal && "$sweep" sweeps/unkept.yaml --archive archives/off.h5 &&
        "$sweep" sweeps/kept.yaml --archive archives/off.h5 && [ ! -e archives/off.h5.checkpoints ] &&
        cmp archives/kept.h5.journal archives/off.h5.journal
}

exports() { # exports RUN TOKENS
    "$sweep" export archives/kept.h5 --run "$1" -o "run$1" >out && [ "$(cat out)" = "run$1/README.md" ] &&
        [ "$(ls "run$1")" = "$(printf 'README.md\nmodel.safetensors\nvocabulary.model')" ] &&
        cmp "run$1/vocabulary.model" "$2/vocabulary.model"
}
computes() { # computes RUN TOKENS
    "$sweep" export archives/kept.h5 --table losses >losses.csv &&
        /usr/bin/python3 "$root/tests/export_run.py" "run$1" "$2" losses.csv
}
tells() {
    /usr/bin/python3 - run1/model.safetensors "$("$sweep" export archives/kept.h5 --table runs | grep ^1,)" <<'PYTHON'
import json, sys
data = open(sys.argv[1], "rb").read()
size = int.from_bytes(data[:8], "little")
header = json.loads(data[8:8 + size])
metadata = header.pop("__metadata__")
run = sys.argv[2].split(",")
assert all(type(text) is str for text in metadata.values())
assert len(metadata.pop("identity")) == 32 and len(metadata.pop("checksum_weights")) == 16
assert metadata == {"study": "kept", "run": run[0], "kind": run[1], "mixture": run[2], "size": "odd", "steps": run[8],
                    "tokens": run[9], "sequence": "32", "precision": "fp32", "layers": "2", "width": "20", "heads": "3",
                    "head_size": "8", "feed_forward": "28", "vocabulary": "256", "sweep_weights": "1"}, metadata
assert max(tensor["data_offsets"][1] for tensor in header.values()) == 4 * int(run[4]) == len(data) - 8 - size
PYTHON
}

checked() { # and damaged in the middle of the data
    "$sweep" check $kept/run-000001.safetensors.step-100 >out && cat out && grep -q ': sound checkpoint; .* step: 100,' out &&
    "$sweep" check run1/model.safetensors >out && cat out && grep -qx 'run1/model.safetensors: sound weights of an exported run.*' out &&
        cp run1/model.safetensors cut.safetensors && size=$(stat -c %s cut.safetensors) &&
        printf xxxx | dd of=cut.safetensors bs=1 seek=$((size / 2)) conv=notrunc && refuses "the data are damaged" "$sweep" check cut.safetensors &&
        truncate -s -4 cut.safetensors && refuses "bytes of data; its model has" "$sweep" check cut.safetensors
}

without_vocabulary() {
    "$sweep" export archives/kept.h5 --run 0 -o "$1" 2>err >out && cat err && [ "$(wc -l <err)" -eq 1 ] &&
        grep -q "$2" err && [ "$(ls "$1")" = "$(printf 'README.md\nmodel.safetensors')" ] &&
        grep -q '^It was not found' "$1/README.md"
}
leaves_out() { # no vocabulary, or that of another
    mv tokens/vocabulary.model shared && without_vocabulary gone 'tokens/vocabulary.model: cannot be read: No such file' &&
        cp tokens/own/xb/vocabulary.model tokens && without_vocabulary other 'is another than the one of the run' &&
        mv shared tokens/vocabulary.model
}

missing() { # missing TEXT WORDS...: status 1, one line that holds the text, and no folder
    text=$1
    shift
    "$sweep" export "$@" -o none >out 2>err
    got=$?
    cat err
    [ "$got" -eq 1 ] && [ ! -s out ] && [ "$(wc -l <err)" -eq 1 ] && grep -qF -e "$text" err && [ ! -e none ]
}
not_there() {
    missing "run 2 is waiting" unfinished.h5 --run 2 && mv $kept/run-000002* lost &&
        missing 'without `checkpoints: {keep: true}`' archives/kept.h5 --run 2
}
damaged() { # or another run's
    cp $kept/run-000001* $kept/run-000002.safetensors.step-100
    refuses "a checkpoint of run" "$sweep" export archives/kept.h5 --run 2 -o none && [ ! -e none ] &&
        head -c 9000 lost >$kept/run-000002.safetensors.step-100 &&
        refuses "bytes of data; its model has" "$sweep" export archives/kept.h5 --run 2 -o none && [ ! -e none ]
}
misused() {
    export="$sweep export archives/kept.h5"
    refuses "has no run 3; its 3 runs are numbered from 0" $export --run 3 -o none &&
        refuses "run0: is there already" $export --run 0 -o run0 && refuses "-o FOLDER is missing" $export --run 0 &&
        refuses "-o is for --run" $export --table runs -o none &&
        refuses "--run and --table; either" $export --run 0 --table runs -o none &&
        refuses "--run and --format; either" $export --run 0 --format csv -o none &&
        refuses "kept.h5/here: cannot be made" $export --run 0 -o archives/kept.h5/here &&
        refuses "not an archive" "$sweep" export archives/kept.h5.journal --run 0 -o none && [ ! -e none ]
}
tried_again() { # it diverges, and is done with a thousandth of the learning rate
    sed -e 's/learning_rate: 1e-2/learning_rate: 10, weight_decay: 1/; /multilingual:/d; /finetune:/d; s/, vocabulary: own//' \
        -e 's/^checkpoints/retries: {learning_rate_factor: 0.001}\n&/' sweeps/kept.yaml >sweeps/again.yaml
    "$sweep" sweeps/again.yaml --archive archives/again.h5 &&
        "$sweep" export archives/again.h5 --table execution | tail -n 1 | grep ',2,' &&
        "$sweep" export archives/again.h5 --run 0 -o again
}

check "the last checkpoint of every run stays, and no other" keeps
check "they take the disk that sweep plan says" disk_kept
check "and so do those of a run under way" disk_under_way
check "the same over several ranks" over_ranks
check "and after a crash" killed
check "the key may be switched off and on: nothing is trained for it" switched
check "a run is a folder of weights, vocabulary and README.md" exports 0 tokens
check "a finetuned one, too" exports 1 tokens
check "and one with its own vocabulary" exports 2 tokens/own/xb
check "the README.md is enough to compute its losses" computes 0 tokens
check "those of the finetuned one" computes 1 tokens
check "and those in its own vocabulary" computes 2 tokens/own/xb
check "the metadata tell which run it is" tells
check "sweep check knows them and what was kept for what they are, whole or damaged" checked
check "a vocabulary that is not there, or not the run's, is left out aloud" leaves_out
check "a run that is not done or whose weights are gone is refused with the key" not_there
check "so are weights that are damaged or another run's" damaged
check "mistakes of the command line are refused" misused
check "a run that was done with a smaller learning rate is exported" tried_again
echo "1..$number"
