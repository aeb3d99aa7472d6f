"""docs/laptop-study.md: the laptop study beside the published one.

laptop_report.py SWEEP EXAMPLES TEMPLATE.md FOLDER reads EXAMPLES/laptop*.h5 and EXAMPLES/languages.csv, and writes
FOLDER/laptop-study.md and its figures, FOLDER/laptop/*.svg. Every number is worked out here: from the tables of the
archives, and for laws, intervals and p-values from what SWEEP prints as JSON. Verdicts follow by the rules written
beside them.
"""
import json
import os
import shutil
import string
import subprocess
import sys
import tempfile

import h5py
import numpy

SWEEP, EXAMPLES, TEMPLATE, FOLDER = sys.argv[1:]
LAPTOP = os.path.join(EXAMPLES, "laptop.h5")
SMALLER_STEPS = os.path.join(EXAMPLES, "laptop-smaller-steps.h5")
HALF_BATCH = os.path.join(EXAMPLES, "laptop-half-batch.h5")
GROUPS = os.path.join(EXAMPLES, "languages.csv")
SIZE = "middle"
FIGURES = ["transfer-matrix", "transfer-groups", "transfer-symmetry", "transfer-trends", "chinchilla-fits",
           "chinchilla-residuals", "relative-loss", "iso-loss", "crossovers"]


def table(archive, name):
    with h5py.File(archive) as f:
        return {k: c.asstr()[:] if c.dtype.kind == "S" else c[:] for k, c in f[name].items()}


def rows(columns, **values):
    """The rows in which columns have these values, as a table again."""
    mine = numpy.logical_and.reduce([columns[k] == v for k, v in values.items()])
    return {k: c[mine] for k, c in columns.items()}


def sweep(*words):
    return json.loads(subprocess.run([SWEEP, *words, "--json"], check=True, stdout=subprocess.PIPE).stdout)


def markdown(head, lines):
    return "\n".join("| " + " | ".join(cells) + " |" for cells in [head, ["---"] * len(head), *lines])


def number(value):
    return "?" if value is None or not numpy.isfinite(value) else f"{value:.3g}"


def interval(pair):
    return f"{number(pair[0])} to {number(pair[1])}"


def signed(value):
    return f"{value:+.2f}"


RUNS, SCORES = table(LAPTOP, "runs"), rows(table(LAPTOP, "transfer"), size=SIZE)
with h5py.File(LAPTOP) as f:
    settings = f["study/settings"][()].decode()
LANGUAGES = next(line for line in settings.splitlines() if line.startswith("languages:")).split(":")[1].replace(",", " ").split()


# ---- what was run ----
def cost():
    execution = table(LAPTOP, "execution")
    ends = execution["started"] + execution["seconds"]
    trained = execution["seconds"] * execution["threads"] * execution["ranks"] / 3600
    return {"runs": str(len(RUNS["run"])), "tokens": f"{RUNS['tokens'].sum() / 1e6:.0f}",
            "pflop": f"{RUNS['flops'].sum() / 1e15:.2f}", "minutes": f"{(ends.max() - execution['started'].min()) / 60:.0f}",
            "core_hours": f"{trained.sum():.2f}", "isa": ", ".join(sorted(set(execution["isa"]))),
            "resumed": str(int((execution["resumed"] > 0).sum())), "failed": str(int((RUNS["status"] != "done").sum()))}


def resolution():
    losses, seen = rows(table(LAPTOP, "losses"), set="test"), table(LAPTOP, "tokens")
    lines = []
    for language in LANGUAGES:
        run = next(r for r in RUNS["run"] if RUNS["kind"][r] == "monolingual" and RUNS["size"][r] == SIZE
                   and language in seen["language"][seen["run"] == r])
        mine = rows(losses, run=run, language=language)
        loss, gain, bits = (mine[k][-1] for k in ("cross_entropy", "unigram_normalised", "bits_per_byte"))
        epochs = rows(seen, run=run)["epochs"][0]
        unique = rows(seen, run=run)["tokens"][0] / epochs / 1e6
        lines.append([language, f"{loss - gain:.2f}", f"{loss:.2f}", f"{-gain:.2f}", f"{bits:.2f}", f"{unique:.1f} M",
                      f"{epochs:.2f}"])
    return markdown(["", "unigram level, nats/token", "loss at the end", "below it by", "bits/byte", "tokens there are", "epochs"], lines)


# ---- how sure the scores are ----
def cell(bts, state):
    return ("≤ " if state == "bound" else "") + signed(bts)


def scores_of(archive):
    """{(source, target): (BTS, state)} of the pairs that were trained with two seeds."""
    scores = rows(table(archive, "transfer"), size=SIZE, seeds=2)
    return {(s, t): (bts, state) for s, t, bts, state in zip(*(scores[k] for k in ("source", "target", "bts", "state")))}


def moved(name, before, after, between):
    """How far the means of two seeds moved."""
    moves = numpy.array([after[pair][0] - before[pair][0] for pair in before])
    spread = float(numpy.sqrt(numpy.mean(moves ** 2)))
    return {name: f"{spread:.2f}", name + "_mean": signed(moves.mean()),
            name + "_error": f"{moves.std(ddof=1) / numpy.sqrt(len(moves)):.2f}",
            name + "_verdict": "less than" if spread < between else "more than"}


def noise():
    deviations = SCORES["deviation"][SCORES["seeds"] > 1]
    between = float(numpy.sqrt(numpy.mean(deviations ** 2)))
    whole, smaller, half = (scores_of(archive) for archive in (LAPTOP, SMALLER_STEPS, HALF_BATCH))
    assert whole.keys() == smaller.keys() == half.keys()
    lines = [[f"{s} → {t}", cell(*whole[s, t]), cell(*smaller[s, t]), cell(*half[s, t])] for s, t in whole]
    return {"noise": f"{between:.2f}", "noise_scores": str(len(deviations)),
            **moved("smaller", whole, smaller, between), **moved("half", whole, half, between),
            "half_batch": markdown(["mean of two seeds", "the study", "half the batch, scaled", "half the batch alone"],
                                   lines)}


# ---- transfer ----
def matrix():
    cells = {(s, t): cell(bts, state)
             for s, t, bts, state in zip(*(SCORES[k] for k in ("source", "target", "bts", "state")))}
    return markdown(["target \\ source", *LANGUAGES],
                    [[f"**{t}**", *(cells.get((s, t), "·") for s in LANGUAGES)] for t in LANGUAGES])


def ranks(values):
    order = numpy.argsort(numpy.argsort(values))
    return order.astype(float)


def law(name, language="all"):
    """Parameters {name: (value, standard error)}, R2 and points of a law in the archive."""
    laws, parameters = table(LAPTOP, "laws"), table(LAPTOP, "law_parameters")
    for i in numpy.flatnonzero((laws["law"] == name) & (laws["language"] == language)):
        mine = rows(parameters, law_row=i)
        return dict(zip(mine["name"], zip(mine["value"], mine["standard_error"]))), laws["r2"][i], laws["points"][i]
    return None


def verdict(low, high, expected):
    """Whether an interval lies on the expected side of 0."""
    if low > 0 or high < 0:
        return "holds" if (low > 0) == (expected > 0) else "the opposite"
    return "undecided"


def line(name, unit, expected):
    found = law(name)
    if not found:
        return "no line could be fitted", "–"
    slope, error = (v * unit for v in found[0]["slope"])
    return (f"slope {slope:+.3f} (± {error:.3f}), {found[2]} scores",
            verdict(slope - 1.96 * error, slope + 1.96 * error, expected))


def findings():
    said = sweep("transfer", LAPTOP, "--languages", GROUPS, "--size", SIZE)
    bts = {(s, t): b for s, t, b in zip(SCORES["source"], SCORES["target"], SCORES["bts"])}
    romance = {f"{s} → {t}": bts[s, t] for s in ("es", "pt", "fr") for t in ("es", "pt", "fr") if s != t}
    positive = sum(b > 0 for b in romance.values())
    best = said["best_sources"]
    order = sorted(best, key=lambda l: -best[l])
    by_tokens, by_size = line("bts-against-D", 1e6, -1), line("bts-against-N", 1e6, 1)
    forest, lines = law("bts-forest"), []

    def add(what, published, here, holds):
        lines.append([what, published, here, holds])

    for group, published in ("script", "−0.23 against −0.39, p < .001"), ("family", "p < .001"):
        same, different = said[f"same_{group}_mean"], said[f"different_{group}_mean"]
        by_pairs, by_languages = said[f"p_{group}"], said[f"p_{group}_languages"]
        add(f"the same {group} helps more than another", published,
            f"{signed(same)} against {signed(different)}, p = {by_pairs:.4f} over pairs, {by_languages:.3f} over languages",
            ("holds" if same > different else "the opposite") if by_languages < 0.05 else
            "direction only" if same > different and by_pairs < 0.05 else "undecided")
    add("es, pt and fr help each other", "positive",
        f"{positive} of {len(romance)} positive: " + ", ".join(f"{k} {signed(v)}" for k, v in romance.items()),
        "holds" if positive == len(romance) else "in part" if positive else "does not hold")
    add("scores are not symmetric: r of s → t with t → s", "−0.11", f"{said['symmetry_pearson']:+.2f}",
        "holds" if abs(said["symmetry_pearson"]) < 0.3 else "does not hold")
    add("English is among the five best sources", "of 19 of 30 targets",
        f"of {best.get('en', 0)} of 9; most often: " + ", ".join(f"{l} {best[l]}" for l in order[:4]),
        "holds" if best.get("en", 0) > 4.5 else "does not hold")
    add("scores fall with more tokens of one's own", "−1.31 per 10¹¹ tokens", by_tokens[0].replace(",", " per 10⁶ tokens,"),
        by_tokens[1])
    add("scores rise with the size of the model", "+0.08 per 10⁹ parameters", by_size[0].replace(",", " per 10⁶ parameters,"),
        by_size[1])
    add("scores follow from finetuned runs by a random forest", "R² .85, Spearman .88 (5-fold)",
        f"R² {forest[1]:.2f}, Spearman {forest[0]['spearman'][0]:.2f}" if forest else "not fitted",
        "–" if not forest else "holds" if forest[1] > 0.5 else "in part" if forest[0]["spearman"][0] > 0.5 else
        "does not hold")
    return lines, add


# ---- laws ----
def chinchilla():
    lines = []
    for language in LANGUAGES:
        fit = sweep("fit", LAPTOP, "--law", "chinchilla", "--where", f"language={language}", "--where", "kind=monolingual")
        names = ["E", "A", "B", "alpha", "beta"]
        lines.append([language, *(("? " if n in fit["undetermined"] else f"{number(fit['parameters'][n])} ")
                                  + f"({interval(fit['intervals'][n])})" for n in names), f"{fit['r2']:.4f}",
                      str(fit["points"])])
    return markdown(["", "E", "A", "B", "α", "β", "R²", "points"], lines)


def capacity():
    lines, verdicts = [], []
    for language in ("de", "es", "fr", "pt"):
        fit = sweep("fit", LAPTOP, "--law", "capacity", "--where", f"language={language}")
        p, i = fit["parameters"], fit["intervals"]
        lines.append([language, f"{number(p['phi'])} ({interval(i['phi'])})", f"{number(p['psi'])} ({interval(i['psi'])})",
                      number(p["alpha"]), number(p["beta"]), f"{fit['r2']:.4f}", str(fit["points"])])
        verdicts.append((language, p, i))
    return markdown(["", "φ (95 %)", "ψ (95 %)", "α", "β", "R²", "points"], lines), verdicts


def of_languages(fits, name, expected):
    found = {language: verdict(*i[name], expected) for language, _, i in fits}
    same = set(found.values())
    return same.pop() if len(same) == 1 else "; ".join(f"{l}: {v}" for l, v in found.items())


def finetuning():
    crossings = rows(table(LAPTOP, "crossovers"), size=SIZE)
    adaptation = rows(table(LAPTOP, "adaptation"), size=SIZE)
    own = adaptation["source"] == adaptation["target"]
    fas = {(s, t): f for s, t, f in zip(*(adaptation[k] for k in ("source", "target", "fas")))}
    pairs = [(s, t) for s, t in zip(SCORES["source"], SCORES["target"]) if (s, t) in fas]
    bts = {(s, t): b for s, t, b in zip(*(SCORES[k] for k in ("source", "target", "bts")))}
    rho = numpy.corrcoef(ranks(numpy.array([fas[p] for p in pairs])), ranks(numpy.array([bts[p] for p in pairs])))[0, 1]
    lines = []
    for language in LANGUAGES:
        mine = rows(crossings, language=language)
        if len(mine["state"]) == 0:
            continue
        state, tokens, low, high = (mine[k][0] for k in ("state", "tokens", "low", "high"))
        lines.append([language, {"measured": f"{tokens / 1e6:.2f} M", "later": f"later than {low / 1e6:.2f} M",
                                 "earlier": f"before {high / 1e6:.2f} M"}[state],
                      f"{low / 1e6:.2f} to {high / 1e6:.2f} M" if state == "measured" else "–",
                      f"{fas[language, language]:.2f}"])
    earlier, measured = (int((crossings["state"] == state).sum()) for state in ("earlier", "measured"))
    return {"crossovers": markdown(["", "from scratch passes below finetuned at", "interval", "FAS on itself"], lines),
            "fas_own": f"{adaptation['fas'][own].mean():+.2f}", "fas_other": f"{adaptation['fas'][~own].mean():+.2f}",
            "fas_rho": f"{rho:+.2f}"}, earlier, measured, len(lines)


def figures():
    with tempfile.TemporaryDirectory() as folder:
        page = os.path.join(folder, "report")
        subprocess.run([SWEEP, "report", LAPTOP, "-o", page, "--languages", GROUPS, "--size", SIZE], check=True,
                       stdout=subprocess.DEVNULL)
        os.makedirs(os.path.join(FOLDER, "laptop"), exist_ok=True)
        for name in FIGURES:
            assert os.path.getsize(f"{page}/figures/{name}.svg") > 0, name
            shutil.copyfile(f"{page}/figures/{name}.svg", f"{FOLDER}/laptop/{name}.svg")


def main():
    values = noise()
    values.update(cost(), resolution=resolution(), matrix=matrix(), d=f"{SCORES['d'][0]:.3g}", chinchilla=chinchilla(),
                  bounds=str(int((SCORES["state"] == "bound").sum())))
    lines, add = findings()
    values["capacity"], fits = capacity()
    add("more languages need a larger model: φ > 0", "0.11", ", ".join(f"{l} {number(p['phi'])}" for l, p, _ in fits),
        of_languages(fits, "phi", 1))
    add("and fewer tokens of each: ψ < 0", "−0.04", ", ".join(f"{l} {number(p['psi'])}" for l, p, _ in fits),
        of_languages(fits, "psi", -1))
    finetuned, earlier, measured, languages = finetuning()
    values.update(finetuned)
    add("finetuning from the multilingual model wins early, pretraining later", "crossing at 144 to 283 B tokens (2 B parameters)",
        f"finetuning ahead at first in {languages - earlier} of {languages} languages, {measured} crossings",
        "holds" if measured > 0 and earlier == 0 else "early, yes; no crossing yet" if earlier == 0 else "in part"
        if earlier < languages else "does not hold")
    values["findings"] = markdown(["finding", "published", "here", "at this size"], lines)
    figures()
    with open(TEMPLATE) as template, open(os.path.join(FOLDER, "laptop-study.md"), "w") as page:
        page.write(string.Template(template.read()).substitute(values))


main()
