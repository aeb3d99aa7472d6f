#!/bin/bash
# The relatedness built into invented languages comes back in the transfer scores. For another corpus and other
# weights: tests/test_related.sh SEED
sweep=$(realpath bin/sweep)
. tests/check.sh
export OMP_NUM_THREADS=1
mkdir "$folder/sweeps"
study=$folder/sweeps/related.yaml
sed "s/seed: 1$/seed: ${1:-1}/" sweeps/related.yaml >"$study"
shares=$(sed -n 's/.*shared_words: {\(.*\)}/\1/p' "$study")

trains() { # all: SOURCE,TARGET,d,score,state; a family is the first letter of its languages
    "$sweep" --quiet "$study" &&
        "$sweep" export "$folder/archives/related.h5" --table transfer | tail -n +2 >"$folder/all" &&
        awk -F, 'substr($1, 1, 1) == substr($2, 1, 1)' "$folder/all" >"$folder/within"
}
spearman() { # spearman SHARES FILE: rank correlation of scores and words in common, and how many there are
    awk -F, -v shares="$1" '
        function rank(value, i, k, below) { # from the middle
            below = -n / 2
            for (k = 1; k <= n; k++)
                below += (value[k] < value[i]) + (value[k] == value[i]) / 2
            return below
        }
        BEGIN {
            count = split(shares, part, /[:, ]+/)
            for (i = 1; i < count; i += 2)
                share[part[i]] = part[i + 1]
        }
        {
            family = substr($1, 1, 1)
            common[++n] = family == substr($2, 1, 1) ? share[family] + 0 : 0
            score[n] = $4 + 0
        }
        END {
            for (i = 1; i <= n; i++) {
                both += rank(common, i) * rank(score, i)
                commons += rank(common, i) ^ 2
                scores += rank(score, i) ^ 2
            }
            printf "%.3f of %d scores\n", both / sqrt(commons * scores), n
        }' "$2"
}
comes_back() { # comes_back FILE SCORES
    spearman "$shares" "$folder/$1" | tee "$folder/$1.rank" | awk -v n="$2" '{ exit !($1 >= 0.8 && $3 == n) }'
}
does_not() { # the same scores, each family with the share of another
    spearman "x: 0.8, y: 0.4, z: 1, u: 0, v: 0.2, w: 0.6" "$folder/within" | tee /dev/stderr |
        awk '{ exit !($1 < 0.3) }'
}

check "six families of invented languages are trained" trains
check "within families, scores are in the order of the words in common" comes_back within 12
check "pairs of two families are among those with no word in common" comes_back all 18
check "an order that was not built in does not come back" does_not
sed 's/^/# /' "$folder/all"
echo "# Spearman within families $(cat "$folder/within.rank"), of all pairs $(cat "$folder/all.rank")"
echo "1..$number"
