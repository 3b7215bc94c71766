"""A QR as one path of an inline SVG: sharp at any size, in print too, and without a picture file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from qrcode.constants import ERROR_CORRECT_M, ERROR_CORRECT_Q
from qrcode.main import QRCode
from qrcode.util import QRData

# The quiet zone that the standard asks for.
_QUIET_MODULES: Final = 4
# The mode of 45 characters (ISO/IEC 18004, 7.4.4), which base45 was made for.
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
    """The QR of a short text, such as an address. ValueError where it is too long for any."""
    return _drawn(text, correction=ERROR_CORRECT_M)


def draw_hc1(text: str) -> QrPicture:
    """The QR of a health certificate: alphanumeric, and a quarter of it may be damaged. ValueError as `draw_qr`."""
    return _drawn(QRData(text.encode(), mode=_ALPHANUMERIC), correction=ERROR_CORRECT_Q)


def _drawn(content: str | QRData, *, correction: int) -> QrPicture:
    code = QRCode(error_correction=correction, border=_QUIET_MODULES)
    code.add_data(content)
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
