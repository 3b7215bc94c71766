"""The two languages are complete: every text of the pages has its English, and says it with the same figures in it."""

from __future__ import annotations

import re

from edge.web.frame.language import language, plural, say
from tests.translations import ENGLISH, VIETNAMESE, constants, kept, messages, places, untranslated, written

# A figure in front of a noun in the plural; bounds of the software are never one.
_COUNTED = re.compile(
    r"%\((?!most|days|minutes|letters|digits|turns)\w+\)s (\w+ )?(doses|people|rows|bundles|entries|vials|files)\b"
)


def test_every_text_has_its_english() -> None:
    assert untranslated(kept()) == []


def test_the_catalog_holds_what_the_pages_say_and_nothing_else() -> None:
    assert ENGLISH.read_bytes() == written(kept()), "run `python -m tests.translations`"


def test_a_translation_has_the_placeholders_of_its_text() -> None:
    for message in kept():
        if message.id:
            ids, texts = _texts(message.id), _texts(message.string)
            wanted = set().union(*map(places, ids))
            # "1 dose" may leave the figure out, no text may ask for another one.
            assert all(set(places(text)) <= wanted for text in texts), ids
            assert set().union(*map(places, texts)) == wanted, ids


def test_what_is_counted_has_its_singular_in_english() -> None:
    left = [message.id for message in kept() if isinstance(message.id, str) and _COUNTED.search(str(message.string))]
    assert left == []
    assert _COUNTED.search("%(number)s signed doses")
    assert not _COUNTED.search("at most %(most)s doses")


def test_no_english_text_is_left_in_vietnamese() -> None:
    left = [
        message.id
        for message in kept()
        if message.id and any(VIETNAMESE.search(text) for text in _texts(message.string)) and not _is_name(message.id)
    ]
    assert left == []


def test_outside_of_a_request_everything_is_vietnamese() -> None:
    assert language() == "vi"
    assert say("Ký") == "Ký"
    assert plural("%(num)s mũi", "%(num)s mũi", 3) == "3 mũi"


def test_the_texts_of_tables_are_found_and_those_of_functions_are_not() -> None:
    code = 'A = {1: W("Một", "Hai " "nối")}\n\ndef f():\n    """Lời"""\n    return "Bốn"\nB: str = "Năm"\nC = "plain"\n'
    assert list(constants(code)) == ["Một", "Hai nối", "Năm"]
    assert len(messages()) > 100


def _texts(string: object) -> list[str]:
    return [str(one) for one in string] if isinstance(string, tuple | list) else [str(string)]


def _is_name(text: object) -> bool:
    """Whether a text shows what somebody types, or names columns of a list, which stay what they are."""
    return any(word in str(text).lower() for word in ("ví dụ", "cột"))
