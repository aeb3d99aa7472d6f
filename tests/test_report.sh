#!/bin/sh
# sweep report: the page of a made-up study whose names mean harm, its files, what it refuses, and what a browser makes
# of it (with Chromium where it is installed). TAP.
sweep=$PWD/bin/sweep
. tests/check.sh
for kind in some bare full; do
    build/release/test_report "$folder/$kind.h5" $kind >/dev/null || exit 1
done
cd "$folder" || exit 1
cat >languages.csv <<'CSV'
language,family,script
en,Germanic,Latn
fr,Romance,Latn
de,Germanic,Latn
中文,"Sinitic '<b>",Hans
CSV

page_is_made() {
    "$sweep" report some.h5 -o deep/page --languages languages.csv --holdouts >out && grep -qx 'deep/page/index.html' out
}

# Every figure of a full study is there with its three files, and the page has them all.
figures_are_there() {
    for figure in training-curves loss-curves chinchilla-fits chinchilla-residuals chinchilla-parameters \
        atlas-parameters optimal-trajectories transfer-matrix transfer-symmetry transfer-groups transfer-trends \
        relative-loss iso-loss crossovers; do
        for ending in svg csv gp; do
            [ -s "deep/page/figures/$figure.$ending" ] || { echo "$figure.$ending is missing" && return 1; }
        done
        grep -q "<figure id=\"$figure\">" deep/page/index.html || { echo "$figure is not on the page" && return 1; }
    done
    [ "$(ls deep/page/figures | wc -l)" -eq 42 ] && ! grep -q 'could not draw' deep/page/index.html &&
        grep -q '<table id="holdouts">' deep/page/index.html
}

pictures_are_well_formed() {
    xmllint --noout --nonet deep/page/figures/*.svg && ! grep -il '<script\|href="http' deep/page/figures/*.svg
}

# Rows as long as the first one, and every label that the plan knows.
tables_are_csv() {
    /usr/bin/python3 - <<'PYTHON'
import csv, glob
for path in glob.glob("deep/page/figures/*.csv"):
    rows = [row for row in csv.reader(open(path, newline="", encoding="utf-8")) if row]
    assert len(rows) > 1 and all(len(row) == len(rows[0]) for row in rows), path
scores = list(csv.DictReader(open("deep/page/figures/transfer-matrix.csv", encoding="utf-8")))
assert {row["state"] for row in scores} == {"measured", "bound", "predicted"}
assert {"中文", "हिन्", "a'`>p`\"<&"} <= {row["source"] for row in scores}
for target in {row["target"] for row in scores}:
    own = [row for row in scores if row["target"] == target and row["state"] == "measured"]
    best = sorted(own, key=lambda row: -float(row["bts"]))[:5]
    assert {row["source"] for row in own if row["best_five"] == "1"} == {row["source"] for row in best}, target
residuals = list(csv.DictReader(open("deep/page/figures/chinchilla-residuals.csv", encoding="utf-8")))
for row in residuals:
    assert abs(float(row["residual_percent"]) - 100 * (float(row["loss"]) / float(row["law"]) - 1)) < 2e-3
assert len(residuals) > 500 and abs(sum(float(row["residual_percent"]) for row in residuals) / len(residuals)) < 0.05
relative = list(csv.DictReader(open("deep/page/figures/relative-loss.csv", encoding="utf-8")))
assert sum(int(row["comparisons"]) for row in relative if row["axis"] == "N") == \
    sum(int(row["comparisons"]) for row in relative if row["axis"] == "D") > 0
PYTHON
}

nothing_from_elsewhere() {
    [ -s deep/page/index.html ] && ! grep -oE '(src|href|action|srcset)="[^"]*' deep/page/index.html | grep -vE '="(data:|#|figures/[a-z-]*\.(svg|csv|gp)$)' &&
        ! grep -qE 'https?:|@import|url\(' deep/page/index.html
}

names_do_no_harm() {
    grep -qF '<h1>&lt;script&gt;alert(1)&lt;/script&gt; &amp; &#39;größer&#39;</h1>' deep/page/index.html &&
        grep -qF '&lt;script&gt;alert(&#39;cause&#39;)' deep/page/index.html && ! grep -q '<script>alert' deep/page/index.html &&
        [ "$(grep -c '<script' deep/page/index.html)" -eq 1 ] && [ ! -e deep/page/figures/p ] && [ ! -e p ] &&
        grep -q "हिन्" deep/page/figures/transfer-matrix.svg && grep -q 'العربي' deep/page/figures/transfer-matrix.svg
}

same_bytes_again() {
    OMP_NUM_THREADS=3 "$sweep" report some.h5 -o again --languages languages.csv --holdouts >out &&
        diff -r deep/page again
}

bare_archive() {
    "$sweep" report bare.h5 -o bare >out && [ -z "$(ls bare/figures)" ] &&
        [ "$(grep -c 'class="waiting"' bare/index.html)" -eq "$(bin_runs bare.h5)" ] &&
        grep -q '<li>Training loss of every run: no run has told a point of its curve yet.</li>' bare/index.html
}

bin_runs() { # bin_runs ARCHIVE: how many runs it has
    "$sweep" export "$1" --table runs | tail -n +2 | wc -l
}

full_study() {
    "$sweep" report full.h5 -o full >out && [ "$(bin_runs full.h5)" -eq 774 ] &&
        [ "$(grep -c '<tr><td class="n" data-value=' full/index.html)" -eq 774 ] &&
        [ "$(wc -c <full/index.html)" -lt 10000000 ]
}

refuses_mistakes() {
    echo kept >kept
    refuses '-o FOLDER is missing' "$sweep" report some.h5 && refuses 'kept: is there already' "$sweep" report some.h5 -o kept &&
        refuses 'again: is there already' "$sweep" report some.h5 -o again && [ "$(cat kept)" = kept ] &&
        refuses 'neither an archive nor a journal' "$sweep" report languages.csv -o new &&
        refuses "no transfer scores at size 'big'" "$sweep" report some.h5 --size big -o new &&
        refuses 'bare.h5: holds no transfer scores' "$sweep" report bare.h5 --size big -o new &&
        refuses "no column 'language'" "$sweep" report some.h5 --languages full/figures/iso-loss.csv -o new && [ ! -e new ]
}

without_gnuplot() {
    mkdir -p empty
    PATH=$folder/empty "$sweep" report some.h5 -o new >out 2>err
    [ $? -eq 1 ] && grep -q 'apt-get install gnuplot-nox' err && [ ! -e new ]
}

# The page with a script behind it that uses the table as a reader would, and writes what it found.
browser() { # browser PAGE
    sed 's#</body>#<script>\
const rows = () => Array.from(document.querySelectorAll("\#run-table tbody tr")).filter(row => !row.hidden);\
const heads = document.querySelectorAll("\#run-table th button"), say = {};\
say.rows = rows().length;\
heads[4].click(); heads[4].click(); say.largest = rows()[0].cells[4].dataset.value;\
heads[4].click(); say.smallest = rows()[0].cells[4].dataset.value;\
heads[1].click(); say.kind = rows()[0].cells[1].textContent;\
const field = document.getElementById("search");\
field.value = "failed cause"; field.dispatchEvent(new Event("input")); say.failed = rows().length;\
addEventListener("load", () => {\
  say.images = Array.from(document.images).every(image => image.complete \&\& image.naturalWidth > 0);\
  say.wide = document.documentElement.scrollWidth - document.documentElement.clientWidth;\
  say.milliseconds = Math.round(performance.now());\
  document.title = "probe " + JSON.stringify(say);\
});\
</script></body>#' "$1/index.html" >"$1/probe.html"
    timeout 120 chromium --headless --no-sandbox --disable-gpu --user-data-dir="$folder/profile" --enable-logging=stderr \
        --window-size=1280,900 --dump-dom "file://$folder/$1/probe.html" >dom 2>console
    grep -o '<title>probe[^<]*' dom | tee probe
    if grep CONSOLE console; then return 1; fi
    sed -n 's/.*milliseconds":\([0-9]*\).*/opens in \1 ms/p' probe >>times
}

works_in_a_browser() {
    browser deep/page && grep -q '"rows":100,"largest":"48600000","smallest":"200000","kind":"bilingual","failed":1,"images":true,"wide":0' probe
}

full_study_opens() {
    browser full && grep -q '"rows":774,.*"failed":1,"images":true,"wide":0' probe
}

echo 1..13
check "a page is made, and its name printed" page_is_made
check "every figure has its SVG, CSV and gnuplot script" figures_are_there
check "the pictures are well-formed XML without scripts" pictures_are_well_formed
check "the tables are CSV and say what is true" tables_are_csv
check "the page loads nothing from elsewhere" nothing_from_elsewhere
check "names from the archive do no harm and keep their letters" names_do_no_harm
check "the same archive gives the same files" same_bytes_again
check "an archive of which nothing has run has a page" bare_archive
check "the page of 774 runs is below 10 MB" full_study
check "mistakes are refused and nothing is overwritten" refuses_mistakes
check "without gnuplot it says what to install" without_gnuplot
if command -v chromium >/dev/null; then
    check "a browser sorts, searches, shows all figures and complains of nothing" works_in_a_browser
    check "so it does with 774 runs" full_study_opens
    sed 's/^/# /' times
else
    echo "# chromium is not installed: sorting and searching were not tried"
    echo "ok 12 - a browser sorts, searches, shows all figures and complains of nothing # SKIP"
    echo "ok 13 - so it does with 774 runs # SKIP"
fi
