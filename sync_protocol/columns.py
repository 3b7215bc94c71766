"""Doses as columns: how the doses of a bundle travel, at about 12 bytes each.

Fields of one kind stand together, so that what repeats costs next to nothing: constants, dictionaries, steps from row
to row, and one column told by another (`column_codecs`, `field_columns`). A person is written once however many doses
follow. The bytes are::

    version (1 byte) ‖ form (1) ‖ rows (2) ‖ length of the stream (3) ‖ stream ‖ texts, deflated after `PRESET`

Form 1 leaves out the node and the facility of the manifest wherever a dose has them; form 0 writes them.

Reading is strict: it is bounded by `limits`, and what it gives is written again, which must lead to the same stream and
the same inflated texts. So in each form given doses are packed in one way, up to how well the texts were deflated.
Nothing here is trusted by anybody: the doses must give the signed leaf hashes.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from typing import Final

from sync_protocol import limits
from sync_protocol.column_codecs import ColumnReader, ColumnWriter
from sync_protocol.dose import Dose, check_doses
from sync_protocol.dose_columns import ELSEWHERE, Home, carry_doses
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.vocabulary import PRESET

COLUMNS_VERSION: Final = 1
_HEADER_BYTES: Final = 7
_FORM_FULL, _FORM_HOME = range(2)
_DEFLATE_RAW: Final = -15


def pack_doses(doses: Sequence[Dose], *, node: str = "", facility: str = "") -> bytes:
    """Packs doses, in their order.

    Args:
        doses: at most `limits.BATCH_DOSES`.
        node, facility: those of the manifest, if they are to be left out where they are the same; the reader will have
            to know them.

    Raises:
        ProtocolError: BATCH_DOSES; FIELD_INVALID for a value outside its bounds; TOO_LARGE where the texts together
            exceed `limits.COLUMNS_BYTES`.
    """
    if len(doses) > limits.BATCH_DOSES:
        raise ProtocolError(Code.BATCH_DOSES, f"columns: more than {limits.BATCH_DOSES} doses")
    check_doses(doses)
    home = (node, facility)
    stream, text = _write(doses, home)
    if len(text) > limits.COLUMNS_BYTES:
        raise ProtocolError(Code.TOO_LARGE, f"columns: the texts weigh more than {limits.COLUMNS_BYTES} bytes")
    compressor = zlib.compressobj(9, zlib.DEFLATED, _DEFLATE_RAW, 9, zlib.Z_DEFAULT_STRATEGY, PRESET)
    texts = compressor.compress(text) + compressor.flush() if text else b""
    form = _FORM_FULL if home == ELSEWHERE else _FORM_HOME
    header = bytes([COLUMNS_VERSION, form]) + len(doses).to_bytes(2) + len(stream).to_bytes(3)
    return header + stream + texts


def unpack_doses(data: bytes, *, node: str, facility: str) -> list[Dose]:
    """Unpacks doses; they are as unverified as the bytes.

    Args:
        data: what :func:`pack_doses` gave, or anything.
        node, facility: those of the manifest that came along.

    Raises:
        ProtocolError: VERSION; COLUMNS_INVALID for anything that :func:`pack_doses` would not have written, or whose
            texts inflate beyond `limits.COLUMNS_BYTES`.
    """
    if len(data) < _HEADER_BYTES:
        raise _invalid("the header is cut short")
    if data[0] != COLUMNS_VERSION:
        raise ProtocolError(Code.VERSION, f"columns: this program reads version {COLUMNS_VERSION}")
    form, rows = data[1], int.from_bytes(data[2:4])
    end = _HEADER_BYTES + int.from_bytes(data[4:_HEADER_BYTES])
    if form not in (_FORM_FULL, _FORM_HOME) or rows > limits.BATCH_DOSES or end > len(data):
        raise _invalid("an unknown form, too many rows, or a stream that is cut short")
    home = (node, facility) if form == _FORM_HOME else ELSEWHERE
    stream, text = data[_HEADER_BYTES:end], _inflate(data[end:])
    try:
        reader = ColumnReader(stream, text.decode())
        doses = carry_doses(reader, (), rows, home=home)
        reader.finish()
        check_doses(doses)
        again = _write(doses, home)
    except (IndexError, OverflowError, StopIteration, RuntimeError, ValueError):
        raise _invalid("the columns do not fit together") from None
    except ProtocolError as error:
        raise ProtocolError(Code.COLUMNS_INVALID, error.rule) from None
    if again != (stream, text):
        raise _invalid("the doses would be packed otherwise")
    return doses


def _write(doses: Sequence[Dose], home: Home) -> tuple[bytes, bytes]:
    writer = ColumnWriter()
    carry_doses(writer, doses, len(doses), home=home)
    return writer.finish()


def _inflate(deflated: bytes) -> bytes:
    if not deflated:
        return b""
    inflater = zlib.decompressobj(_DEFLATE_RAW, PRESET)
    try:
        text = inflater.decompress(deflated, limits.COLUMNS_BYTES)
    except zlib.error:
        raise _invalid("the texts do not inflate") from None
    if not inflater.eof or inflater.unused_data:
        raise _invalid("the texts are too long, cut short, or followed by something")
    if not text:
        raise _invalid("no texts are written as nothing")
    return text


def _invalid(rule: str) -> ProtocolError:
    return ProtocolError(Code.COLUMNS_INVALID, f"columns: {rule}")
