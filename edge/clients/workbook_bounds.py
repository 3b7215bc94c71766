"""Bounds a workbook before a library builds anything from it: parts, inflated bytes, XML elements.

A workbook of 70 KB can hold one row of 18 million cells, for which the library would take gigabytes. So every part is
read through once, in pieces, and its tags are counted: in all, and from one row or shared string to the next.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from typing import IO, Final

from edge.domain.refusals import EdgeCode, refuse

# What the parts may inflate to: 20,000 rows of 25 cells at 80 bytes of XML each, and as much again.
INFLATED_BYTES: Final = 80 * 1024 * 1024
PARTS: Final = 500
# 20,000 rows of 25 cells, each of which opens and closes three elements.
TAGS: Final = 3_000_000
# A row has at most 16,384 cells; styles and the like stay far below.
ROW_TAGS: Final = 20_000
_PIECE_BYTES: Final = 64 * 1024
_PROLOGUE_BYTES: Final = 4_096
_TAG_BYTES: Final = 64
_ROW: Final = re.compile(rb"<(?:[A-Za-z0-9_.-]+:)?(?:row|si)(?=[\s/>])")
_ENCODING: Final = re.compile(rb"encoding\s*=\s*[\"']([A-Za-z0-9._-]*)", re.IGNORECASE)
# In all of these a tag begins with the byte that is counted below.
_ENCODINGS: Final = frozenset({b"utf-8", b"utf-16", b"us-ascii", b"iso-8859-1"})


def check_workbook(data: bytes, *, tags_at_most: int = TAGS) -> None:
    """Refuse macros, document types, zip bombs and floods of elements, before anything is built.

    Args:
        data: the file.
        tags_at_most: how many tags all parts may have together.

    Raises:
        RefusedError: LIST_SIZE, LIST_MACROS or LIST_UNREADABLE.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            parts = archive.infolist()
            # zipfile inflates no part beyond the size that the directory states.
            if len(parts) > PARTS or sum(part.file_size for part in parts) > INFLATED_BYTES:
                raise refuse(EdgeCode.LIST_SIZE, "file")
            if any(part.filename.lower().endswith("vbaproject.bin") for part in parts):
                raise refuse(EdgeCode.LIST_MACROS, "file")
            tags = 0
            for part in parts:
                # Which part means what, other parts say, so all of them are counted, whatever their names.
                with archive.open(part) as file:
                    tags += _count_tags(file, tags_at_most)
                if tags > tags_at_most:
                    raise refuse(EdgeCode.LIST_SIZE, "file")
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError, ValueError, zlib.error):
        raise refuse(EdgeCode.LIST_UNREADABLE, "file") from None


def _count_tags(file: IO[bytes], tags_at_most: int) -> int:
    piece = file.read(_PIECE_BYTES)
    if not piece.removeprefix(b"\xef\xbb\xbf").replace(b"\x00", b"").lstrip(b"\xff\xfe \t\r\n").startswith(b"<"):
        # A picture or a printer's settings; no XML reader gets past its first byte.
        return 0
    _check_prologue(piece[:_PROLOGUE_BYTES].replace(b"\x00", b""))
    tags = since_row = 0
    # After a comment or the like a row may be one in name only, so from there on nothing counts as one.
    is_plain = True
    while piece:
        following = file.read(_PIECE_BYTES)
        # The last tag may be cut in two; it is counted with what follows.
        cut = piece.rfind(b"<", max(0, len(piece) - _TAG_BYTES)) if following else -1
        whole, rest = (piece, b"") if cut < 0 else (piece[:cut], piece[cut:])
        is_plain = is_plain and b"<!" not in whole
        first, *rows = _ROW.split(whole) if is_plain else [whole]
        since_row += first.count(b"<")
        widest = since_row
        for row in rows:
            since_row = 1 + row.count(b"<")
            widest = max(widest, since_row)
        if widest > ROW_TAGS:
            raise refuse(EdgeCode.LIST_SIZE, "file")
        tags += whole.count(b"<")
        if tags > tags_at_most:
            raise refuse(EdgeCode.LIST_SIZE, "file")
        piece = rest + following
    return tags


def _check_prologue(prologue: bytes) -> None:
    # Entities that multiply live in a document type, and no workbook has one.
    stated = _ENCODING.search(prologue.partition(b"?>")[0])
    if b"<!DOCTYPE" in prologue.upper() or (stated and stated[1].lower() not in _ENCODINGS):
        raise refuse(EdgeCode.LIST_UNREADABLE, "file")
