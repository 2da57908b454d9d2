"""The phone alphabet and the maps into it."""

import pytest

from emote3d.data.phone_maps import ipa_stress, to_arpabet, to_common
from emote3d.data.phones import PHONES, SILENCE, SYMBOLS
from emote3d.errors import Emote3DError

DEGREES = ("openness", "backness", "rounding", "protrusion", "spread", "lip_closure", "labiodental", "interdental",
           "tongue_tip", "tongue_dorsum", "jaw", "jaw_firmness")  # fmt: skip


def test_alphabet_is_ordered_unique_and_bounded() -> None:
    assert SYMBOLS[0] == SILENCE
    assert len(set(SYMBOLS)) == len(SYMBOLS)
    for phone in PHONES.values():
        assert len(phone.symbol) <= 8
        assert all(0.0 <= getattr(phone, name) <= 1.0 for name in DEGREES), phone


def test_lips_of_the_phones_everyone_sees() -> None:
    assert {symbol for symbol, phone in PHONES.items() if phone.lip_closure == 1.0} == {"p", "b", "m"}
    assert {"f", "v"} <= {symbol for symbol, phone in PHONES.items() if phone.labiodental == 1.0}
    assert {symbol for symbol, phone in PHONES.items() if phone.interdental == 1.0} == {"θ", "ð"}
    assert PHONES["u"].rounding > PHONES["ʊ"].rounding > PHONES["i"].rounding == 0.0
    assert PHONES["a"].jaw > PHONES["ɛ"].jaw > PHONES["i"].jaw > PHONES["s"].jaw
    assert PHONES["ʃ"].protrusion > PHONES["s"].protrusion
    assert PHONES["i"].spread > PHONES["y"].spread


def test_every_phone_maps_to_itself_and_to_arpabet() -> None:
    for symbol in SYMBOLS[1:]:
        assert to_common(symbol, "ipa") == (symbol,)
        back = to_common(to_arpabet(symbol), "arpabet")
        assert all(phone in PHONES for phone in back)
        assert PHONES[back[0]].is_vowel == PHONES[symbol].is_vowel or symbol == "ʕ"
        assert PHONES[back[0]].lip_closure == PHONES[symbol].lip_closure or PHONES[symbol].lip_closure < 1.0


@pytest.mark.parametrize(
    ("label", "phones"),
    [("aɪ", ("a", "ɪ")), ("ˈeː", ("e",)), ("tʃ", ("t", "ʃ")), ("ɑ̃", ("ɑ",)), ("ç", ("ç",)),
     ("n̩", ("n",)), ("tɕh", ("t", "ɕ")),
     ("kʰ", ("k",)), ("s.", ("ʂ",)), ("(en)", ()), ("", (SILENCE,)), ("g", ("ɡ",)), ("i5", ("i",)), ("t͡s", ("t", "s"))],
)  # fmt: skip
def test_ipa_labels(label: str, phones: tuple[str, ...]) -> None:
    assert to_common(label, "ipa") == phones


def test_labels_of_other_sets() -> None:
    assert (
        to_common("AY1", "arpabet") == ("a", "ɪ")
        and to_common("AH0", "arpabet") == ("ə",)
        and to_common("pau", "arpabet") == (SILENCE,)
    )
    assert to_common("!b", "emodb") == to_common("_b", "emodb") == to_common("basp", "emodb") == ("b",)
    assert to_common(".", "emodb") == to_common("(gef", "emodb") == (SILENCE,)
    assert to_common("c~", "czech") == ("t", "ʃ") and to_common("a:", "czech") == ("a",)
    assert (
        to_common("p:", "finnish") == ("p",)
        and to_common("a1", "catalan") == ("a",)
        and to_common("ksh", "nsk") == ("k", "ʂ")
    )


def test_unknown_labels_are_refused() -> None:
    for phone_set in ("ipa", "arpabet", "emodb", "czech", "finnish", "catalan", "nsk"):
        with pytest.raises(Emote3DError, match="phone label"):
            to_common("☃", phone_set)


def test_stress_marks() -> None:
    assert [ipa_stress(label) for label in ("ˈa", "ˌa", "a")] == [2, 1, 0]
