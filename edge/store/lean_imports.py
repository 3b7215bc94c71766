"""sqlite-utils, which loads numpy wherever it is installed, although nothing of ours hands it anything of it.

numpy is for issuing health certificates at the centre; a node would carry its 16 MB for nothing. So it is hidden for
the moment in which the library is loaded first, and there again for whoever asks for it afterwards.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def _hidden(name: str) -> Iterator[None]:
    if name in sys.modules:
        yield
        return
    # By this Python knows that there is no such module.
    sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules[name]


with _hidden("numpy"):
    import sqlite_utils

__all__ = ["sqlite_utils"]
