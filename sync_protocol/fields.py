"""A reader over one decoded map: each field is asked for by key, kind and bound, and none may be left over.

A message decodes itself with it, in order::

    fields = Fields(cbor.decode(data, max_bytes=...), what="tree head")
    head = TreeHead(epoch=fields.uint(1, max=...), ...)
    fields.finish()

Errors name the message and the key, never the value: values are people's data.
"""

# ruff: noqa: A002  (`max` and `min` are what the readers of a bound look for)
from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Final, cast

from sync_protocol.cbor import Value
from sync_protocol.errors import Code, ProtocolError

_ABSENT: Final = object()
UINT64_MAX: Final = 2**64 - 1


class Fields:
    """One map with unsigned integer keys, read field by field.

    Each reader raises FIELD_MISSING or FIELD_INVALID; its `opt_…` twin gives None for an absent key.

    Args:
        value: what the decoder gave, unverified.
        what: the message's name, for error texts.

    Raises:
        ProtocolError: FIELD_INVALID when the value is not a map.
    """

    __slots__ = ("_left", "_what")

    def __init__(self, value: object, *, what: str) -> None:
        if not isinstance(value, dict):
            raise ProtocolError(Code.FIELD_INVALID, f"{what}: must be a map")
        self._left: dict[object, object] = dict(value)
        self._what = what

    def uint(self, key: int, *, max: int = UINT64_MAX, min: int = 0) -> int:
        """An integer from `min` (0 or more) to `max`."""
        return self._whole(key, self._take(key), min, max)

    def opt_uint(self, key: int, *, max: int = UINT64_MAX, min: int = 0) -> int | None:
        found = self._left.pop(key, _ABSENT)
        return None if found is _ABSENT else self._whole(key, found, min, max)

    def int_(self, key: int, *, min: int = -UINT64_MAX - 1, max: int = UINT64_MAX) -> int:
        """An integer of either sign."""
        return self._whole(key, self._take(key), min, max)

    def opt_int_(self, key: int, *, min: int = -UINT64_MAX - 1, max: int = UINT64_MAX) -> int | None:
        found = self._left.pop(key, _ABSENT)
        return None if found is _ABSENT else self._whole(key, found, min, max)

    def text(self, key: int, *, max_chars: int, min_chars: int = 1) -> str:
        """NFC text without control characters, its length counted in code points."""
        return self._text(key, self._take(key), min_chars, max_chars)

    def opt_text(self, key: int, *, max_chars: int, min_chars: int = 1) -> str | None:
        found = self._left.pop(key, _ABSENT)
        return None if found is _ABSENT else self._text(key, found, min_chars, max_chars)

    def bytes_(self, key: int, *, length: int | None = None, max_bytes: int | None = None) -> bytes:
        """A byte string of exactly `length`, or of at most `max_bytes`; one of the two must be given."""
        return self._bytes(key, self._take(key), length, max_bytes)

    def opt_bytes_(self, key: int, *, length: int | None = None, max_bytes: int | None = None) -> bytes | None:
        found = self._left.pop(key, _ABSENT)
        return None if found is _ABSENT else self._bytes(key, found, length, max_bytes)

    def flag(self, key: int) -> bool:
        return self._flag(key, self._take(key))

    def opt_flag(self, key: int) -> bool | None:
        found = self._left.pop(key, _ABSENT)
        return None if found is _ABSENT else self._flag(key, found)

    def list_(self, key: int, *, max_items: int, min_items: int = 0) -> list[Value]:
        return self._list(key, self._take(key), min_items, max_items)

    def opt_list_(self, key: int, *, max_items: int, min_items: int = 0) -> list[Value] | None:
        found = self._left.pop(key, _ABSENT)
        return None if found is _ABSENT else self._list(key, found, min_items, max_items)

    def map_(self, key: int) -> Fields:
        """A nested map, as a reader of its own, which must be finished too."""
        return Fields(self._take(key), what=f"{self._what}.{key}")

    def opt_map_(self, key: int) -> Fields | None:
        found = self._left.pop(key, _ABSENT)
        return None if found is _ABSENT else Fields(found, what=f"{self._what}.{key}")

    def finish(self) -> None:
        """Refuses fields that nobody asked for.

        Raises:
            ProtocolError: FIELD_UNKNOWN.
        """
        for key in self._left:
            # A text key could hold anything, so only numbers are repeated in the error.
            name = str(key) if isinstance(key, int) else "not a number"
            raise ProtocolError(Code.FIELD_UNKNOWN, f"{self._what}: unknown field {name}")

    def invalid(self, key: int, rule: str) -> ProtocolError:
        """The error for a rule that only the message itself knows; the caller raises it."""
        return ProtocolError(Code.FIELD_INVALID, f"{self._what}.{key}: {rule}")

    def _take(self, key: int) -> object:
        found = self._left.pop(key, _ABSENT)
        if found is _ABSENT:
            raise ProtocolError(Code.FIELD_MISSING, f"{self._what}: field {key} is missing")
        return found

    def _whole(self, key: int, found: object, low: int, high: int) -> int:
        # `type` and not isinstance: True must not pass for 1.
        if type(found) is not int or not low <= found <= high:
            raise self.invalid(key, f"must be an integer from {low} to {high}")
        return found

    def _text(self, key: int, found: object, min_chars: int, max_chars: int) -> str:
        if not isinstance(found, str) or not min_chars <= len(found) <= max_chars:
            raise self.invalid(key, f"must be text of {min_chars} to {max_chars} characters")
        check_text(found, what=f"{self._what}.{key}")
        return found

    def _bytes(self, key: int, found: object, length: int | None, max_bytes: int | None) -> bytes:
        if length is None and max_bytes is None:
            raise TypeError("bytes_ needs a length or a bound")
        if not isinstance(found, bytes):
            raise self.invalid(key, "must be a byte string")
        if length is not None and len(found) != length:
            raise self.invalid(key, f"must have {length} bytes")
        if max_bytes is not None and len(found) > max_bytes:
            raise self.invalid(key, f"must have at most {max_bytes} bytes")
        return found

    def _flag(self, key: int, found: object) -> bool:
        if not isinstance(found, bool):
            raise self.invalid(key, "must be true or false")
        return found

    def _list(self, key: int, found: object, min_items: int, max_items: int) -> list[Value]:
        if not isinstance(found, list) or not min_items <= len(found) <= max_items:
            raise self.invalid(key, f"must be a list of {min_items} to {max_items} items")
        return cast(list[Value], found)


def check_text(text: str, *, what: str) -> None:
    """Refuses text that is not NFC or holds control characters, line separators or direction overrides.

    Direction overrides are refused because a name that displays otherwise than it is stored would be signed
    for what the officer did not see.

    Raises:
        ProtocolError: FIELD_INVALID.
    """
    if _PLAIN.fullmatch(text):
        return
    if not unicodedata.is_normalized("NFC", text):
        raise ProtocolError(Code.FIELD_INVALID, f"{what}: must be in Unicode form NFC")
    if any(unicodedata.category(char) in _REFUSED_CATEGORIES for char in text):
        raise ProtocolError(Code.FIELD_INVALID, f"{what}: must hold no control characters")


def check_texts(texts: Sequence[str], *, what: str) -> None:
    """The same for many texts.

    Raises:
        ProtocolError: FIELD_INVALID.
    """
    # What is plain stays so when it is put together.
    if not _PLAIN.fullmatch("".join(texts)):
        for text in set(texts):
            check_text(text, what=what)


def readable(text: str, *, max_chars: int) -> str:
    """The nearest text that `check_text` lets pass: in NFC, cut, without what it refuses and without spare blanks.

    For what was stored before it had to travel: a name of old must not keep a message from being made.
    """
    kept = (char if unicodedata.category(char) not in _REFUSED_CATEGORIES else " " for char in text)
    tidy = unicodedata.normalize("NFC", " ".join("".join(kept).split()))
    return tidy[:max_chars].rstrip()


# Printable ASCII and the composed Latin letters of Vietnamese: such text is NFC and holds nothing to refuse.
_PLAIN: Final = re.compile(r"[ -~\u00c0-\u024f\u1ea0-\u1ef9]*")
# Control, format, surrogate, private use, unassigned, line and paragraph separators.
_REFUSED_CATEGORIES: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
