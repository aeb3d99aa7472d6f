#!/bin/bash
# The commands of the documentation: each line of a block ```sh is run, in order, in a folder for each page that holds
# what the pages name; a block ```text behind it is what it printed, with ... for what is left out. A command that takes
# too long or needs more stands below with what runs it. Options, make targets, files and links are there, too. TAP.
root=$PWD
. tests/check.sh
export OMP_NUM_THREADS=1 PATH=$root/bin:$PATH
pages=(README.md CONTRIBUTING.md docs/*.md examples/README.md)

# COMMAND :: FILE that runs it or one like it, or "none" and why.
declare -A elsewhere
while IFS= read -r line; do elsewhere[${line%% :: *}]=${line#* :: }; done <<'END'
make :: Makefile, make demo builds the same
make packages :: Makefile, make test begins with it
make test :: .ci/run
make lint :: .ci/run
make format :: tools/lint.sh refuses another layout
make demo :: .ci/run
.ci/run :: none, since it runs this test
make bench :: tests/test_command_line.sh, one case in both precisions
bin/sweep bench trainer --case nano --precision fp32 :: tests/test_command_line.sh, in bf16
make bench-coordinator :: none: its numbers are those of an idle machine
make bench-study :: none: its numbers are those of an idle machine
make bench-ranks :: none: its numbers are those of an idle machine
make bench-postfit :: tests/test_postfit_study.c, a smaller study
make study-atlas :: tests/test_atlas.c, fewer tables
make torture :: tests/test_torture.sh, fewer kills
bin/sweep corpus fetch --languages en,fr,ru,zh,hi,de,es,pt,ja,vi data/ten/text :: tests/fetch.py, from packages made on the spot
bin/sweep launch sweeps/laptop.yaml :: none: an hour; tests/test_launch.sh, with tiny.yaml
bin/sweep launch sweeps/laptop-smaller-steps.yaml :: none: ten minutes; tests/test_launch.sh, with tiny.yaml
bin/sweep launch sweeps/laptop-half-batch.yaml :: none: ten minutes; tests/test_launch.sh, with tiny.yaml
bin/sweep corpus fetch --languages it,sv --sources help data/mine/text :: tests/fetch.py
bin/sweep corpus encode mine.yaml :: tests/test_corpus_encode.sh
bin/sweep corpus info mine.yaml :: tests/test_corpus_encode.sh
bin/sweep launch mine.yaml :: tests/test_launch.sh
sweep corpus fetch data/all/text :: tests/fetch.py
sweep corpus fetch --languages en,fr,ru,zh,hi,de,es,pt,ja,vi data/ten/text :: tests/fetch.py
sweep corpus fetch --languages en,es,pt,ru --sources help data/demo/text :: tools/demo.sh
sweep corpus encode sweeps/bilingual.yaml :: tests/test_corpus_encode.sh, with little text
mpirun -n 64 sweep corpus encode sweeps/bilingual.yaml :: tests/test_corpus_encode.sh, with little text
mpirun -n 3 sweep sweeps/tiny.yaml :: tests/test_sweep.sh
mpirun -n 64 sweep sweeps/bilingual.yaml :: tests/test_sweep.sh, with tiny.yaml
bin/sweep launch sweeps/bilingual.yaml :: tests/test_launch.sh, with tiny.yaml
sweep launch sweeps/bilingual.yaml :: tests/test_launch.sh, with tiny.yaml
OMPI_MCA_orte_default_hostfile=hosts sweep launch -n 129 --threads 4 sweeps/bilingual.yaml :: none: it needs several machines
sbatch slurm/sweep.sbatch sweeps/bilingual.yaml :: tests/test_slurm.sh, with tiny.yaml
sbatch slurm/sweep.sbatch study.yaml :: tests/test_slurm.sh
sbatch slurm/sweep.sbatch study.yaml other.h5 :: tests/test_slurm.sh
sbatch --nodes=4 --ntasks-per-node=32 --cpus-per-task=2 --time=04:00:00 slurm/sweep.sbatch study.yaml :: tests/test_slurm.sh, two nodes
SWEEP_LAUNCHER=srun sbatch slurm/sweep.sbatch study.yaml :: tests/test_slurm.sh
sbatch --array=1-3 slurm/sweep-array.sbatch study-1.yaml study-2.yaml study-3.yaml :: tests/test_slurm.sh
sweep fit chinchilla_epoch.csv --where in_fit=1 --bootstrap 4000 :: tests/test_laws.c, where that table is
sweep fit runs.csv --law atlas --unique unique.csv --holdouts :: tests/test_fit_atlas.sh
sweep advise runs.csv --unique unique.csv --flops 1e21 --targets en=1 --json :: tests/test_advise.sh
END

# A small finished study under the names that pages have for theirs, and tables, beside the folders of a clone: a command
# that would write where one of them is fails here, too.
made=$folder/made
mkdir -p "$made/archives"
cp -r sweeps "$made"
ln -s "$root/bin" "$root/examples" "$made"
grep -o '`[a-z0-9_]*/`' CONTRIBUTING.md | tr -d '`/' | (cd "$made" && xargs mkdir -p)
sed -e 's/\bxa\b/en/g; s/\bxb\b/es/g; s/\bxc\b/ru/g; s/^study: .*/study: study/; s/^archive: .*/archive: study.h5/' \
    -e 's|\.\./data/tiny|data/study|; s/^runs:/checkpoints: {keep: true}\n&/' sweeps/tiny.yaml >"$made/study.yaml"
printf 'language,family,script\nen,Germanic,Latn\nes,Romance,Latn\nru,Slavic,Cyrl\n' >"$made/languages.csv"
cp tests/data/laws/datablations_fit182.csv "$made/table.csv"
cp tests/data/transfer/bts.csv "$made"
make_study() {
    bin/sweep "$made/study.yaml" --quiet && cp "$made/study.h5" "$made/archives/bilingual.h5" &&
        cp "$made/study.h5" "$made/archives/demo.h5" && cp "$made/study.h5.journal" "$made/damaged.h5.journal" &&
        printf x | dd of="$made/damaged.h5.journal" bs=1 seek=40000 conv=notrunc &&
        cp "$made/damaged.h5.journal" "$made/archives/bilingual.h5.journal"
}
check "a small study is made" make_study
into_source() (cd "$folder" && refuses "made/report: is there already" sweep report made/study.h5 -o made/report)
check "what a page would write into a folder of the source is refused" into_source

# Of a page "|" where a block of commands begins, "$ COMMAND" without its comment, "= TEXT" that they print, "." behind it.
lines_of() {
    sed -e ':a' -e '/\\$/{N;s/\\\n *//;ba' -e '}' "$1" | awk '
        /^```/ { if (kind == "text") print "."; kind = kind ? "" : substr($0, 4); if (kind == "sh") print "|"; next }
        kind == "sh" && !/^ *(#|$)/ { sub(/ +# .*/, ""); print "$ " $0 }
        kind == "text" { print "= " $0 }'
}
run() { # run COMMAND: in the folder of the page
    (cd "$folder/page" && timeout 900 bash -o pipefail -c "$1") </dev/null 2>&1 | tee -a "$folder/printed"
    return "${PIPESTATUS[0]}"
}
printed() { # printed LINE...: by the commands of the block before
    for wanted in "$@"; do
        [ "$wanted" = ... ] || grep -qxF -e "$wanted" "$folder/printed" || { echo "not printed: $wanted"; return 1; }
    done
}
declare -A found
shown=()
for page in "${pages[@]}"; do
    rm -rf "$folder/page"
    cp -r "$made" "$folder/page"
    while IFS= read -r line <&3; do
        text=${line:2}
        case $line in
        '|') : >"$folder/printed" ;;
        =*) shown+=("$text") ;;
        .)
            check "$page shows what that prints: ${shown[0]}" printed "${shown[@]}"
            shown=()
            ;;
        *) if [ "${elsewhere[$text]:-}" ]; then found[$text]=yes; else check "$page: $text" run "$text"; fi ;;
        esac
    done 3< <(lines_of "$page")
done

list_is_true() {
    for command in "${!elsewhere[@]}"; do
        [ "${found[$command]:-}" ] || { echo "on no page: $command"; return 1; }
        file=${elsewhere[$command]%%[ ,:]*}
        [ "$file" = none ] || [ -e "$file" ] || { echo "is not there: $file"; return 1; }
    done
}
check "what is listed here stands on a page, and what runs it is there" list_is_true

check "commands stand in blocks, and what pages name is there" python3 - "${pages[@]}" <<'END'
import os, re, subprocess, sys

def anchors(page):  # as GitHub makes them
    text = re.sub(r"^```.*?^```", "", open(page).read(), flags=re.M | re.S)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in re.findall(r"^#+ (.*)", text, re.M)}

def answer(*words):
    return subprocess.run(words, capture_output=True, text=True, stdin=subprocess.DEVNULL).stdout

commands = re.findall(r"^  ([a-z]+(?: [a-z]+)?)  ", answer("bin/sweep", "--help"), re.M)
helps = {command: answer("bin/sweep", *command.split(), "--help") for command in commands}
helps[""] = answer("bin/sweep", "sweeps/tiny.yaml", "--help")
targets = set(re.findall(r"^([a-z-]+):", open("Makefile").read(), re.M))
wrong = []
for page in sys.argv[1:]:
    text = open(page).read()
    for link in re.findall(r"\]\(([^)\s]+)\)", text):
        path, _, anchor = link.partition("#")
        target = os.path.join(os.path.dirname(page), path) if path else page
        if "://" not in link and (not os.path.exists(target) or anchor and anchor not in anchors(target)):
            wrong.append((page, link))
    prose = re.sub(r"^```.*?^```", "", text, flags=re.M | re.S)
    start = r"(?:(?:bin/)?sweep [a-z]+ [^`\n]+|make [a-z-]+|mpirun [^`\n]+|sbatch [^`\n]+)"
    wrong += [(page, line) for line in re.findall(rf"^    {start}|\| `{start}` \|", prose, re.M)]
    for span in re.findall(r"`([^`]+)`", prose):
        words = span.split()
        for word in words:
            if re.match(r"(tests|tools|docs|sweeps|slurm|examples)/[\w./-]+\w$", word) and "TOPIC" not in word:
                if not os.path.exists(word):
                    wrong.append((page, span))
            if re.match(r"build/release/test_\w+$", word) and not os.path.exists(f"tests/{os.path.basename(word)}.c"):
                wrong.append((page, span))
        if words[0] == "make" and not set(words[1:2]) <= targets:
            wrong.append((page, span))
        if words[0] in ("sweep", "bin/sweep"):
            command = max((c for c in commands if words[1:1 + len(c.split())] == c.split()), key=len, default="")
            unknown = len(words) > 1 and not command and re.fullmatch("[a-z]+", words[1])
            if unknown or any(word not in helps[command] + "--help" for word in re.findall(r"(?<=[ \[])-[\w-]+", span)):
                wrong.append((page, span))
for place in wrong:
    print(*place)
sys.exit(bool(wrong))
END
echo "1..$number"
