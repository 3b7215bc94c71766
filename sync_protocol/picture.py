"""Reads the QR codes in a picture; needs the `picture` extra, which is imported only when a picture is given."""

from __future__ import annotations

import io
from typing import Final

from sync_protocol import limits
from sync_protocol.errors import Code, ProtocolError

_MAGIC: Final = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff")
# A photograph of 50 megapixels takes 150 MB once it is unpacked; a bomb is refused by its header.
_PIXELS: Final = 50_000_000


class PictureExtraMissingError(Exception):
    """Pillow or zxing-cpp is not installed; the `picture` extra brings both."""


def is_picture(data: bytes) -> bool:
    """Says whether the bytes begin like a PNG or a JPEG."""
    return data.startswith(_MAGIC)


def read_qr_codes(data: bytes) -> list[str]:
    """Returns the texts of the QR codes in a picture, at least one.

    Raises:
        ProtocolError: TOO_LARGE, or PICTURE_UNREADABLE when there is no readable QR code.
        PictureExtraMissingError: the extra is not installed.
    """
    try:
        import zxingcpp  # noqa: PLC0415
        from PIL import Image, UnidentifiedImageError  # noqa: PLC0415
    except ImportError:
        raise PictureExtraMissingError from None
    if len(data) > limits.PICTURE_BYTES:
        raise ProtocolError(Code.TOO_LARGE, f"picture: more than {limits.PICTURE_BYTES} bytes")
    try:
        with Image.open(io.BytesIO(data), formats=("PNG", "JPEG")) as picture:
            if picture.width * picture.height > _PIXELS:
                raise ProtocolError(Code.TOO_LARGE, f"picture: more than {_PIXELS} pixels")
            grey = picture.convert("L")
    except (UnidentifiedImageError, OSError, SyntaxError, ValueError):
        raise ProtocolError(Code.PICTURE_UNREADABLE, "picture: is damaged") from None
    texts = [
        code.text
        for code in zxingcpp.read_barcodes(grey, formats=zxingcpp.barcode_formats_from_str("QRCode"))
        if code.text
    ]
    if not texts:
        raise ProtocolError(Code.PICTURE_UNREADABLE, "picture: holds no readable QR code")
    return texts
