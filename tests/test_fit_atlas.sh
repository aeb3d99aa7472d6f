#!/bin/bash
# sweep fit --law atlas: from CSV files of a known law and from the runs of a study. TAP.
set -u
. tests/check.sh
sweep=$PWD/bin/sweep

# Runs of three languages: alone, in pairs, and all of them in unequal shares, which makes two sources and no other;
# fr has 3e9 unique tokens. The loss on en and fr follows a law with the taus 0.5, 0.2 and lambda 0.8.
awk 'function worth(D, U) { return D <= U ? D : U * (1 + (1 - exp(-0.8 * (D / U - 1))) / 0.8) }
    function cell(D) { return D > 0 ? sprintf("%.17g", D) : "" }
    function row(target, kind, n, d, en, fr, de,   eff) {
        eff = worth(d * en, 1e15) * (target == "en" ? 1 : 0.5) + worth(d * fr, 3e9) * (target == "fr" ? 1 : 0.5) + 0.2 * d * de
        printf("%s,%s,%.17g,%.17g,%s,%s,%s\n", target, kind, n, 1.7 + 400 / n ^ 0.34 + 900 / eff ^ 0.31,
            cell(d * en), cell(d * fr), cell(d * de))
    }
    BEGIN {
        print "target,kind,N,L,D_en,D_fr,D_de"
        for (n = 1e7; n < 3e9; n *= 3)
            for (d = 1e9; d < 1e11; d *= 4) {
                row("en", "mono", n, d, 1, 0, 0); row("fr", "mono", n, d, 0, 1, 0)
                row("en", "bilingual", n, d, 0.5, 0.5, 0); row("fr", "bilingual", n, d, 0.5, 0.5, 0)
                row("en", "bilingual", n, d, 0.5, 0, 0.5); row("fr", "bilingual", n, d, 0, 0.5, 0.5)
                row("en", "mixture", n, d, 0.5, 0.3, 0.2); row("fr", "mixture", n, d, 0.5, 0.3, 0.2)
            }
    }' >"$folder/runs.csv"
printf 'language,unique_tokens\nfr,3e9\nxx,5\n' >"$folder/unique.csv"

finds_the_law() {
    "$sweep" fit "$folder/runs.csv" --law atlas --unique "$folder/unique.csv" --bootstrap 20 --holdouts --json >"$folder/law.json" &&
        python3 - "$folder/law.json" <<'PYTHON'
import json, sys
answer = json.load(open(sys.argv[1]))
truth = {"E": 1.7, "A": 400, "B": 900, "alpha": 0.34, "beta": 0.31, "lambda": 0.8, "tau_de": 0.2}
assert answer["law"] == "atlas" and answer["variant"] == "transfer" and not answer["failed"]
for target, source in ("en", "tau_fr"), ("fr", "tau_en"):
    fit = answer["targets"][target]
    for name, value in {**truth, source: 0.5}.items():
        assert abs(fit["parameters"][name] / value - 1) < 1e-6, (target, name, fit["parameters"][name])
    assert fit["bootstrap"] == {"resamples": 20, "unit": "point"}
    assert fit["undetermined"] == ["tau_other"] and fit["points"] == 96, fit
    assert fit["intervals"]["E"][0] <= fit["intervals"]["E"][1] and fit["r2"] > 0.999999
    assert set(fit["holdouts"]) == {"chinchilla", "data-constrained", "multilingual", "target", "other", "transfer"}
    assert (fit["holdouts"]["data-constrained"]["fit"] is None) == (target == "en")  # of fr tokens are repeated
mean = answer["holdouts"]
for way in "fit", "random", "N", "D", "C", "M":
    assert mean["transfer"][way] > 0.9999 > mean["target"][way], (way, mean)
PYTHON
}
check "the law of a CSV file is found again" finds_the_law

shows_a_table() {
    "$sweep" fit "$folder/runs.csv" --law atlas --unique "$folder/unique.csv" --bootstrap 0 --holdouts >"$folder/text" &&
        cat "$folder/text" && grep -q '^en .* 0\.8 .*? .*fr 0\.5 .*de 0\.2' "$folder/text" &&
        grep -q '^law  *fit  *random  *N  *D  *C  *M$' "$folder/text" && grep -q '^transfer  *1\.000' "$folder/text"
}
check "people get a row a target and the table of hold-outs" shows_a_table

draws_runs() {
    awk -F, -v OFS=, '{ print $0, NR == 1 ? "run" : $2 " " $3 " " ($5 != "") ($6 != "") ($7 != "") }' "$folder/runs.csv" >"$folder/named.csv"
    "$sweep" fit "$folder/named.csv" --law atlas --unique "$folder/unique.csv" --bootstrap 20 --json >"$folder/named.json" &&
        [ "$(grep -c '"unit": "run"' "$folder/named.json")" -eq 2 ] &&
        "$sweep" fit "$folder/named.csv" --law atlas --unique "$folder/unique.csv" --bootstrap 20 >"$folder/text" &&
        cat "$folder/text" && grep -q '^standard errors of 2 targets from 20 resamples of whole runs$' "$folder/text"
}
check "a column run makes whole runs the unit of the bootstrap" draws_runs

repeats_itself() {
    for threads in 1 3; do
        OMP_NUM_THREADS=$threads "$sweep" fit "$folder/runs.csv" --law atlas --variant other --bootstrap 20 --json |
            sed 's/"seconds": [0-9.e-]*//' >"$folder/threads$threads"
    done
    [ -s "$folder/threads1" ] && cmp "$folder/threads1" "$folder/threads3"
}
check "any number of threads gives the same bits" repeats_itself

refuses() { # refuses TEXT WORDS...: exit status 2 and one line, which holds TEXT
    text=$1
    shift
    "$sweep" fit "$@" >"$folder/said" 2>&1
    status=$?
    cat "$folder/said"
    [ $status -eq 2 ] && [ "$(wc -l <"$folder/said")" -eq 1 ] && grep -qF -- "$text" "$folder/said"
}
head -3 "$folder/runs.csv" >"$folder/few.csv"
cut -d, -f1,3- "$folder/runs.csv" >"$folder/kindless.csv"
sed '5s/,mono,\|,bilingual,/,solo,/' "$folder/runs.csv" >"$folder/solo.csv"
sed '4s/^fr/it/;4s/^en/it/' "$folder/runs.csv" >"$folder/stranger.csv"
sed '2s/,[^,]*,,$/,-5,,/' "$folder/runs.csv" >"$folder/negative.csv"
awk -F, -v OFS=, '$1 != "fr" { if (NR == 2) $4 = -1.5; print }' "$folder/runs.csv" >"$folder/below.csv"
cut -d, -f1-4 "$folder/runs.csv" >"$folder/tokenless.csv"
printf 'target,kind,N,L,D_en\n' >"$folder/empty.csv"
printf 'language,unique_tokens\nfr,0\n' >"$folder/nothing.csv"
check "too few points" refuses "at least" "$folder/few.csv" --law atlas
check "no points" refuses "there are no points" "$folder/empty.csv" --law atlas
check "a missing column" refuses "no column kind" "$folder/kindless.csv" --law atlas
check "no column of tokens" refuses "no column D_<language>" "$folder/tokenless.csv" --law atlas
check "an unknown kind" refuses ':5:2: kind is "solo"' "$folder/solo.csv" --law atlas
check "a target without a column" refuses "there is no column D_it" "$folder/stranger.csv" --law atlas
check "negative tokens" refuses ":2:5: D_en is -5" "$folder/negative.csv" --law atlas
check "a loss below zero" refuses "L is -1.5" "$folder/below.csv" --law atlas
check "no unique tokens at all" refuses ":2:2: unique_tokens is 0" "$folder/runs.csv" --law atlas --unique "$folder/nothing.csv"
check "an unknown variant" refuses "it is target, other or transfer" "$folder/runs.csv" --law atlas --variant all
check "options of other laws" refuses "of --law atlas" "$folder/runs.csv" --holdouts
echo "1..$number"
