"""Bounds a workbook before a library builds anything from it: parts, inflated bytes, XML elements, lengths of texts.

A workbook of 70 KB can hold one row of 18 million cells, for which the library would take gigabytes. So every part is
read through once, in pieces, and its tags are counted: in all, from one row or shared string to the next, and those of
everything that is no cell. A text or an attribute is no longer than a cell can be.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from dataclasses import dataclass
from typing import IO, Final
from xml.etree.ElementTree import ParseError

from edge.domain.refusals import EdgeCode, refuse

# What the parts may inflate to: 20,000 rows of 25 cells at 80 bytes of XML each, and as much again.
INFLATED_BYTES: Final = 80 * 1024 * 1024
PARTS: Final = 500
# 20,000 rows of 25 cells, each of which opens and closes three elements.
TAGS: Final = 3_000_000
# A row has at most 16,384 cells; styles and the like stay far below.
ROW_TAGS: Final = 20_000
# Styles, names, links, merged cells and the like, of all parts: for these the library keeps an object each.
OTHER_TAGS: Final = 100_000
# Shared strings: the library keeps them all.
STRINGS: Final = 400_000
# All texts together. As characters they take twice the bytes, or four times where one is beyond 16 bits.
TEXTS_BYTES: Final = 24 * 1024 * 1024
# From one tag to the next: a cell holds 32,767 characters, each written with at most 10 bytes ("&#128512;").
TEXT_BYTES: Final = 384 * 1024
_PIECE_BYTES: Final = 64 * 1024
_PROLOGUE_BYTES: Final = 4_096
_TAG_BYTES: Final = 64
_ROW: Final = re.compile(rb"<(?:[A-Za-z0-9_.-]+:)?(?:row|si)(?=[\s/>])")
# Of rows, cells, and the texts in them there are as many as the list has; all other elements are few.
_OTHER: Final = re.compile(rb"<(?!/?(?:[A-Za-z0-9_.-]+:)?(?:row|c|v|f|is|si|t)[\s/>])")
_TEXT: Final = re.compile(rb">([^<]+)")
# Leads a character beyond 16 bits, in UTF-8 and in UTF-16, or writes one as a number.
_WIDE: Final = re.compile(rb"[\xd8-\xdb\xf0-\xf4]|&#")
_ENCODING: Final = re.compile(rb"encoding\s*=\s*[\"']([A-Za-z0-9._-]*)", re.IGNORECASE)
# In all of these a tag begins with the byte that is counted below.
_ENCODINGS: Final = frozenset({b"utf-8", b"utf-16", b"us-ascii", b"iso-8859-1"})


# What zipfile raises over an archive that is damaged, encrypted, or packed in a way that it does not know.
NO_ARCHIVE: Final = (zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError, OSError, ValueError)
# openpyxl raises what the parts of a workbook happen to provoke; all of it means that this is no workbook.
NO_WORKBOOK: Final = (
    *(zipfile.BadZipFile, zlib.error, ParseError),
    *(KeyError, ValueError, TypeError, AttributeError, IndexError, EOFError, OverflowError),
)


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
            counted = _Counts()
            for part in parts:
                # Which part means what, other parts say, so all of them are counted, whatever their names.
                with archive.open(part) as file:
                    _count_tags(file, counted, tags_at_most)
    except NO_ARCHIVE:
        raise refuse(EdgeCode.LIST_UNREADABLE, "file") from None


@dataclass(slots=True)
class _Counts:
    """What all parts have had so far: tags, those of no cell, shared strings, and the memory their texts may take."""

    tags: int = 0
    others: int = 0
    strings: int = 0
    texts_bytes: int = 0

    def add(self, whole: bytes, tags_at_most: int) -> None:
        """Count a stretch of a part. Raises RefusedError LIST_SIZE."""
        self.tags += whole.count(b"<")
        self.others += len(_OTHER.findall(whole))
        self.strings += whole.count(b"<si") + whole.count(b":si")
        texts_bytes = sum(map(len, _TEXT.findall(whole))) if b"<" in whole else len(whole)
        self.texts_bytes += 3 * texts_bytes if _WIDE.search(whole) else texts_bytes
        if (
            self.tags > tags_at_most
            or self.others > OTHER_TAGS
            or self.strings > STRINGS
            or self.texts_bytes > TEXTS_BYTES
        ):
            raise refuse(EdgeCode.LIST_SIZE, "file")


def _count_tags(file: IO[bytes], counted: _Counts, tags_at_most: int) -> None:
    piece = file.read(_PIECE_BYTES)
    if not piece.removeprefix(b"\xef\xbb\xbf").replace(b"\x00", b"").lstrip(b"\xff\xfe \t\r\n").startswith(b"<"):
        # A picture or a printer's settings; no XML reader gets past its first byte.
        return
    _check_prologue(piece[:_PROLOGUE_BYTES].replace(b"\x00", b""))
    since_row = since_tag = 0
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
        # Pieces are shorter than a text may be, so that only texts over several of them are to be measured.
        since_tag = len(whole) - whole.rfind(b"<") if b"<" in whole else since_tag + len(whole)
        if widest > ROW_TAGS or since_tag > TEXT_BYTES:
            raise refuse(EdgeCode.LIST_SIZE, "file")
        counted.add(whole, tags_at_most)
        piece = rest + following


def _check_prologue(prologue: bytes) -> None:
    # Entities that multiply live in a document type, and no workbook has one.
    stated = _ENCODING.search(prologue.partition(b"?>")[0])
    if b"<!DOCTYPE" in prologue.upper() or (stated and stated[1].lower() not in _ENCODINGS):
        raise refuse(EdgeCode.LIST_UNREADABLE, "file")
