"""Sentences to be spoken, from Debian packages: fortune cookies and GNOME's user documentation.

`apt-get install fortunes fortunes-{de,es,cs,pl,br,bg,ga,eo,zh,it,ru}` and gnome-user-docs (installed or unpacked).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from emote3d.errors import Emote3DError

FORTUNES: Final = Path("/usr/share/games/fortunes")
_FORTUNE_FOLDERS: Final = {
    "en": ".",
    "de": "de",
    "es": "es",
    "cs": "cs",
    "sk": "sk",
    "pl": "pl",
    "bg": "bg",
    "ga": "ga",
    "eo": "eo",
    "it": "it",
    "ru": "ru",
    "pt-br": "brasil",
    "cmn-latn-pinyin": "chinese",
}
_ENGLISH_SKIPPED: Final = frozenset(
    {"brasil", "chinese", "tang300", "song100", "ascii-art", "perl", "translate-me", "startrek"}
)
_DOCS_FOLDERS: Final = {"pt-br": "pt_BR", "fr-fr": "fr", "cmn-latn-pinyin": "zh_CN"}
_ATTRIBUTION: Final = re.compile(r"^\s*(--|—|\[).*$", re.MULTILINE)
_ESCAPES: Final = re.compile(r"\x1b\[[0-9;]*m|.\x08")
_SENTENCE_END: Final = re.compile(r"(?<=[.!?…।])\s+|(?<=[。！？])|\n\s*\n")
_PARAGRAPH: Final = re.compile(r"<(p|desc|title)\b[^>]*>(.*?)</\1>", re.DOTALL)
_TAG: Final = re.compile(r"<[^>]+>|&[a-z]+;")
_REFUSED: Final = re.compile(r"[<>{}\[\]|_*=@#/\\^~+%$&`()]|\d|\bhttp|[A-Z]{2,}|[a-z][A-Z]|--|\.\.")
_LATIN: Final = re.compile("[a-zA-Z]")
_OWN_SCRIPT: Final = frozenset({"hi", "mr", "te", "bg", "uk", "ru", "el", "ko", "fa"})
_HAN: Final = re.compile(r"[\u4e00-\u9fff]+")


def _sentences(text: str) -> list[str]:
    """Plain sentences short enough to be one breath or two."""
    found: list[str] = []
    for part in _SENTENCE_END.split(text):
        sentence = " ".join(part.replace('"', " ").replace("„", " ").replace("“", " ").split()).strip(" -–'»«:;,")
        letters = all(unicodedata.category(character)[0] in "LMZP" for character in sentence)
        if 18 <= len(sentence) <= 150 and letters and not _REFUSED.search(sentence):
            found.append(sentence)
    return found


def _fortune_files(language: str) -> Iterable[Path]:
    """Fortune files of a language."""
    if language not in _FORTUNE_FOLDERS:
        return []
    place = FORTUNES / _FORTUNE_FOLDERS[language]
    files = (
        [place] if place.is_file() else sorted(path for path in place.glob("*") if path.is_file() and not path.suffix)
    )
    return [path for path in files if language != "en" or path.name not in _ENGLISH_SKIPPED] + sorted(
        place.glob("*.fortunes")
    )


def _to_pinyin(sentence: str) -> str:
    """Chinese characters to pinyin with tone digits, the syllables of a phrase written together."""
    from pypinyin import Style, lazy_pinyin
    from pypinyin.seg.mmseg import seg

    def words(match: re.Match[str]) -> str:
        return " ".join(
            "".join(lazy_pinyin(word, style=Style.TONE3, neutral_tone_with_five=True)) for word in seg.cut(match[0])
        )

    table = str.maketrans("，。！？；：、", ",.!?;:,")
    return _HAN.sub(words, sentence).translate(table)


def _docs_sentences(folder: Path) -> list[str]:
    """Sentences of one translation of GNOME's help."""
    pages = sorted(folder.glob("*.page"))
    bodies = [body for page in pages for _, body in _PARAGRAPH.findall(page.read_text(encoding="utf-8"))]
    return [sentence for body in bodies for sentence in _sentences(_TAG.sub("", body))]


def load_sentences(language: str, docs: Path | None) -> list[str]:
    """Distinct sentences of an espeak-ng language, in a fixed order; `docs` is GNOME's `usr/share/help` folder.

    Raises:
        Emote3DError: no installed package has any.
    """
    base = "en" if language.startswith("en") else "es" if language.startswith("es") else language
    found: list[str] = []
    for path in _fortune_files(base):
        text = _ESCAPES.sub("", path.read_text(encoding="utf-8", errors="replace"))
        for cookie in text.split("\n%"):
            found += _sentences(_ATTRIBUTION.sub("", cookie))
    folder = docs / _DOCS_FOLDERS.get(base, base) / "gnome-help" if docs else None
    if folder is not None and folder.is_dir() and (len(found) < 3000):
        untranslated = set(_docs_sentences(folder.parent.parent / "C" / "gnome-help")) if base != "en" else set()
        found += [sentence for sentence in _docs_sentences(folder) if sentence not in untranslated]
    if base in _OWN_SCRIPT:
        found = [sentence for sentence in found if not _LATIN.search(sentence)]
    if base == "cmn-latn-pinyin":
        found = [_to_pinyin(sentence) for sentence in found if _HAN.search(sentence) and not _LATIN.search(sentence)]
    if not found:
        raise Emote3DError(
            f"expected sentences in '{language}', found none: install the packages named in emote3d/data/texts.py"
        )
    return list(dict.fromkeys(found))
