"""Names of people: folded for matching, transliterated for passports, split into family and given name.

The display form is never changed here. Legacy data writes Đ as Ð (Icelandic eth) or Ɖ (African d); all three
fold to D. Transliteration follows ICAO Doc 9303, part 3: no Vietnamese letter keeps its marks.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from sync_protocol.errors import Code, ProtocolError

TRANSLITERATED_CHARS: Final = 80

# Letters that no Unicode decomposition brings to A-Z (ICAO Doc 9303, part 3, section 6, table A).
_LETTERS: Final = {
    "Đ": "D",
    "Ð": "D",
    "Ɖ": "D",
    "Æ": "AE",
    "Ø": "OE",
    "Œ": "OE",
    "Þ": "TH",
    "Ł": "L",
    "Ħ": "H",
    "Ŋ": "N",
}
# Apostrophes as keyboards, phones and older encodings write them in H'Hen, and the period of an initial.
_DROPPED: Final = "'.’‘ʼ`´"
_SEPARATORS: Final = " -,‐‑–"
_PLAIN: Final = str.maketrans(
    {**_LETTERS, **dict.fromkeys(_DROPPED, None), **dict.fromkeys(_SEPARATORS, " ")},
)
# The combining marks that Latin letters decompose to.
_MARKS: Final = re.compile("[\u0300-\u034e\u0350-\u036f]+")
_SPACES: Final = re.compile(r"\s+")
_TRANSLITERATED: Final = re.compile(r"[A-Z<]{1,80}")


def fold(name: str) -> str:
    """Returns the form in which names are compared: upper case, no marks, Đ Ð Ɖ as D, single spaces."""
    # Apostrophes that are spacing accents decompose, so the table is applied before the decomposition.
    upper = unicodedata.normalize("NFC", name).upper().translate(_PLAIN)
    if not upper.isascii():
        upper = _MARKS.sub("", unicodedata.normalize("NFD", upper))
    if not upper.isascii():
        # Marks of other scripts; rare, so the slow way.
        upper = "".join(character for character in upper if not unicodedata.combining(character))
    return " ".join(upper.split())


def icao(name: str) -> str:
    """Returns the transliteration for `fnt` or `gnt`: 1..80 of ``A-Z`` and ``<``.

    Raises:
        ProtocolError: NAME_UNWRITABLE when a character has no transliteration, nothing is left or too much is.
            A person has to state how the name is written in the passport.
    """
    written = fold(name).replace(" ", "<")
    if not _TRANSLITERATED.fullmatch(written):
        raise ProtocolError(
            Code.NAME_UNWRITABLE, f"name: cannot be written with 1 to {TRANSLITERATED_CHARS} of A-Z and <"
        )
    return written


def split_name(name: str, family: str | None) -> tuple[str, str]:
    """Returns (family name, given name) for display, both NFC with single spaces.

    Without `family` the first word is the family name, as Vietnamese names are written. `family` is needed for names
    of one word and for names that end with the family name (H'Hen Niê); the given name may then be empty.

    Raises:
        ProtocolError: NAME_UNWRITABLE when a name of one word comes without `family`, or when `family` is neither
            the beginning nor the end of the name.
    """
    words = _words(name)
    if not family:
        if len(words) < 2:
            raise ProtocolError(Code.NAME_UNWRITABLE, "name: one word only; the family name must be stated")
        return words[0], " ".join(words[1:])
    parts = _words(family)
    count = len(parts)
    if _same(words[:count], parts):
        return " ".join(words[:count]), " ".join(words[count:])
    if _same(words[-count:], parts):
        return " ".join(words[-count:]), " ".join(words[:-count])
    raise ProtocolError(Code.NAME_UNWRITABLE, "name: the family name is neither its beginning nor its end")


def _words(text: str) -> list[str]:
    return [word for word in _SPACES.split(unicodedata.normalize("NFC", text)) if word]


def _same(words: list[str], others: list[str]) -> bool:
    return [fold(word) for word in words] == [fold(word) for word in others]
