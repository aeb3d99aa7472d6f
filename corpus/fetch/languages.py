"""The languages of the fetched corpus, and what counts as natural text of one of them.

A paragraph is kept when it is mostly letters, its letters are of the language's script and, for languages in Latin
script, it does not read like English: translated packages fall back to English wherever a translation is missing.
"""
import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from functools import cache

LATIN = ("LATIN",)
CYRILLIC = ("CYRILLIC",)
ARABIC = ("ARABIC",)
DEVANAGARI = ("DEVANAGARI",)
KANA = ("HIRAGANA", "KATAKANA")


@dataclass(frozen=True)
class Language:
    """scripts: first words of the Unicode names of its letters. tags: what packages call it, in lower case."""
    scripts: tuple
    tags: str
    compact: bool = False  # a word is one to three characters, so lengths in characters are less
    rich: bool = False  # has enough prose: short labels of user interfaces are dropped


# Portuguese is Brazilian and Chinese simplified; other regional variants would nearly repeat a language's text.
LANGUAGES = {
    "en": Language(LATIN, "c en en_us", rich=True),
    "fr": Language(LATIN, "fr fr_fr", rich=True),
    "ru": Language(CYRILLIC, "ru ru_ru", rich=True),
    "zh": Language(("CJK",), "zh zh_cn zh_hans cmn_hans", compact=True, rich=True),
    "hi": Language(DEVANAGARI, "hi hi_in"),
    "de": Language(LATIN, "de de_de", rich=True),
    "es": Language(LATIN, "es es_es", rich=True),
    "pt": Language(LATIN, "pt_br", rich=True),
    "ja": Language(("CJK",) + KANA, "ja ja_jp", compact=True, rich=True),
    "vi": Language(LATIN, "vi vi_vn"),
    "sw": Language(LATIN, "sw sw_ke"),
    "yo": Language(LATIN, "yo yo_ng"),
    "ko": Language(("HANGUL",), "ko ko_kr", compact=True),
    "cy": Language(LATIN, "cy cy_gb"),
    "kk": Language(CYRILLIC, "kk kk_kz kk_cyrl"),
    "tr": Language(LATIN, "tr tr_tr"),
    "af": Language(LATIN, "af af_za"),
    "no": Language(LATIN, "no nb nb_no"),
    "sv": Language(LATIN, "sv sv_se"),
    "el": Language(("GREEK",), "el el_gr"),
    "bn": Language(("BENGALI",), "bn bn_bd bn_in"),
    "ckb": Language(ARABIC, "ckb"),
    "fa": Language(ARABIC, "fa fa_ir"),
    "gu": Language(("GUJARATI",), "gu gu_in"),
    "mr": Language(DEVANAGARI, "mr mr_in"),
    "ps": Language(ARABIC, "ps ps_af"),
    "ur": Language(ARABIC, "ur ur_pk"),
    "fil": Language(LATIN, "fil fil_ph tl tl_ph"),
    "id": Language(LATIN, "id id_id"),
    "ms": Language(LATIN, "ms ms_my"),
    "ca": Language(LATIN, "ca ca_es"),
    "it": Language(LATIN, "it it_it", rich=True),
    "ro": Language(LATIN, "ro ro_ro"),
    "ar": Language(ARABIC, "ar ar_sa ar_ma"),
    "he": Language(("HEBREW",), "he he_il iw"),
    "hr": Language(LATIN, "hr hr_hr"),
    "uk": Language(CYRILLIC, "uk uk_ua", rich=True),
    "te": Language(("TELUGU",), "te te_in"),
    "th": Language(("THAI",), "th th_th", compact=True),
}
LANGUAGE_OF_TAG = {tag: code for code, language in LANGUAGES.items() for tag in language.tags.split()}

ENGLISH_WORD = re.compile(
    r"\b(?:the|and|you|with|this|that|from|which|your|not|have|been|when|should)\b", re.IGNORECASE)
SPACE = re.compile(r"[\s\u00a0\u200b\ufeff]+")
# Soft hyphens, marks of direction, replacement and private characters, controls.
INVISIBLE = re.compile("[\u00ad\u200e\u200f\u202a-\u202e\u2066-\u2069\ufffc\ufffd\ue000-\uf8ff\x00-\x1f\x7f-\x9f]")


def language_of_tag(tag):
    """The language that a tag such as pt-BR, zh_CN.UTF-8 or nb names, or None where it is not one of ours."""
    return LANGUAGE_OF_TAG.get(tag.lower().replace("-", "_").split(".")[0])


def is_latin(language):
    return LANGUAGES[language].scripts == LATIN


def may_be_english(language):
    """Can English hide in text of this language, being of the same script?"""
    return is_latin(language) and language != "en"


def clean(text):
    """One line of NFC text: runs of white space become one space, invisible characters go."""
    text = unicodedata.normalize("NFC", SPACE.sub(" ", text))
    return SPACE.sub(" ", INVISIBLE.sub("", text)).strip()


@cache
def script_of(character):
    """The first word of a letter's Unicode name (LATIN, CJK, ...), or None where the character is no letter."""
    return unicodedata.name(character, "").split(" ")[0] if character.isalpha() else None


def is_natural(language, paragraph):
    """Is the paragraph natural text of this language?"""
    scripts = Counter()
    for character, count in Counter(paragraph).items():
        scripts[script_of(character)] += count
    letters = scripts.total() - scripts[None]
    if letters < 2 or letters < 0.4 * len(paragraph.replace(" ", "")):
        return False
    own = sum(count for script, count in scripts.items() if script and script.startswith(LANGUAGES[language].scripts))
    if not is_latin(language):
        if language == "zh" and any(scripts[kana] for kana in KANA):
            return False
        return own >= 0.5 * letters
    return own >= 0.8 * letters and not (may_be_english(language) and reads_like_english(paragraph))


def reads_like_english(paragraph):
    """Are the commonest English words too frequent in the paragraph for it to be another language?"""
    english = len(ENGLISH_WORD.findall(paragraph))
    words = len(paragraph.split())
    return (english >= 2 and english >= 0.1 * words) or (english == 1 and words <= 7)
