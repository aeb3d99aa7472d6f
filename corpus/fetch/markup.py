"""Paragraphs of plain text out of documents with markup: HTML, Mallard, roff, package descriptions, fortunes.

Every reader takes the text of one document and returns a list of cleaned paragraphs in reading order. Code, commands,
tables of contents, legal notices and navigation are left out.
"""
import re
from html.parser import HTMLParser
from xml.etree import ElementTree

from languages import LANGUAGES, clean

IDEOGRAPH = "[\u3000-\u30ff\u3400-\u9fff\uff00-\uff60]"  # with kana and their punctuation
BETWEEN_IDEOGRAPHS = re.compile(f"(?<={IDEOGRAPH}) (?={IDEOGRAPH})")


def with_lines_joined(paragraph, language):
    """Chinese and Japanese do without spaces: one between two of their characters was the end of a line."""
    return BETWEEN_IDEOGRAPHS.sub("", paragraph) if language in ("zh", "ja") else paragraph


# ------------------------------------------------------------------------------------------------------- HTML
HTML_BLOCK = set("p h1 h2 h3 h4 h5 h6 li td th div tr table ul ol br dd dt dl section blockquote article body".split())
HTML_VOID = set("br img meta link input hr base col area source wbr".split())
HTML_INLINE = set("p span a code b i em tt".split())  # may be left open by sloppy pages
HTML_OUTER = set("div ul ol table td tr section article".split())
SKIPPED_ELEMENT = set("script style noscript header aside footer nav pre svg button title head form".split())
# Classes of LibreOffice help (code, bug, image, MAC, UNIX, ...), DocBook, AsciiDoc and Sphinx.
SKIPPED_CLASS = set("""code codeintable bug image imageintable smathcode youtube_consent MAC UNIX
    navheader navfooter docnav toc indexterm programlisting screen synopsis edition authorgroup legalnotice revhistory
    listing listingblock literalblock footer footnote footnotes copyright index
    sphinxsidebar related navigation headerlink highlight""".split())


class ParagraphParser(HTMLParser):
    """Collects the text between block elements, except inside skipped elements."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.paragraphs = []
        self.current = []  # pieces of the paragraph being read
        self.open_elements = []  # (tag, is it skipped), outermost first
        self.skipping = 0  # open elements that are skipped

    def end_paragraph(self):
        text = clean("".join(self.current))
        self.current.clear()
        if text:
            self.paragraphs.append(text)

    def handle_starttag(self, tag, attrs):
        if tag in HTML_BLOCK:
            self.end_paragraph()
        if tag in HTML_VOID:
            return
        classes = (dict(attrs).get("class") or "").split()
        skipped = tag in SKIPPED_ELEMENT or any(c in SKIPPED_CLASS or c.startswith("language-") for c in classes)
        self.open_elements.append((tag, skipped))
        self.skipping += skipped

    def handle_endtag(self, tag):
        if all(tag != opened for opened, _ in self.open_elements):
            return
        # A stray </p> or </span> does not close the box around it.
        boxes = HTML_OUTER if tag in HTML_INLINE else ()
        while self.open_elements:
            opened, skipped = self.open_elements[-1]
            if opened in boxes:
                break
            self.open_elements.pop()
            self.skipping -= skipped
            if opened == tag:
                break
        if tag in HTML_BLOCK:
            self.end_paragraph()

    def handle_data(self, data):
        if not self.skipping:
            self.current.append(data)


def html_paragraphs(page):
    parser = ParagraphParser()
    parser.feed(page)
    parser.close()
    parser.end_paragraph()
    return parser.paragraphs


def libreoffice_help_paragraphs(page):
    """The article of a page of LibreOffice help, without the index and the search box around it."""
    start = page.find('<div id="DisplayArea"')
    end = page.find('<div id="SearchFrame"')
    if start < 0:
        return []
    return html_paragraphs(page[start:end if end > start else None])


# ---------------------------------------------------------------------------------------------------- Mallard
def mallard_paragraphs(page):
    """GNOME help (projectmallard.org): titles, paragraphs and descriptions."""
    paragraphs = []

    def local_name(element):
        return element.tag.split("}")[-1]

    def text(element):
        if local_name(element) == "guiseq":  # the way through a menu
            return " ▸ ".join(map(text, element))
        return (element.text or "") + "".join(text(child) + (child.tail or "") for child in element)

    def walk(element):
        name = local_name(element)
        if name in ("info", "media", "screen", "code", "links", "comment"):
            return
        if name in ("title", "p", "desc"):
            paragraphs.append(clean(text(element)))
            return
        for child in element:
            walk(child)

    walk(ElementTree.fromstring(page))
    return paragraphs


# ------------------------------------------------------------------------------------------------------- roff
ROFF_CHARACTER = {  # what the escapes \-, \(aq, \[aq] print; others print nothing
    "-": "-", "aq": "'", "dq": '"', "em": "—", "en": "–", "bu": "•", "lq": "“", "rq": "”", "oq": "‘", "cq": "’",
    "co": "©", "e": "\\", "rs": "\\", "'": "´", "`": "`", ".": ".", " ": " ", "~": " ", "0": " ",
}
ROFF_REMOVED = re.compile(r"""
    \\f(?:\[[^\]]*\]|\(..|.)        # change of font
  | \\\*(?:\[[^\]]*\]|\(..|.)       # string register
  | \\s[+-]?\d                      # change of size
  | \\m\[[^\]]*\]                   # colour
  | \\["\#].*                       # comment
""", re.VERBOSE)
ROFF_UNICODE = re.compile(r"\\\[u([0-9A-F]{4,5})\]")
ROFF_ESCAPE = re.compile(r"\\(?:\((..)|\[([^\]]*)\]|(.))")
ROFF_HEADING = ("SH", "SS", "Sh", "Ss")
ROFF_BREAK = set("PP P LP TP IP HP TQ RS RE br sp Pp It Bl El".split())
ROFF_FONT = ("B", "I", "SM", "SB")
ROFF_FONTS = ("BR", "IR", "RB", "RI", "BI", "IB")  # arguments in alternating fonts, printed without a space
ROFF_MDOC = set("Nm Xr Ar Fl Pa Dq Em Nd".split())
ROFF_VERBATIM = ("nf", "EX", "TS", "Bd")
ROFF_VERBATIM_END = re.compile(r"\.\s*(fi|EE|TE|Ed)\b")


def roff_text(line):
    """A line of roff without its escapes."""
    line = ROFF_UNICODE.sub(lambda match: chr(int(match[1], 16)), ROFF_REMOVED.sub("", line))
    return ROFF_ESCAPE.sub(lambda match: ROFF_CHARACTER.get(match[match.lastindex], ""), line)


def roff_paragraphs(page, language):
    """A manual page, in the macros of man and the common ones of mdoc."""
    paragraphs, current, verbatim = [], [], False

    def end_paragraph():
        text = clean(" ".join(current))
        current.clear()
        if text:
            paragraphs.append(text)

    for line in page.split("\n"):
        if verbatim:
            verbatim = not ROFF_VERBATIM_END.match(line)
        elif line[:1] in (".", "'"):
            request = re.match(r"[.']\s*([A-Za-z]+)\s*(.*)", line)
            macro, rest = request.groups() if request else ("", "")
            if macro in ROFF_VERBATIM:
                end_paragraph()
                verbatim = True
            elif macro in ROFF_HEADING:
                end_paragraph()
                current.append(roff_text(rest.replace('"', "")))
                end_paragraph()
            elif macro in ROFF_BREAK:
                end_paragraph()
            elif macro in ROFF_FONT:
                current.append(roff_text(rest.replace('"', "")))
            elif macro in ROFF_FONTS:
                current.append(roff_text("".join(a or b for a, b in re.findall(r'"([^"]*)"|(\S+)', rest))))
            elif macro in ROFF_MDOC:
                current.append(roff_text(rest))
        elif line.strip():
            current.append(roff_text(line))
        else:
            end_paragraph()
    end_paragraph()
    return [with_lines_joined(paragraph, language) for paragraph in paragraphs]


# ----------------------------------------------------------------------- package descriptions, fortunes
DESCRIPTION = re.compile(r"Package: \S+\nDescription-md5: \S+\nDescription-\S+: (.*)\n?((?:.|\n)*)")
LIST_ITEM = re.compile(r" [*o-] ")


def description_paragraphs(stanza, language):
    """One stanza of a Translation file of apt. Lines of a paragraph begin with one space, " ." divides paragraphs, more
    spaces or a bullet begin a line of its own."""
    match = DESCRIPTION.match(stanza)
    if not match:
        return []
    paragraphs, current = [match[1]], []
    for line in match[2].split("\n") + [" ."]:
        divides = line.strip() == "."
        if divides or line.startswith("  ") or LIST_ITEM.match(line):
            if current:
                paragraphs.append(" ".join(current))
            current = [] if divides else [re.sub(r"^\s*[*o-]?\s+", "", line)]
        elif line.strip():
            current.append(line.strip())
    return [with_lines_joined(clean(paragraph), language) for paragraph in paragraphs]


def fortune_paragraphs(cookies, language):
    """The sayings of a file of fortune(6), without the shortest."""
    minimum = 8 if LANGUAGES[language].compact else 24
    sayings = (clean(re.sub(r"\x1b\[[\d;]*m", "", saying)) for saying in re.split(r"\n%+\s*\n", cookies))
    return [saying for saying in sayings if len(saying) >= minimum]
