"""Sentences to be spoken, from folders laid out as Debian's packages are."""

from pathlib import Path

import pytest

from emote3d.data import texts
from emote3d.data.texts import load_sentences
from emote3d.errors import Emote3DError

COOKIES = """The best way out is always through the woods.
\t\t-- Robert Frost
%
Short one.
%
There are 12 reasons against this one here.
%
First comes this sentence. Then this other sentence follows.
%
The best way out is always through the woods.
"""


@pytest.fixture
def fortunes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(texts, "FORTUNES", tmp_path / "fortunes")
    (tmp_path / "fortunes" / "it").mkdir(parents=True)
    return tmp_path / "fortunes"


def page(folder: Path, *paragraphs: str) -> None:
    (folder / "gnome-help").mkdir(parents=True)
    text = "".join(f"<p>{one}</p>" for one in paragraphs)
    (folder / "gnome-help" / "a.page").write_text(f"<page><title>Files</title>{text}</page>", encoding="utf-8")


def test_cookies_become_plain_sentences_each_once(fortunes: Path):
    (fortunes / "fortunes").write_text(COOKIES)
    (fortunes / "fortunes.dat").write_bytes(b"\0" * 40)
    (fortunes / "ascii-art").write_text("A picture made of letters only.\n")
    found = load_sentences("en-us", None)
    assert found == [
        "The best way out is always through the woods.",
        "First comes this sentence.",
        "Then this other sentence follows.",
    ]


def test_help_pages_add_what_is_translated(fortunes: Path, tmp_path: Path):
    page(tmp_path / "help" / "C", "Nobody translated this sentence yet.")
    page(tmp_path / "help" / "it", "Nobody translated this sentence yet.", "Premi <key>il tasto</key> con calma oggi.")
    (fortunes / "it" / "motti").write_text("Una rondine non fa primavera mai.\n")
    assert load_sentences("it", tmp_path / "help") == [
        "Una rondine non fa primavera mai.",
        "Premi il tasto con calma oggi.",
    ]
    assert load_sentences("it", None) == ["Una rondine non fa primavera mai."]


def test_chinese_is_spelled_in_syllables(fortunes: Path):
    pytest.importorskip("pypinyin")
    (fortunes / "chinese").write_text("天下之大，无奇不有，今天的天气很好，我们去公园散步。\n")
    assert load_sentences("cmn-latn-pinyin", None) == [
        "tian1 xia4 zhi1 da4,wu2qi2bu4you3,jin1 tian1 de5 tian1 qi4 hen3 hao3,wo3men5 qu4 gong1 yuan2 san4bu4."
    ]


def test_a_language_without_texts_is_named(fortunes: Path):
    with pytest.raises(Emote3DError, match="expected sentences in 'sv', found none"):
        load_sentences("sv", None)
