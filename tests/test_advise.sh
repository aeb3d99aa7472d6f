#!/bin/bash
# sweep advise: on tables and an archive of known laws, and on what no advice can be made of. TAP.
set -u
. tests/check.sh
sweep=$PWD/bin/sweep
build/release/test_advise "$folder/study.h5" || exit 1
cd "$folder" || exit 1

cat >laws.py <<'PYTHON'
from math import exp, inf
U = {"en": 4e11, "es": 1e11, "sw": 2e10, "xx": 1e12}
TAU = {"en": {"es": .4, "sw": .1, "xx": -.1}, "sw": {"en": .35, "es": .2, "xx": -.05}}
def S(D, U):
    return D if D <= U else U * (1 + (1 - exp(-.8 * (D / U - 1))) / .8)
def loss(target, N, D, mixture):
    eff = sum((1 if l == target else TAU[target][l]) * S(D * share, U[l]) for l, share in mixture.items())
    return (1.7 if target == "en" else 1.9) + 400 / N ** .34 + 900 / eff ** .31
def chinchilla(N, D):
    return 1.8 + 480 / N ** .35 + 2100 / D ** .37
PYTHON
/usr/bin/python3 - <<'PYTHON'
from laws import *
import random
random.seed(1)
sizes, tokens = [1e7, 5e7, 2.5e8, 1.25e9], [1e9, 6e9, 3.6e10, 2e11]
def write(path, law, noise=0):
    with open(path, "w") as file:
        file.write("N,D,L\n")
        for N in sizes:
            for D in tokens:
                file.write(f"{N!r},{D!r},{law(N, D) * exp(random.gauss(0, noise))!r}\n")
write("exact.csv", chinchilla)
write("noisy.csv", chinchilla, .003)
write("vague.csv", lambda N, D: 3 + .01 * (1e7 / N) ** .3 + .01 * (1e9 / D) ** .3, .02)
write("rising.csv", lambda N, D: 1.8 + .2 * (N / 1e7) ** .2 + 2100 / D ** .37)
with open("ratio.csv", "w") as file:
    file.write("N,D,L\n")
    for i in range(12):
        N = 1e7 * 2 ** i
        file.write(f"{N!r},{20 * N!r},{1.8 + 480 / N ** .35 + 480 / (20 * N) ** .35!r}\n")
mixtures = [("bilingual", {a: .5, b: .5}) for a in U for b in U if a < b] + [("mono", {"en": 1}), ("mono", {"sw": 1}),
            ("mixture", {"en": .4, "es": .3, "sw": .2, "xx": .1}), ("unimax", {l: .25 for l in U})]
with open("runs.csv", "w") as file, open("once.csv", "w") as once:
    for f in file, once:
        f.write("target,kind,N,L," + ",".join("D_" + l for l in U) + "\n")
    for kind, mixture in mixtures:
        for N in sizes:
            for D in tokens:
                for target in TAU:
                    if target in mixture:
                        row = ",".join(repr(mixture[l] * D) if l in mixture else "" for l in U)
                        line = f"{target},{kind},{N!r},{loss(target, N, D, mixture)!r},{row}\n"
                        file.write(line)
                        if all(share * D <= U[l] for l, share in mixture.items()):
                            once.write(line)
with open("unique.csv", "w") as file:
    file.write("language,unique_tokens\n" + "".join(f"{l},{u}\n" for l, u in U.items()))
PYTHON

holds() { # holds EXPRESSION WORDS...: true of the JSON object a
    expression=$1
    shift
    "$sweep" advise "$@" --json >advice.json || return 1
    cat advice.json
    /usr/bin/python3 - "$expression" <<'PYTHON'
import json, sys
from laws import *
a = json.load(open("advice.json"))
near = lambda x, y, r=1e-5: abs(x - y) <= r * abs(y)
said = lambda text: any(text in note for note in a["notes"])
def best(weights): # no other size, and no share moved to another language, is better
    def mean(N, mixture):
        return sum(w * loss(t, N, a["flops"] / 6 / N, mixture) for t, w in weights.items())
    m = {l: v["share"] for l, v in a["mixture"].items()}
    least = mean(a["N"], m)
    others = [mean(a["N"] * f, m) for f in (.7, .9, .99, 1.01, 1.1, 1.4)]
    for x in m:
        for y in m:
            e = min(.01, m[x])
            if x != y and e > 0:
                others.append(mean(a["N"], {**m, x: m[x] - e, y: m[y] + e}))
    return near(sum(m.values()), 1) and near(a["loss"], least, 1e-6) and all(other >= least for other in others)
assert eval(sys.argv[1])
PYTHON
}

keys="'law points flops core_hours gflops_per_core N D tokens_per_parameter loss intervals fitted extrapolation targets mixture scales notes seconds'"
size="(.35 * 480 / (.37 * 2100)) ** (1 / .72) * (1e21 / 6) ** (.37 / .72)"
check "the keys are those of the documentation" holds "set(a) == set($keys.split())" exact.csv --flops 1e21 --bootstrap 20
check "a Chinchilla law has a closed form" holds "a['law'] == 'chinchilla' and near(a['N'], $size) and near(6 * a['N'] * a['D'], 1e21) and \
 near(a['loss'], chinchilla(a['N'], a['D']), 1e-6) and near(a['tokens_per_parameter'], a['D'] / a['N']) and \
 a['intervals']['N'][0] <= a['N'] <= a['intervals']['N'][1] and a['mixture']['text']['share'] == 1 and a['notes'][0].startswith('extrapolates N')" \
    exact.csv --flops 1e21 --bootstrap 20
check "intervals hold the truth" holds "a['intervals']['N'][0] < $size < a['intervals']['N'][1] and \
 a['intervals']['D'][0] < 1e21 / 6 / ($size) < a['intervals']['D'][1] and a['intervals']['loss'][0] < a['loss'] < a['intervals']['loss'][1]" \
    noisy.csv --flops 1e21
check "published scales stand on both sides" holds "len(a['scales']) == 2 and a['scales'][0]['N'] < a['N'] < a['scales'][1]['N'] and \
 all(near(s['loss'], chinchilla(s['N'], 1e21 / 6 / s['N']), 1e-6) for s in a['scales'])" exact.csv --flops 1e21 --bootstrap 0
check "extrapolation is told" holds "near(a['extrapolation']['N'], a['N'] / 1.25e9) and near(a['extrapolation']['D'], a['D'] / 2e11) and \
 said('extrapolates N x') and said('beyond the largest of the points (1.25e+09)')" exact.csv --flops 1e24 --bootstrap 0
check "the best mixture of two targets" holds "a['law'] == 'atlas' and best({'en': .25, 'sw': .75}) and a['mixture']['xx']['share'] == 0 and \
 near(a['targets']['sw']['weight'], .75) and near(a['targets']['sw']['loss'], loss('sw', a['N'], a['D'], {l: v['share'] for l, v in a['mixture'].items()}), 1e-6) \
 and a['targets']['en']['start'] == 'unknown' and 'table' in a['targets']['en']['basis'] and near(a['mixture']['sw']['epochs'], a['mixture']['sw']['tokens'] / 2e10)" \
    runs.csv --unique unique.csv --flops 1e22 --targets en=1,sw=3 --bootstrap 20
check "all targets count evenly unless told" holds "best({'en': .5, 'sw': .5})" runs.csv --unique unique.csv --flops 1e21 --bootstrap 0
check "little text of its own leaves the rest to relatives" holds "best({'sw': 1}) and .85 < a['mixture']['en']['share'] < 1 and a['mixture']['sw']['epochs'] > 1.5 and \
 near(a['intervals']['N'][0], a['N']) and near(a['intervals']['loss'][1], a['loss'])" runs.csv --unique unique.csv --flops 1e22 --targets sw=1 --bootstrap 20
check "repetition that no run shows is not counted on" holds "a['mixture']['sw']['epochs'] < 1.05 and said('no run repeats text') is (a['mixture']['sw']['epochs'] > 1.01)" \
    once.csv --unique unique.csv --flops 1e22 --targets sw=1 --bootstrap 0
check "text without end is named" holds "said('nobody says how much text there is') and best is not None" once.csv --flops 1e20 --bootstrap 0
check "laws that the points leave open give no plan" holds "a['N'] is None and a['D'] is None and a['loss'] is None and a['scales'] == [] and \
 a['mixture']['text']['share'] is None and said('no plan') and said('do not determine')" vague.csv --flops 1e21 --bootstrap 100
check "one ratio of tokens to sizes says nothing of the best one" holds "a['N'] is None and said('no plan')" ratio.csv --flops 1e21 --bootstrap 50

check "an archive tells its speed, its text and its crossovers" holds "near(a['gflops_per_core'], 25) and near(a['flops'], 2.7e17) and a['law'] == 'atlas' and \
 near(a['mixture']['sw']['unique_tokens'], 1e8) and a['targets']['en']['start'] == 'finetune' and near(a['targets']['en']['crossover_flops'], 6e18 * (a['N'] / 1e8) ** 1.65) and \
 a['targets']['sw']['start'] == 'finetune' and a['targets']['sw']['crossover_flops'] is None" study.h5 --core-hours 3000 --bootstrap 0
check "above the crossover one pretrains" holds "a['targets']['en']['start'] == 'pretrain' and '3 crossovers of en' in a['targets']['en']['basis'] and a['targets']['sw']['start'] == 'unknown'" \
    study.h5 --flops 1e16 --bootstrap 0
check "a told speed goes before the measured one" holds "near(a['flops'], 2 * 3600 * 1e11)" study.h5 --core-hours 2 --speed 100 --bootstrap 0

people_can_read_it() {
    "$sweep" advise study.h5 --flops 1e21 --targets en=1,sw=2 --bootstrap 20 >text || return 1
    cat text
    [ "$(wc -L <text)" -le 80 ] && grep -q '^N, parameters .* \.\. ' text && grep -q '^sw  *0.667 ' text &&
        grep -q '^en  *finetune .* 3 crossovers of en' text
}
check "people get a table of at most 80 columns" people_can_read_it

repeats_itself() {
    for threads in 1 3; do
        OMP_NUM_THREADS=$threads "$sweep" advise runs.csv --unique unique.csv --flops 1e21 --bootstrap 30 --json |
            grep -v '"seconds"' >threads$threads
    done
    [ -s threads1 ] && cmp threads1 threads3
}
check "any number of threads gives the same bits" repeats_itself

refused() { # refused TEXT WORDS...
    said=$1
    shift
    refuses "$said" "$sweep" advise "$@"
}
check "no budget" refused "either --flops F or --core-hours H" exact.csv
check "two budgets" refused "either --flops F or --core-hours H" exact.csv --flops 1 --core-hours 1 --speed 1
check "a budget below nothing" refused "the budget is -1 FLOP" exact.csv --flops -1
check "core-hours of a table without a speed" refused "needs --speed" exact.csv --core-hours 5
check "a speed of nothing" refused "must be positive" exact.csv --core-hours 5 --speed 0
check "a speed without core-hours" refused "without them it has no use" exact.csv --flops 1e20 --speed 5
check "an unknown law" refused "it is chinchilla or atlas" exact.csv --flops 1e20 --law capacity
check "targets of a Chinchilla law" refused "are of --law atlas" exact.csv --flops 1e20 --targets en=1
check "an unknown target" refused "no model that learned yo was evaluated on it" runs.csv --flops 1e20 --targets yo=1
check "a target twice" refused "name each target once" runs.csv --flops 1e20 --targets en=1,en=2
check "a weight of nothing" refused "with a weight above 0" runs.csv --flops 1e20 --targets en=0
check "targets that are none" refused "it is LANGUAGE=WEIGHT,LANGUAGE=WEIGHT" runs.csv --flops 1e20 --targets en
check "losses that rise with the size" refused "does not fall with size" rising.csv --flops 1e20 --bootstrap 0
check "unique tokens of an archive" refused "--unique with a CSV file" study.h5 --flops 1e20 --unique unique.csv
check "a single resampled fit" refused "--bootstrap 1" exact.csv --flops 1e20 --bootstrap 1
check "a file that is not there" refused "nowhere.csv" nowhere.csv --flops 1e20
echo "1..$number"
