"""From the phone labels of synthesisers, dictionaries and corpora to the common alphabet of `phones`.

One label becomes one to three common phones, which share its time equally (diphthongs and affricates are split).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from functools import lru_cache
from typing import Final, Literal

from emote3d.data.phones import PHONES, SILENCE
from emote3d.errors import Emote3DError

PhoneSet = Literal["ipa", "arpabet", "emodb", "czech", "finnish", "catalan", "nsk", "italian", "russian"]
"""`ipa`: espeak-ng, any language; `arpabet`: pocketsphinx, flite, festival English; `nsk`: Hindi, Telugu, Marathi."""


def _pairs(text: str) -> dict[str, tuple[str, ...]]:
    """Parse `label=phone+phone` items."""
    table: dict[str, tuple[str, ...]] = {}
    for item in text.split():
        label, _, phones = item.partition("=")
        table[label] = tuple(phones.split("+"))
    return table


_IPA_WHOLE: Final = _pairs(
    # espeak-ng's own mnemonics where it has no IPA, and reduced vowels
    """
    s.=ʂ ts.=t+ʂ ts.h=t+ʂ tS;=t+ɕ tS;h=t+ɕ S;=ɕ z.=ʐ i.=ɨ i[=ɨ n^=ɲ l^=ʎ t.=ʈ d.=ɖ n.=ɳ l.=ɭ r.=ɽ tsh=t+s ph=p
    th=t kh=k
    """
)
_IPA_ALIASES: Final = str.maketrans(
    {
        "g": "ɡ",
        "ᵻ": "ɪ",
        "ɫ": "l",
        "ɺ": "ɾ",
        "ɓ": "b",
        "ɗ": "d",
        "ʄ": "ɟ",
        "ɠ": "ɡ",
        "ʛ": "ɢ",
        "ɿ": "ɨ",
        "ʅ": "ɨ",
        "ɹ": "ɹ",
        "ʦ": "ts",
        "ʣ": "dz",
        "ʧ": "tʃ",
        "ʤ": "dʒ",
        "ʨ": "tɕ",
        "ʥ": "dʑ",
        "ǀ": "t",
        "ǃ": "t",
        "ǁ": "l",
        "ʘ": "p",
        "ʜ": "ħ",
        "ʢ": "ʕ",
        "ᵊ": "ə",
        "A": "ɑ",
        "ε": "ɛ",
        "ɩ": "ɪ",
        "ɷ": "ʊ",
        "ƛ": "l",
        "ᵿ": "ʊ",
        "ʁ": "ʁ",
        "ɝ": "ɝ",
        "ˀ": "ʔ",
    }
)
_IPA_IGNORED: Final = frozenset("ˈˌːˑʰʱʲʷˠˤʼˇˋˊ˥˦˧˨˩^~.'\"-_|:;,!?*#%=&<>/[]{}‿↗↘ˢⁿˡᶿˣꜛꜜ‖ \u200d0123456789`´")

_ARPABET: Final = _pairs(
    """
    AA=ɑ AE=æ AH=ʌ AO=ɔ AW=a+ʊ AX=ə AXR=ɚ AY=a+ɪ B=b CH=t+ʃ D=d DH=ð DX=ɾ EH=ɛ EL=ə+l EM=m EN=n ER=ɝ EY=e+ɪ F=f
    G=ɡ HH=h HV=ɦ  IH=ɪ IX=ɨ IY=i JH=d+ʒ K=k L=l M=m N=n NG=ŋ NX=n OW=o+ʊ OY=ɔ+ɪ P=p R=ɹ S=s SH=ʃ T=t TH=θ UH=ʊ
    UW=u UX=ʉ V=v W=w Y=j Z=z ZH=ʒ  PAU=sil SIL=sil BRTH=sil H#=sil SP=sil +NSN+=sil +SPN+=sil SSIL=sil AH0=ə
    ER0=ɚ
    """
)
_EMODB: Final = _pairs(
    """
    I=ɪ n=n a=a t=t m=m s=s d=d v=v i=i g=ɡ b=b e=e l=l N=ŋ z=z @=ə U=ʊ k=k E=ɛ f=f S=ʃ p=p 6=ɐ x=x o=o C=ç aI=a+ɪ
    4=ɾ O=ɔ X=χ aU=a+ʊ Y=ʏ  V=ʋ B=β j=j i6=i+ɐ ?=ʔ H=ɦ y=y 9=œ u=u h=h OY=ɔ+ʏ D=ð a6=a+ɐ L=l R=ʁ E6=ɛ+ɐ @6=ə+ɐ G=ɣ
    aO=a+ɔ I6=ɪ+ɐ I@=ɪ+ə AO=a+ɔ ia=i+a ao=a+ɔ  OU=ɔ+ʊ AU=a+ʊ @E=ə+ɛ ss=s mm=m e@=e+ə Y6=ʏ+ɐ NN=ŋ J=ɲ @a=ə+a @O=ə+ɔ
    2=ø r=ʁ Z=ʒ w=w .=sil (=sil
    """
)
_CZECH: Final = _pairs(
    """
    #=sil _=ʔ a=a b=b c=t+s c~=t+ʃ ch=x d=d d~=ɟ dz=d+z dz~=d+ʒ e=ɛ f=f g=ɡ h=ɦ i=ɪ i:=i j=j k=k l=l m=m n=n n*=ŋ
    n~=ɲ o=o p=p r=r  r~=r+ʒ r~*=r+ʃ s=s s~=ʃ t=t t~=c u=u v=v z=z z~=ʒ
    """
)
_FINNISH: Final = _pairs(
    """
    #=sil ##=sil D=ð z=z Z=ʒ a=ɑ e=e i=i o=o u=u y=y @=æ 7=ø &=ə p=p t=t k=k b=b d=d g=ɡ f=f T=θ s=s S=ʃ h=h v=ʋ
    m=m n=n N=ŋ l=l L=l r=r j=j w=w ä=æ ö=ø å=o
    """
)
_CATALAN: Final = _pairs(
    """
    pau=sil _=sil #=sil ax=ə a=a b=b d=d e=e E=ɛ f=f g=ɡ i=i j=j J=ɲ k=k l=l L=ʎ m=m n=n N=ŋ o=o O=ɔ p=p r=ɾ rr=r
    s=s S=ʃ t=t u=u w=w y=j z=z Z=ʒ
    """
)
_NSK: Final = _pairs(
    """
    pau=sil a=ə aa=a ih=ɪ iy=i uh=ʊ uw=u eh=e ee=e ay=ɛ oh=o oo=o aw=ɔ f=f k=k g=ɡ ch=t+ʃ T=ʈ D=ɖ N=ɳ th=t dh=d
    n=n p=p b=b m=m y=j r=ɾ l=l v=ʋ  L=ɭ R=ɽ s=s sh=ʃ j=d+ʒ h=ɦ ksh=k+ʂ sri=ʃ+ɾ+i x=ʔ kh=k gh=ɡ td=ʈ tth=t ddh=d
    bh=b zh=ʒ w=ʋ
    """
)
_ITALIAN: Final = _pairs(
    """
    #=sil i=i e=e E=ɛ a=a o=o O=ɔ u=u j=j w=w p=p t=t k=k b=b d=d g=ɡ f=f s=s S=ʃ v=v z=z Z=ʒ ts=t+s tS=t+ʃ dz=d+z
    dZ=d+ʒ m=m n=n J=ɲ ng=ŋ nf=ɱ l=l L=ʎ r=r
    """
)
_RUSSIAN: Final = _pairs(
    """
    pau=sil ii=i yy=ɨ uu=u ee=ɛ oo=o aa=a a=ɐ e=e i=ɪ y=ɨ u=u ae=ə ay=ɪ ur=ʊ p=p pp=p b=b bb=b t=t tt=t d=d dd=d k=k
    kk=k g=ɡ gg=ɡ c=t+s ch=t+ɕ f=f ff=f v=v vv=v s=s ss=s z=z zz=z sh=ʂ sch=ɕ zh=ʐ h=x hh=x m=m mm=m n=n nn=n l=l ll=l
    r=r rr=r j=j
    """
)
_TABLES: Final[Mapping[PhoneSet, Mapping[str, tuple[str, ...]]]] = {
    "arpabet": _ARPABET,
    "emodb": _EMODB,
    "czech": _CZECH,
    "finnish": _FINNISH,
    "catalan": _CATALAN,
    "nsk": _NSK,
    "italian": _ITALIAN,
    "russian": _RUSSIAN,
}

_TO_ARPABET: Final = _pairs(
    """
    i=IY y=UW ɨ=IH ʉ=UW ɯ=UH u=UW ɪ=IH ʏ=UH ʊ=UH e=EY ø=ER ɘ=AH ɵ=UH ɤ=AH o=OW ə=AH ɚ=ER ɛ=EH œ=ER ɜ=ER ɝ=ER ɞ=ER
    ʌ=AH ɔ=AO æ=AE ɐ=AH a=AA ɶ=AE  ɑ=AA ɒ=AO p=P b=B t=T d=D ʈ=T ɖ=D c=K ɟ=G k=K ɡ=G q=K ɢ=G ʔ=T m=M ɱ=M n=N ɳ=N
    ɲ=N ŋ=NG ɴ=NG ɸ=F β=V f=F v=V θ=TH ð=DH s=S z=Z ʃ=SH ʒ=ZH ʂ=SH  ʐ=ZH ɕ=SH ʑ=ZH ç=SH ʝ=Y x=HH ɣ=G χ=HH ʁ=R ħ=HH
    ʕ=AA h=HH ɦ=HH ɧ=SH ʋ=V ɹ=R ɻ=R j=Y ɥ=W ʍ=W w=W ɰ=W ɬ=L ɮ=L l=L ɭ=L ʎ=L ɾ=D ɽ=D ʙ=B r=R ʀ=R  sil=SIL
    """
)


def _ipa(label: str) -> tuple[str, ...] | None:
    """Common phones of an IPA label in any language; None when a character is unknown."""
    whole = _IPA_WHOLE.get(label)
    if whole is not None:
        return whole
    if label.startswith("("):  # espeak-ng's language switch, as in (en)
        return ()
    plain = unicodedata.normalize("NFD", label).replace("c\u0327", "ç").translate(_IPA_ALIASES)
    phones: list[str] = []
    for character in plain:
        if character == "h" and phones:  # espeak-ng's aspiration, as in tɕh
            continue
        if character in PHONES:
            phones.append(character)
        elif character not in _IPA_IGNORED and not unicodedata.combining(character):
            return None
    return tuple(phones)


def _emodb(label: str) -> str:
    """The base label under EmoDB's marks of closure (`_b`), release (`!b`) and aspiration (`basp`)."""
    base = label.lstrip("_!").removesuffix("asp").removesuffix("sap")
    return "." if base.startswith(("(", "[")) or not base else base.partition("+")[0]


@lru_cache(maxsize=4096)
def to_common(label: str, phone_set: PhoneSet) -> tuple[str, ...]:
    """Common phones of one label; empty when the label says nothing about sound.

    Raises Emote3DError for a label outside the phone set.
    """
    if phone_set == "ipa":
        phones = _ipa(label) if label else (SILENCE,)
    elif phone_set == "arpabet":
        upper = label.upper()
        phones = _ARPABET.get(upper) or _ARPABET.get(upper.rstrip("0123456789"))
        phones = (SILENCE,) if not label else phones
    elif phone_set == "emodb":
        phones = _EMODB.get(_emodb(label))
    elif phone_set in ("catalan", "italian"):
        phones = _TABLES[phone_set].get(label.rstrip("12s") or label) or _TABLES[phone_set].get(label)
    else:
        phones = _TABLES[phone_set].get(label) or _TABLES[phone_set].get(label.rstrip(":"))
    if phones is None:
        raise Emote3DError(
            f"expected a phone label of the set '{phone_set}', got '{label}': add it to emote3d/data/phone_maps.py"
        )
    return phones


def to_arpabet(phone: str) -> str:
    """The nearest ARPAbet phone (pocketsphinx's set, no stress) of a common phone."""
    return _TO_ARPABET[phone][0]


def ipa_stress(label: str) -> int:
    """2 for primary, 1 for secondary, 0 for no stress mark in an IPA label."""
    return 2 if "ˈ" in label else 1 if "ˌ" in label else 0
