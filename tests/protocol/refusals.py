"""Says that something must be refused, and with which code."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from sync_protocol.errors import Code, ProtocolError


@contextmanager
def refused(*codes: Code) -> Iterator[None]:
    """Passes when the block raises a ProtocolError with one of these codes (with any, when none is named)."""
    with pytest.raises(ProtocolError) as caught:
        yield
    assert not codes or caught.value.code in codes, caught.value


def refusal_of(call: Callable[[], object]) -> Code | None:
    """The code that the call is refused with; None when it goes through. Other errors go through as they are."""
    try:
        call()
    except ProtocolError as error:
        return error.code
    return None
