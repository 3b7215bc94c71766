"""Puts a wrong function in the place of a real one for a while."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

_ABSENT: Final = object()


@contextmanager
def changed(owner: Any, name: str, wrong: object) -> Iterator[None]:
    """While this is open `owner.name` is `wrong`; a name that the owner lacks hides a builtin of its module."""
    right = vars(owner).get(name, _ABSENT)
    setattr(owner, name, wrong)
    try:
        yield
    finally:
        if right is _ABSENT:
            delattr(owner, name)
        else:
            setattr(owner, name, right)
