"""Checks of a dose's values, many at once: a field of all doses costs little more than that of one.

Errors name the field and never repeat its value.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import cast

from sync_protocol.errors import Code, ProtocolError
from sync_protocol.fields import check_texts


def require(condition: object, what: str) -> None:
    """Refuses a field whose condition does not hold.

    Raises:
        ProtocolError: FIELD_INVALID.
    """
    if not condition:
        raise ProtocolError(Code.FIELD_INVALID, f"dose.{what}: outside what this field may hold")


def require_text(text: object, max_chars: int, *, what: str) -> None:
    """Refuses what is not NFC text of at most so many characters, without control characters.

    Raises:
        ProtocolError: FIELD_INVALID.
    """
    require_texts((text,), max_chars, what=what)


def require_texts(texts: Sequence[object], max_chars: int, *, what: str) -> None:
    """Refuses texts of which one is no text, too long, not NFC, or with control characters.

    Raises:
        ProtocolError: FIELD_INVALID.
    """
    if not _are(str, texts) or max(map(len, cast("Sequence[str]", texts)), default=0) > max_chars:
        raise ProtocolError(Code.FIELD_INVALID, f"dose.{what}: must be text of at most {max_chars} characters")
    check_texts(cast("Sequence[str]", texts), what=what)


def require_wholes(numbers: Sequence[object], low: int, high: int, *, what: str) -> None:
    """Refuses numbers of which one is no integer within the bounds; True does not pass for 1.

    Raises:
        ProtocolError: FIELD_INVALID.
    """
    whole = cast("Sequence[int]", numbers)
    if not _are(int, numbers) or (whole and not low <= min(whole) <= max(whole) <= high):
        raise ProtocolError(Code.FIELD_INVALID, f"dose.{what}: must be an integer from {low} to {high}")


def require_types(values: Sequence[object], kind: type, *, what: str) -> None:
    """Refuses values of which one is of another type.

    Raises:
        ProtocolError: FIELD_INVALID.
    """
    require(_are(kind, values), what)


def require_each(is_allowed: Callable[[str], bool], texts: Sequence[object], *, what: str) -> None:
    """Refuses texts of which one does not pass; each different one is looked at once.

    Raises:
        ProtocolError: FIELD_INVALID.
    """
    require(_are(str, texts) and all(map(is_allowed, cast("set[str]", set(texts)))), what)


def _are(kind: type, values: Sequence[object]) -> bool:
    return set(map(type, values)) <= {kind}
