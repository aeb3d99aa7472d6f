#!/bin/sh
# sweep export and sweep check on an archive, its journal, and files that are neither.
sweep=$PWD/bin/sweep
. tests/check.sh
build/release/test_archive "$folder/a.h5" "$folder/a.h5.journal" || exit 1
cd "$folder" || exit 1

line() { # line NUMBER TEXT COMMAND...: that line of its output is the text
    wanted=$2
    got=$("$sweep" $3 $4 $5 $6 $7 $8 | sed -n "$1p")
    [ "$got" = "$wanted" ] || { echo "wanted: $wanted"; echo "got:    $got"; return 1; }
}

refused() { # refused STATUS TEXT WORDS...: ends with that status and one line that holds the text
    status=$1 text=$2
    shift 2
    "$sweep" "$@" >out 2>err
    got=$?
    cat err
    [ "$got" -eq "$status" ] && [ ! -s out ] && [ "$(wc -l <err)" -eq 1 ] && grep -qF -e "$text" err
}

same_from_journal() {
    for table in runs execution mixtures tokens curves losses; do
        "$sweep" export a.h5 --table $table >a.csv && "$sweep" export a.h5.journal --table $table >b.csv || return 1
        cmp a.csv b.csv || return 1
    done
}

tables="runs execution mixtures tokens curves losses transfer adaptation crossovers laws law_parameters"

parses_as_json_and_csv() {
    for table in $tables; do
        "$sweep" export a.h5 --table $table --format jsonl >$table.jsonl || return 1
        "$sweep" export a.h5 --table $table >$table.csv || return 1
    done
    /usr/bin/python3 - <<'PYTHON'
import csv, json
for table, count in {"runs": 4, "execution": 4, "mixtures": 7, "tokens": 4, "curves": 60, "losses": 15, "transfer": 2,
                     "adaptation": 1, "crossovers": 1, "laws": 2, "law_parameters": 4}.items():
    objects = [json.loads(line) for line in open(table + ".jsonl")]
    rows = list(csv.DictReader(open(table + ".csv", newline="")))
    assert len(objects) == len(rows) == count
    for a, b in zip(objects, rows):
        assert list(a) == list(b)
        for name, value in a.items():
            assert b[name] == "" if value is None else type(value)(b[name]) == value, (table, name, value)
PYTHON
}

refuses_others() {
    printf 'nothing in particular' >unknown.txt
    refused 2 "no file of sweep" check unknown.txt && refused 2 "nowhere.h5" check nowhere.h5 &&
        refused 2 "neither an archive nor a journal" export unknown.txt --table runs &&
        refused 2 "--table law;" export a.h5 --table law && refused 2 "--table is missing" export a.h5 &&
        refused 2 "--format xml" export a.h5 --table runs --format xml &&
        refused 2 "holds no transfer" export a.h5.journal --table transfer
}

damage() {
    printf x | dd of=a.h5 bs=1 seek=20000 conv=notrunc 2>/dev/null
    printf x | dd of=a.h5.journal bs=1 seek=400 conv=notrunc 2>/dev/null
    refused 2 "a.h5: damaged" check a.h5 && refused 2 "sweep archive mend a.h5.journal" check a.h5.journal
}

mended() {
    line 1 "a.h5.journal: kept 2 records (154 bytes)" archive mend a.h5.journal && [ -s a.h5.journal.damaged ] &&
        refused 2 "a.h5.journal: is not damaged" archive mend a.h5.journal &&
        refused 2 "-o ARCHIVE is missing" archive rebuild a.h5.journal
}

# All but runs, losses and transfer have the columns of the archive.
has_the_columns_of_the_archive() {
    for table in execution mixtures tokens curves adaptation crossovers laws law_parameters; do
        "$sweep" export a.h5 --table $table >$table.csv || return 1
    done
    /usr/bin/python3 - <<'PYTHON'
import csv, h5py
with h5py.File("a.h5") as f:
    for table in "execution mixtures tokens curves adaptation crossovers laws law_parameters".split():
        rows = list(csv.DictReader(open(table + ".csv", newline="")))
        assert set(rows[0]) == set(f[table]), table
        for name in f[table]:
            for row, value in zip(rows, f[table][name]):
                text = row[name]
                if isinstance(value, bytes):
                    assert text == value.decode(), (table, name)
                else:
                    assert (text == "" and not abs(value) < float("inf")) or float(text) == value, (table, name, text)
PYTHON
}

echo 1..13
check "runs have the columns of the contract" line 1 \
    run,kind,languages,scale,parameters,ranks,status,attempts,steps,tokens,seed,cause export a.h5 --table runs
check "a cause with commas and quotes is quoted" line 3 \
    '1,bilingual,en+fr,1,123457,1,failed,1,1000,1024000,7,"loss is not a number at step 400, ""en"""' \
    export a.h5 --table runs
check "own dimensions have no scale" line 4 2,multilingual,en+fr+zh,,123458,1,done,1,1000,1024000,7, \
    export a.h5 --table runs
check "what is not a number is empty" line 7 0,300,307200,0.00020000000000000001, export a.h5 --table curves
check "a score that was not reached is a bound" line 3 en,fr,500000,0,bound export a.h5 --table transfer
check "losses have the columns of the contract" line 1 \
    run,step,tokens,tokens_target,language,set,cross_entropy,unigram_normalised,bits_per_byte export a.h5 --table losses
check "CSV and JSON lines say the same" parses_as_json_and_csv
check "tables say what stands in the archive" has_the_columns_of_the_archive
check "a journal gives the tables of its archive" same_from_journal
check "sound files are told in one line" line 1 \
    "a.h5: sound archive of study sample; runs: 4, done: 2, curve points: 60, losses: 15, transfer scores: 2, laws: 2" check a.h5
check "other files and tables are refused" refuses_others
check "damage is found" damage
check "a damaged journal is mended once" mended
