"""Opens a workbook with openpyxl, which is loaded for the first one and not before.

With what it loads for pictures it takes 10 MB, and numpy would take 16 MB more wherever that is installed, although
nothing of ours hands it anything of it. A node on which nobody imports a list carries neither.
"""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from openpyxl import Workbook


def open_workbook(data: bytes, *, data_only: bool) -> Workbook:
    """Open the bytes of a workbook for reading row by row, without links to other files; the caller closes it.

    Args:
        data: within `workbook_bounds`.
        data_only: values as last computed, else formulas as written.

    Raises:
        Exception: one of `workbook_bounds.NO_WORKBOOK` where it is none.
    """
    is_hidden = "numpy" not in sys.modules
    if is_hidden:
        # By this Python knows that there is no such module, for the moment in which the library looks for it.
        sys.modules["numpy"] = None  # type: ignore[assignment]
    try:
        import openpyxl  # noqa: PLC0415, see above
    finally:
        if is_hidden:
            del sys.modules["numpy"]
    return openpyxl.load_workbook(io.BytesIO(data), read_only=True, data_only=data_only, keep_links=False)
