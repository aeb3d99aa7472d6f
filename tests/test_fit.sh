#!/bin/sh
# sweep fit on tables, on an archive, and on what is neither. TAP.
sweep=$PWD/bin/sweep
data=$PWD/tests/data/laws
published=A=520.8249516599187,B=1487.716093782861,E=1.8691436784054858,alpha=0.3526596,beta=0.3526596
. tests/check.sh
build/release/test_archive "$folder/a.h5" "$folder/a.h5.journal" >/dev/null || exit 1
cd "$folder" || exit 1

refused() { # refused TEXT WORDS...
    said=$1
    shift
    refuses "$said" "$sweep" fit "$@"
}

holds() { # holds EXPRESSION WORDS...: true of the JSON object f
    expression=$1
    shift
    "$sweep" fit "$@" --json >fit.json || return 1
    /usr/bin/python3 -c "
import json
f = json.load(open('fit.json'))
p = f['parameters']
near = lambda a, b, r=1e-5: abs(a - b) <= r * abs(b)
assert $expression, f"
}

/usr/bin/python3 - <<'PYTHON'
def write(path, columns, rows):
    with open(path, "w") as file:
        file.write(",".join(columns) + "\n")
        for row in rows:
            file.write(",".join(map(str, row)) + "\n")
sizes, tokens = [1e7, 5e7, 2.5e8, 1.25e9], [1e9, 6e9, 3.6e10, 2e11]
chinchilla = [(n, d, 1.8 + 480 / n ** .35 + 2100 / d ** .37) for n in sizes for d in tokens]
write("good.csv", "NDL", chinchilla)
write("twice.csv", "NDL", chinchilla + chinchilla[:3])
write("curves.csv", ["run", "N", "D", "L"], [(f"en-{n:g}-{s}", n, d, l * (1 + .01 * ((7 * s + i // 4 * 3) % 11 - 5) / 5))
                                          for s in range(3) for i, (n, d, l) in enumerate(chinchilla)])
write("few.csv", "NDL", chinchilla[:7])
write("onesize.csv", "NDL", [(1e8, d, l) for n, d, l in chinchilla])
write("flat.csv", "NDL", [(n, d, 3.0) for n, d, l in chinchilla])
write("negative.csv", "NDL", chinchilla + [(1e8, 1e9, -2.5)])
write("nan.csv", "NDL", chinchilla + [(1e8, 1e9, float("nan"))])
write("ratio.csv", "NDL", [(n, 20 * n, 1.8 + 480 / n ** .35 + 2100 / (20 * n) ** .37) for n, d, l in chinchilla])
write("capacity.csv", "KNDL", [(k, n, d, 1.2 + 300 * k ** .11 / n ** .35 + 900 * k ** -.04 / d ** .33)
                               for k in (1, 4, 16) for n in sizes for d in tokens])
write("noisy.csv", "KNDL", [(k, n, d, (1.2 + 300 * k ** .27 / n ** .35 + 900 * k ** -.04 / d ** .33) * (1 + .005 * ((7 * i * i) % 11 - 5) / 5))
                            for i, (k, n, d) in enumerate((k, n, d) for k in (1, 4, 16) for n in sizes for d in tokens)])
write("share.csv", "NDpL", [(n, d, p, (1.2 + 300 / n ** .35 + 900 / d ** .33) * p ** -.12)
                            for p in (.1, .5, 1.) for n in sizes for d in tokens])
PYTHON
printf 'N,D,L\n1e7,1e9\n' >short.csv
: >empty.csv

same_bits() {
    OMP_NUM_THREADS=1 "$sweep" fit good.csv --bootstrap 50 --json | grep -v '"seconds"' >one.json
    OMP_NUM_THREADS=3 "$sweep" fit good.csv --bootstrap 50 --json | grep -v '"seconds"' >three.json
    cmp one.json three.json
}

text_says() { # text_says TEXT WORDS...
    text=$1
    shift
    "$sweep" fit "$@" >out || return 1
    cat out
    grep -qF -e "$text" out
}

echo 1..34
keys="'law points objective parameters standard_errors intervals r2 starts basins undetermined seconds'"
check "the keys are those of the contract" holds "set($keys.split()) <= set(f) and f['law'] == 'chinchilla'" good.csv
check "a law is found again" holds "near(p['E'], 1.8) and near(p['A'], 480) and near(p['beta'], .37) and f['points'] == 16 \
 and f['intervals']['B'][0] <= p['B'] <= f['intervals']['B'][1] and f['undetermined'] == []" good.csv --bootstrap 20
check "without bootstrap there are no intervals" holds "f['standard_errors']['E'] is None and f['intervals']['E'] == [None, None]" \
    good.csv --bootstrap 0
check "another column can hold the loss, conditions choose rows" holds "f['points'] == 34 and near(f['objective'], 5.29954e-4) \
 and near(p['alpha'], .25257, 1e-4)" "$data/gadre_2024.csv" --loss L_c4_val --where dataset=c4_original --bootstrap 0
check "repetition finds its optimum and the published basin" holds "near(f['objective'], 1.58046625e-2, 1e-6) and \
 near(p['RD'], 95.37, 1e-3) and near(p['RN'], 1.706, 1e-3) and near(p['E'], 1.869142, 1e-6) and f['standard_errors']['E'] in (0, None) and \
 any(abs(b['parameters']['RD'] - 15.3878) < .03 and abs(b['objective'] - 1.58259e-2) < 1e-7 for b in f['basins'])" \
    "$data/datablations_fit182.csv" --law data-constrained --hold $published --bootstrap 0
check "the capacity law has multipliers" holds "near(p['phi'], .11) and near(p['psi'], -.04) and \
 [m['r'] for m in f['multipliers']] == [2, 4, 8, 16] and near(f['multipliers'][0]['N'], 2 ** (.11 / .35)) and \
 near(f['multipliers'][3]['D_total'], 16 ** (1 - .04 / .33))" capacity.csv --law capacity --bootstrap 0
check "multipliers have intervals of joint resamples: C = N D_total in each" holds "all(m['intervals'][c][0] < m[c] < m['intervals'][c][1] \
 for m in f['multipliers'] for c in ('N', 'D_total', 'C')) and f['multipliers'][3]['intervals']['C'][1] < \
 .99 * f['multipliers'][3]['intervals']['N'][1] * f['multipliers'][3]['intervals']['D_total'][1]" noisy.csv --law capacity --bootstrap 200
check "so have the curves, without an upper end where some resamples know no answer" holds "f['iso_loss'][3]['intervals']['N_least'][0] \
 < f['iso_loss'][3]['N_least'] and all((c['intervals']['D'][1] is None) == (c['N'] <= i['intervals']['N_least'][1]) and \
 (c['D'] is None or c['intervals']['D_total'][0] < c['D_total']) for i in f['iso_loss'] for c in i['curve'])" noisy.csv \
    --law capacity --bootstrap 200
check "people read them too" text_says "with 95 % intervals" noisy.csv --law capacity --bootstrap 20
check "without resamples they are null" holds "f['multipliers'][0]['intervals'] == {'N': [None] * 2, 'D_total': [None] * 2, 'C': [None] * 2}" \
    noisy.csv --law capacity --bootstrap 0
check "sizes that no data make up for are null" holds "f['iso_loss'][3]['N_least'] > 0 and \
 all((c['D'] is None) == (c['N'] <= i['N_least']) for i in f['iso_loss'] for c in i['curve'])" capacity.csv --law capacity \
    --bootstrap 0
check "the multilingual law is found again" holds "near(p['gamma'], .12) and near(p['E'], 1.2)" share.csv --law multilingual \
    --bootstrap 0
check "a column run makes whole runs the unit of the bootstrap" holds "f['bootstrap'] == {'resamples': 50, 'unit': 'run'}" curves.csv \
    --bootstrap 50
check "without it points are" holds "f['bootstrap'] == {'resamples': 50, 'unit': 'point'}" good.csv --bootstrap 50
check "people are told" text_says "50 resamples of 12 whole runs" curves.csv --bootstrap 50
check "a held parameter stays" holds "p['E'] == 1.7 and p['A'] > 0" good.csv --hold E=1.7 --bootstrap 0
check "what is not determined is named" holds "set(f['undetermined']) == set('E A B alpha beta'.split())" ratio.csv --bootstrap 0
check "and is a question mark for people" text_says "? alpha is not determined by these points" ratio.csv --bootstrap 0
check "duplicates are told" text_says "3 rows repeat another row" twice.csv --bootstrap 0
check "the bits do not depend on threads" same_bits
check "few points are refused" refused "7 points; at least 8" few.csv
check "one size is refused" refused "1 distinct N; at least 3" onesize.csv
check "equal losses are refused" refused "all losses are equal" flat.csv
check "a loss that is not positive is refused with its place" refused "negative.csv:18:3: L is -2.5" negative.csv
check "a loss that is no number is refused with its place" refused "nan.csv:18:3: L is nan" nan.csv
check "a short row is refused" refused "short.csv:2: 2 cells" short.csv
check "an empty file is refused" refused "empty.csv: empty" empty.csv
check "a missing column is named, and those that are there" refused "no column 'U'; it has N, D, L" good.csv --law data-constrained
check "an unknown law is refused" refused "--law kaplan" good.csv --law kaplan
check "an unknown parameter cannot be held" refused "no such parameter" good.csv --hold RD=3
check "a hold without a value is refused" refused "--hold E" good.csv --hold E
check "a condition without a value is refused" refused "COLUMN=VALUE" good.csv --where N
check "an archive is asked for one language" refused "choose one by --where language=" a.h5
check "an archive that does not know its warm-up is refused" refused "hold no training.warmup_steps" a.h5 --where language=en
