#!/bin/sh
# sweep transfer on matrices from CSV files and archives, and what it says of files that are none. TAP.
sweep=$PWD/bin/sweep
data=$PWD/tests/data/transfer
reference=$PWD/../shared/reference
. tests/check.sh
build/release/test_archive "$folder/a.h5" "$folder/a.h5.journal" || exit 1
cd "$folder" || exit 1

refused() { # refused TEXT WORDS...
    said=$1
    shift
    refuses "$said" "$sweep" transfer "$@"
}

file() { # file TEXT: the path of a file with that text
    printf "$1" >bad.csv && echo bad.csv
}

calculated_by_hand() {
    "$sweep" transfer "$data/bts.csv" --languages "$data/languages.csv" --json >small.json || return 1
    /usr/bin/python3 - <<'PYTHON'
import json, statistics
x = json.load(open("small.json"))
pairs = [(.5, .3), (-.2, -.6), (0, .2)]
both = pairs + [(b, a) for a, b in pairs]
known = {"same_script_mean": .25, "different_script_mean": -.2, "same_family_mean": .25, "different_family_mean": -.2,
         "symmetry_pearson": statistics.correlation(*zip(*both))}
for name, value in known.items():
    assert abs(x[name] - value) < 1e-12, name
assert x["languages"] == 4 and x["pairs"] == 9 and x["bounds"] == 1 and x["predicted"] == 0
assert x["best_sources"] == {"aa": 2, "bb": 2, "cc": 2, "dd": 3}
for name in "p_script", "p_family", "p_script_languages", "p_family_languages":
    assert 0 < x[name] <= 1
assert x["size"] is None and x["unknown_languages"] == []
PYTHON
}

same_for_any_threads_and_layout() {
    sed 's/,/ , /g; s/$/\r/' "$data/bts.csv" >crlf.csv
    printf '\n\n' >>crlf.csv
    OMP_NUM_THREADS=3 "$sweep" transfer crlf.csv --languages "$data/languages.csv" --json >again.json &&
        cmp small.json again.json
}

without_languages() {
    "$sweep" transfer "$data/bts.csv" --json >out.json || return 1
    /usr/bin/python3 - <<'PYTHON'
import json
x = json.load(open("out.json"))
assert x["pairs"] == 9 and x["p_script"] is None and x["same_family_mean"] is None
PYTHON
}

unknown_languages() {
    printf 'script,language,family,speakers\nLatn,bb,first,7\n,aa,first,3\nGrek,el,Hellenic,1\n' >some.csv
    "$sweep" transfer "$data/bts.csv" --languages some.csv >out && cat out &&
        grep -q 'left out: aa cc dd$' out && grep -q '^family *2 + 0 *+0.400 *? *? *?$' out &&
        grep -q '^script *0 + 0 *? ' out
}

one_language() {
    "$sweep" transfer "$(file 'x,en\nen,\n')" --languages "$data/languages.csv" >out && cat out &&
        grep -q '1 languages, 0 of 0 pairs' out && grep -q 'r = ?' out
}

constant() {
    "$sweep" transfer "$(file 'x,aa,bb,cc,dd\naa,,1,1,1\nbb,1,,1,1\ncc,1,1,,1\ndd,1,1,1,\n')" --json \
        --languages "$data/languages.csv" >out.json || return 1
    /usr/bin/python3 - <<'PYTHON'
import json
x = json.load(open("out.json"))
assert x["symmetry_pearson"] is None and x["p_script"] == 1 and x["p_family_languages"] == 1
PYTHON
}

sources_that_are_no_targets() {
    "$sweep" transfer "$(file 'x,aa,bb\ncc,1,2\n')" >out && grep -q '3 languages, 2 of 6 pairs' out
}

from_an_archive() {
    "$sweep" transfer a.h5 >out && cat out &&
        head -n 1 out | grep -qx 'a.h5, scale 0: 2 languages, 1 of 2 pairs measured, 1 bounds left out' &&
        refused "no transfer scores at size 'big'; there are some at 'scale 0'" a.h5 --size big &&
        refused "neither an archive nor a CSV file" a.h5.journal
}

refuses_others() {
    refused "nowhere.csv: cannot be read" nowhere.csv && refused "bad.csv: empty" "$(file '')" &&
        refused "bad.csv:2:1: no sources" "$(file '\n \n')" && refused "bad.csv:1:1: no sources" "$(file 'x\n')" &&
        refused "bad.csv:2:3: 'much' is no score" "$(file 'x,aa,bb\naa,1,much\n')" &&
        refused "bad.csv:2:3: 'inf' is no score" "$(file 'x,aa,bb\naa,1,inf\n')" &&
        refused "bad.csv:2:3: '<' is no score" "$(file 'x,aa,bb\naa,1,<\n')" &&
        refused "bad.csv:2: 2 cells; the first line names 3 columns" "$(file 'x,aa,bb\naa,1\n')" &&
        refused "bad.csv:2: 4 cells; the first line names 3 columns" "$(file 'x,aa,bb\naa,1,2,3\n')" &&
        refused "bad.csv:3:1: target 'aa' stands here again" "$(file 'x,aa,bb\naa,1,2\naa,1,2')" &&
        refused "bad.csv:1:3: source 'aa' stands here again" "$(file 'x,aa,aa\n')" &&
        refused "is no language" "$(file 'x,aa,\n')" &&
        refused "bad.csv:2: holds a zero byte" "$(file 'x,aa\naa,\0\n')" &&
        refused "bad.csv:1:1: no column 'family'" "$data/bts.csv" --languages "$(file 'language,script\n')" &&
        refused "bad.csv:3:1: language 'aa' stands here again" "$data/bts.csv" --languages \
            "$(file 'language,family,script\naa,f,Latn\naa,f,Latn\n')" &&
        refused "bad.csv: empty" "$data/bts.csv" --languages "$(file '')" &&
        refused "--size is for archives" "$data/bts.csv" --size "scale 0"
}

published() {
    "$sweep" transfer "$reference/bts_38x38.csv" --languages "$reference/languages_38.csv" --json >out.json || return 1
    cat out.json
    /usr/bin/python3 - <<'PYTHON'
import json
x = json.load(open("out.json"))
assert x["languages"] == 38 and x["pairs"] == 1406
for name, value in {"same_script_mean": -.225, "different_script_mean": -.392, "symmetry_pearson": -.119}.items():
    assert abs(x[name] - value) <= .002, name
assert x["p_script"] < .001 and x["p_family"] < .001
assert x["same_family_mean"] > x["different_family_mean"] and max(x["best_sources"], key=x["best_sources"].get) == "en"
PYTHON
}

narrow() {
    "$sweep" transfer "$data/bts.csv" --languages "$data/languages.csv" >out && ! grep -vE '^.{0,80}$|^/' out
}

echo 1..12
check "a small matrix gives what a calculation by hand gives" calculated_by_hand
check "blanks, line ends and threads change nothing" same_for_any_threads_and_layout
check "without --languages groups are unknown" without_languages
check "languages without family or script are left out and named" unknown_languages
check "one language is an answer" one_language
check "equal scores are an answer" constant
check "sources and targets may differ" sources_that_are_no_targets
check "an archive gives its measured scores" from_an_archive
check "text has 80 columns" narrow
check "other files are refused with their place" refuses_others
check "help names the options" sh -c '"$0" transfer --help | grep -q -e "--languages CSV"' "$sweep"
if [ -e "$reference/bts_38x38.csv" ]; then
    check "the published matrix gives the published numbers" published
else
    echo "# $reference/bts_38x38.csv is not there"
    echo "ok 12 - the published matrix gives the published numbers # SKIP"
fi
