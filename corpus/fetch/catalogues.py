"""Messages out of translation catalogues, and the plain text of a message.

Formats: gettext (.mo), Chromium's resource packs (.pak), Mozilla's language packs (.xpi of .ftl, .properties and .dtd)
and MediaWiki's JSON.
"""
import io
import json
import re
import struct
import zipfile
from html import unescape

from languages import LANGUAGES, clean, is_natural

MESSAGES_PER_DOCUMENT = 40


# --------------------------------------------------------------------------------------------------- formats
def mo_messages(data):
    """(original, translation) of every translated message of a gettext catalogue, in the catalogue's order; of plural
    forms the original singular and the last translation. The format: gettext manual, "The Format of GNU MO Files"."""
    order = {b"\xde\x12\x04\x95": "<", b"\x95\x04\x12\xde": ">"}.get(data[:4])
    if order is None:
        raise ValueError("not a gettext catalogue")
    count, originals, translations = struct.unpack_from(order + "3I", data, 8)
    charset = "utf-8"

    def string(table, i):
        length, offset = struct.unpack_from(order + "2I", data, table + 8 * i)
        if offset + length > len(data):
            raise ValueError("gettext catalogue is cut short")
        return data[offset:offset + length]

    for i in range(count):
        original, translation = string(originals, i), string(translations, i)
        if not original:  # the header
            named = re.search(rb"charset=([\w-]+)", translation)
            charset = named[1].decode("ascii") if named else charset
            continue
        original = original.decode(charset, "replace").split("\x04")[-1].split("\0")[0]  # \x04 ends a context
        translation = translation.decode(charset, "replace").split("\0")[-1]
        if translation and translation != original:
            yield original, translation


def pak_messages(data):
    """{resource number: message} of a Chromium resource pack, format version 5."""
    version, _encoding, count, _aliases = struct.unpack_from("<IBxxxHH", data)
    if version != 5:
        raise ValueError(f"resource pack of version {version}, not 5")
    entries = [struct.unpack_from("<HI", data, 12 + 6 * i) for i in range(count + 1)]
    if entries[-1][1] > len(data):
        raise ValueError("resource pack is cut short")
    return {
        number: data[start:end].decode("utf-8", "replace")
        for (number, start), (_, end) in zip(entries, entries[1:])
    }


def mediawiki_messages(data):
    """{key: message} of a JSON file of MediaWiki."""
    messages = json.loads(data)
    return {key: text for key, text in messages.items() if isinstance(text, str) and not key.startswith("@")}


def fluent_messages(source):
    """Messages of Mozilla's .ftl: variables become X, messages with selectors are left out."""
    messages = []
    for line in source.split("\n"):
        begins = re.match(r"\s*\.?-?[A-Za-z][\w-]*\s*=\s*(.*)$", line)
        if begins:
            messages.append(begins[1])
        elif line[:1].isspace() and line.strip() and messages:
            messages[-1] += " " + re.sub(r"^\*?\[[\w-]+\]\s*", "", line.strip())
    for message in messages:
        if "->" in message:
            continue
        message = re.sub(r"\{\s*[$-]?[\w-]+(?:\([^)]*\))?\s*\}", "X", message)
        message = re.sub(r'\{ *"([^"]*)" *\}', r"\1", message)
        if "{" not in message:
            yield message


def properties_messages(source):
    """Messages of Java-style .properties."""
    for message in re.findall(r"^[^#=\n]+=(.+)$", source, re.MULTILINE):
        yield re.sub(r"\\u([0-9A-Fa-f]{4})", lambda match: chr(int(match[1], 16)), message)


def langpack_catalogues(data):
    """The messages of every catalogue of a Mozilla language pack, in the order of their names."""
    with zipfile.ZipFile(io.BytesIO(data)) as pack:
        for name in sorted(pack.namelist()):
            if name.endswith(".ftl"):
                yield fluent_messages(pack.read(name).decode("utf-8", "replace"))
            elif name.endswith(".properties"):
                yield properties_messages(pack.read(name).decode("utf-8", "replace"))
            elif name.endswith(".dtd"):
                yield re.findall(r'<!ENTITY\s+\S+\s+"([^"]*)"', pack.read(name).decode("utf-8", "replace"))


# -------------------------------------------------------------------------------------------------- messages
ICU_CHOICE = re.compile(r"\{\s*[\w$]+\s*,\s*(?:plural|select|selectordinal)\s*,")
ICU_BRANCH = re.compile(r"(=?\w+)\s*\{((?:[^{}]|\{[^{}]*\})*)\}")
WIKI_CHOICE = re.compile(r"\{\{\s*(?:PLURAL|GENDER|GRAMMAR)[^|{}]*\|([^{}]*)\}\}", re.IGNORECASE)
WIKI_LINK = re.compile(r"\[\[(?:[^\]|]*\|)?([^\]]*)\]\]")
WEB_LINK = re.compile(r"\[(?:https?:)?//\S+ ([^\]]*)\]")
ACCELERATOR = re.compile(r"\(?[&_~](\w)\)?")  # of a menu: "_File", or "(F)" after a name in another script
PROGRAM_TEXT = re.compile(r"\{\{|\}\}|__|\bvar |=\{|\[\[|\\f[BIR]")


def closing_brace(text, start):
    """Where the brace that opens at start closes, or -1."""
    depth = 0
    for i in range(start, len(text)):
        depth += (text[i] == "{") - (text[i] == "}")
        if depth == 0:
            return i
    return -1


def choose_other(text):
    """ICU choices, {N, plural, =1 {a file} other {files}}, become their branch "other"."""
    while choice := ICU_CHOICE.search(text):
        end = closing_brace(text, choice.start())
        if end < 0:
            return ""
        branches = ICU_BRANCH.findall(text[choice.end():end])
        other = dict(branches).get("other") or (branches[-1][1] if branches else "")
        text = text[:choice.start()] + other + text[end + 1:]
    return text


def without_accelerator(text):
    """Without the marks of the keys that choose a menu item."""
    if text.count("_") >= 2:  # a name_with_underscores
        return text
    return ACCELERATOR.sub(lambda match: "" if match[0].startswith("(") else match[1], text)


def plain_message(message):
    """The plain text of a message of a user interface; empty where it is rather program than text."""
    text = choose_other(message)
    if len(text) > 3000 or text.count("<") > 6 or "function(" in text:
        return ""
    text = WIKI_CHOICE.sub(lambda match: match[1].split("|")[-1], text)
    text = WEB_LINK.sub(r"\1", WIKI_LINK.sub(r"\1", text)).replace("'''", "").replace("''", "")
    text = without_accelerator(unescape(re.sub(r"<[^>]*>", " ", text)))
    text = text.replace("\\n", " ").replace('\\"', '"')
    return "" if PROGRAM_TEXT.search(text) else clean(text)


def message_documents(messages, language):
    """Successive messages of one catalogue, MESSAGES_PER_DOCUMENT to a document; short labels and repeats are dropped.
    """
    traits = LANGUAGES[language]
    if traits.rich:
        minimum = 12 if traits.compact else 30
    else:
        minimum = 6 if traits.compact else 16
    kept = {}  # in the order of insertion
    for message in messages:
        text = plain_message(message)
        if len(text) >= minimum and text not in kept and is_natural(language, text):
            kept[text] = None
    kept = list(kept)
    for i in range(0, len(kept), MESSAGES_PER_DOCUMENT):
        yield kept[i:i + MESSAGES_PER_DOCUMENT]
