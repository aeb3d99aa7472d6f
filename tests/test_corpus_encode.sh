#!/bin/bash
# `sweep corpus encode`: files of many kinds, alone and over ranks, interrupted and resumed. TAP.
sweep=$PWD/bin/sweep
cd "$(dirname "$0")/.." || exit 1
. tests/check.sh
root=$PWD
cd "$folder" || exit 1
mkdir -p sweeps

# Text of three languages, made by the program, each in other files: as a whole, cut in four, in a folder.
cp "$root/sweeps/tiny.yaml" sweeps/tiny.yaml
make_text() { "$sweep" corpus synthesize sweeps/tiny.yaml && "$sweep" corpus encode sweeps/tiny.yaml; }
check "encodes plain files" make_text
mv data/tiny data/plain
sums() { (cd "$1" && for shard in *.tokens; do tail -c +4097 "$shard" | sha256sum | sed "s/-/$shard/"; done); }
sums data/plain/tokens >plain.sums

mkdir -p data/tiny/text/xc data/tiny/tokens
cp data/plain/tokens/vocabulary.model data/tiny/tokens
zstd -q data/plain/text/xa.jsonl -o data/tiny/text/xa.jsonl.zst
split -n l/4 -d -a 4 --additional-suffix .jsonl data/plain/text/xb.jsonl data/tiny/text/xb-
gzip data/tiny/text/xb-0001.jsonl
sed '7s/^/broken/; 9s/^/broken/' data/plain/text/xc.jsonl >data/tiny/text/xc/xc_clean_0001.jsonl
sed -n '7p; 9p' data/plain/text/xc.jsonl | gzip >data/tiny/text/xc/xc_clean_0000.jsonl.gz
sed '/synthetic:/,/families/d' "$root/sweeps/tiny.yaml" >sweeps/tiny.yaml
cp -r data/tiny data/files

equal() { [ "$(wc -l <files.sums)" -eq 6 ] && sums data/tiny/tokens | diff files.sums -; }
over() { # over RANKS: anew, to the same shards, and nothing else is left
    rm -rf data/tiny
    cp -r data/files data/tiny
    touch data/tiny/tokens/xa.gone.jsonl.part data/tiny/tokens/xa.xa.jsonl.part.7.tmp # of one that was killed
    mpirun -n "$1" "$sweep" corpus encode sweeps/tiny.yaml >out 2>err || { cat err; return 1; }
    [ "$(ls data/tiny/tokens | wc -l)" -eq 7 ]
}
order() { # xc has two documents first that stand in the middle of the plain file: the same ones are in each split
    grep -v xc plain.sums >a
    sums data/tiny/tokens | grep -v xc | diff a - &&
        diff <("$sweep" corpus info sweeps/tiny.yaml) <(sed 's/tiny/plain/' sweeps/tiny.yaml >sweeps/p.yaml && "$sweep" corpus info sweeps/p.yaml)
}
check "encodes several files a language, gzip and zstd, on one rank" over 1
check "to the shards of the plain files" order
broken() { grep -F 'xc_clean_0001.jsonl: 2 broken lines left out, the first is line 7' err; }
check "names files with broken lines" broken
sums data/tiny/tokens >files.sums
for ranks in 2 4; do
    check "encodes on $ranks ranks" over $ranks
    check "$ranks ranks give the same shards" equal
done

damaged() { # an error names the file; what was whole is kept as parts, and used when the file is mended
    rm -rf data/tiny
    cp -r data/files data/tiny
    head -c -20 data/files/text/xa.jsonl.zst >data/tiny/text/xa.jsonl.zst
    mpirun -n "$1" "$sweep" corpus encode sweeps/tiny.yaml >out 2>err && return 1
    grep 'xa.jsonl.zst: .*damaged or cut off' err && [ "$(ls data/tiny/tokens/*.part | wc -l)" -eq 6 ] || return 1
    cp data/files/text/xa.jsonl.zst data/tiny/text
    stat -c '%i %n' data/tiny/tokens/xb*.part >before
    "$sweep" corpus vocabulary sweeps/tiny.yaml && stat -c '%i %n' data/tiny/tokens/xb*.part | diff before - &&
        mpirun -n "$1" "$sweep" corpus encode sweeps/tiny.yaml && equal
}
check "a damaged file is an error that keeps the parts of the others, alone" damaged 1
check "and over ranks" damaged 3
# A parallel set: three lines of each language, here the first lines of its text.
rm -rf data/tiny data/parallel
cp -r data/files data/tiny
mkdir data/parallel
for language in xa xb xc; do
    sed -n '1,3s/{"text": "\([^".\\]*\).*/\1/p' "data/plain/text/$language.jsonl" >data/parallel/$language.devtest
done
sed -e 's/^corpus:/&\n  parallel: ..\/data\/parallel/' -e '/bilingual:/d; s/monolingual:/& {sizes: [w8]}/' sweeps/tiny.yaml >sweeps/parallel.yaml
evaluated() { # as often as the test sets, on other text, and the test sets as without it
    sed '/parallel:/d' sweeps/parallel.yaml >sweeps/without.yaml
    "$sweep" --quiet sweeps/parallel.yaml --archive parallel.h5 && "$sweep" --quiet sweeps/without.yaml --archive without.h5 || return 1
    "$sweep" export parallel.h5 --table losses >losses && "$sweep" export without.h5 --table losses >without
    grep -v ',parallel,' losses | diff without - || return 1
    [ "$(grep -c ',parallel,' losses)" -eq "$(grep -c ',test,' losses)" ] && [ "$(grep -c ',parallel,' losses)" -ge 30 ] &&
        [ "$(cut -d, -f7 losses | sort -u | wc -l)" -eq "$(wc -l <losses)" ]
}
check "the parallel set is evaluated like the test sets, which it does not touch" evaluated
resumed() { "$sweep" sweeps/parallel.yaml --archive parallel.h5 2>&1 | grep '3 of 3 runs are done'; }
check "and belongs to the study" resumed
renewed() { # renewed LANGUAGE LINES TEXT: with these lines, encoded anew, the study is refused
    rm data/tiny/tokens/$1.parallel.tokens
    cp data/parallel/$1.devtest kept
    printf "$2" >data/parallel/$1.devtest
    refuses "$3" "$sweep" --quiet sweeps/parallel.yaml --archive parallel.h5
    refused=$?
    rm -f data/tiny/tokens/$1.parallel.tokens
    cp kept data/parallel/$1.devtest
    return $refused
}
check "another number of lines is refused" renewed xb 'one\ntwo\n' "2 lines of language xb, 3 of xa"
check "an empty line is refused" renewed xb 'one\n\nthree\n' "xb.devtest:2: an empty line"
check "a language without lines is refused" renewed xb '' "has no lines"
check "other lines are another study" renewed xb 'one\ntwo\nthree\n' "corpus.xb.parallel was"
other_text() {
    rm data/tiny/tokens/xb.*.tokens data/tiny/text/xb-0003.jsonl
    refuses "corpus.xb.train was" "$sweep" --quiet sweeps/parallel.yaml --archive parallel.h5
}
check "other text is another study" other_text
echo "1..$number"
