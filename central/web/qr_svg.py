"""A QR as one path of an inline SVG: sharp at any size, in print too, and without a picture file.

Health certificates are written in the alphanumeric mode, which base45 was made for, at level Q (a quarter of the code
may be damaged), with the quiet zone of four modules that the standard asks for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from qrcode.constants import ERROR_CORRECT_Q
from qrcode.main import QRCode
from qrcode.util import QRData

QUIET_MODULES: Final = 4
# `qrcode.util.MODE_ALPHA_NUM`, which its type stub does not narrow.
_ALPHANUMERIC: Final = 2


@dataclass(frozen=True, slots=True, repr=False)
class QrPicture:
    """A QR to draw.

    Attributes:
        size: modules of a side, the quiet zone counted; the view box is `0 0 size size`.
        path: data of one SVG path that fills the dark modules.
    """

    size: int
    path: str


def draw_qr(text: str) -> QrPicture:
    """Draws the QR of an HC1 text (characters of the alphanumeric mode only).

    Raises:
        ValueError: a character is outside that mode, or the text is too long for any QR at level Q.
    """
    code = QRCode(error_correction=ERROR_CORRECT_Q, border=QUIET_MODULES)
    code.add_data(QRData(text.encode(), mode=_ALPHANUMERIC))
    code.make(fit=True)
    matrix = code.get_matrix()
    return QrPicture(len(matrix), "".join(_row(cells, y) for y, cells in enumerate(matrix)))


def _row(cells: Sequence[bool | None], y: int) -> str:
    """The dark runs of one row, each a rectangle of height 1."""
    pieces, start = [], None
    for x, dark in enumerate([*cells, False]):
        if dark and start is None:
            start = x
        elif not dark and start is not None:
            pieces.append(f"M{start} {y}h{x - start}v1h{start - x}z")
            start = None
    return "".join(pieces)
