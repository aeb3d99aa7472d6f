#!/bin/sh
# The examples read an archive, where their language and its packages are installed; else they are skipped, aloud. TAP.
. tests/check.sh
build/release/test_archive "$folder/a.h5" "$folder/a.h5.journal" || exit 1

# What sweep itself writes of the last losses: run,language,cross_entropy to six digits.
bin/sweep export "$folder/a.h5" --table losses |
    awk -F, 'NR > 1 && $6 == "test" { last[$1 "," $5] = sprintf("%.6f", $7) } END { for (key in last) print key "," last[key] }' |
    sort >"$folder/wanted"

reads() { # reads COMMAND...: the example prints these losses
    "$@" "$folder/a.h5" >"$folder/table" || return 1
    cat "$folder/table"
    [ "$(sed -n 1p "$folder/table")" = run,name,size,status,language,cross_entropy ] || return 1
    grep -q '^1,en+fr,scale 1,failed,' "$folder/table" || return 1
    # a size may hold a comma, so the last cells are counted from the end
    awk -F, 'NR > 1 { print $1 "," $(NF - 1) "," sprintf("%.6f", $NF) }' "$folder/table" | tr -d '"' | sort >"$folder/got"
    [ -s "$folder/wanted" ] && diff "$folder/wanted" "$folder/got"
}

draws() {
    /usr/bin/python3 examples/matrix.py "$folder/a.h5" | grep 'a.h5.matrix.png: 2 languages, 2 scores' &&
        [ "$(head -c 4 "$folder/a.h5.matrix.png" | tail -c 3)" = PNG ]
}

example() { # example NAME HAS CHECK...: skipped unless the command HAS succeeds
    if sh -c "$2" >/dev/null 2>&1; then
        title=$1
        shift 2
        check "$title" "$@"
    else
        number=$((number + 1))
        echo "ok $number - $1 # SKIP $2 fails: not installed"
    fi
}

# Numbers, verdicts and figures of the page are those of the archives beside it.
laptop_page() {
    mkdir "$folder/laptop" &&
        /usr/bin/python3 tools/laptop_report.py bin/sweep examples tools/laptop_study.md "$folder/laptop" &&
        diff docs/laptop-study.md "$folder/laptop/laptop-study.md" && diff -r docs/laptop "$folder/laptop/laptop"
}

small_enough() {
    for archive in examples/*.h5; do
        bin/sweep check "$archive" || return 1
    done
    [ "$(cat examples/*.h5 | wc -c)" -lt 5000000 ]
}

echo 1..5
example "Python reads an archive" '/usr/bin/python3 -c "import h5py, pandas"' reads /usr/bin/python3 examples/read.py
example "R reads an archive" "Rscript -e 'library(hdf5r)'" reads Rscript examples/read.R
example "Python redraws the matrix" '/usr/bin/python3 -c "import h5py, matplotlib"' draws
check "the archives of the laptop study are whole, and below 5 MB" small_enough
check "its page says what they hold" laptop_page
