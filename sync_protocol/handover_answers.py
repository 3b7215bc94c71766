"""What comes back of doses that were handed over: signed by the hub, or handed back (`handover`).

Both are bodies of items in the feed of the site's node; what is handed back travels to the centre as the body of the
hub's HANDED_BACK bundle first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from sync_protocol import cbor, limits
from sync_protocol.batch import BATCH_BYTES, SECRET_BYTES
from sync_protocol.dose import DOSE_SEQUENCE_MAX
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.fields import Fields
from sync_protocol.manifest import DIGEST_BYTES
from sync_protocol.receipt import RECEIPT_BYTES
from sync_protocol.verdict import VERDICTS_BYTES, decode_verdicts

# A list of all sequences, each of up to 5 bytes, and a reason.
HANDED_BACK_BYTES: Final = 32 * 1024


@dataclass(frozen=True, slots=True, repr=False)
class SignedDoses:
    """The body of a SIGNED_DOSES item, for the site's node: one batch of the hub with doses of one handover.

    The batch may hold doses of several handovers of the same node; each of them gets its own item, and `sequences`
    and `verdicts` always speak of the whole batch.

    Attributes:
        handover: 32 bytes, the digest of the site's DOSES bundle.
        statement: the hub's COSE_Sign1; x5chain holds the signer's certificate.
        secret: 32 bytes, from which the salts come.
        sequences: of all the batch's doses, in leaf order; all of the site node that gets the item.
        verdicts: one for each of them, as `verdict.encode_verdicts` writes them.
        receipt: the ledger's answer to the hub's bundle, as the hub got it (`receipt.verify_inclusion`).
    """

    handover: bytes
    statement: bytes
    secret: bytes
    sequences: tuple[int, ...]
    verdicts: bytes
    receipt: bytes


@dataclass(frozen=True, slots=True)
class HandedBack:
    """Doses that the hub does not sign; the body of its HANDED_BACK bundle and of the item that the site gets.

    Attributes:
        handover: 32 bytes, the digest of the site's DOSES bundle.
        sequences: of the doses, ascending.
        reason: in words, for the site.
    """

    handover: bytes
    sequences: tuple[int, ...]
    reason: str


def encode_signed(signed: SignedDoses) -> bytes:
    """The body of a SIGNED_DOSES item.

    Raises:
        ProtocolError: FIELD_INVALID or COUNT_MISMATCH for one that no node would take.
    """
    encoded = cbor.encode(
        {
            1: signed.handover,
            2: signed.statement,
            3: signed.secret,
            4: list(signed.sequences),
            5: signed.verdicts,
            6: signed.receipt,
        }
    )
    parse_signed(encoded)
    return encoded


def parse_signed(data: bytes) -> SignedDoses:
    """Reads the body of a SIGNED_DOSES item strictly; statement and receipt are still to be verified.

    Raises:
        ProtocolError: TOO_LARGE, NOT_CBOR, NOT_DETERMINISTIC, FIELD_MISSING, FIELD_UNKNOWN, FIELD_INVALID;
            COUNT_MISMATCH where there are more or fewer verdicts than doses.
    """
    fields = Fields(cbor.decode(data, max_bytes=limits.FEED_ITEM_BYTES), what="signed doses")
    signed = SignedDoses(
        handover=fields.bytes_(1, length=DIGEST_BYTES),
        statement=fields.bytes_(2, max_bytes=BATCH_BYTES),
        secret=fields.bytes_(3, length=SECRET_BYTES),
        sequences=_sequences(fields.list_(4, min_items=1, max_items=limits.BATCH_DOSES), what="signed doses"),
        verdicts=fields.bytes_(5, max_bytes=VERDICTS_BYTES),
        receipt=fields.bytes_(6, max_bytes=RECEIPT_BYTES),
    )
    fields.finish()
    if len(set(signed.sequences)) != len(signed.sequences):
        raise ProtocolError(Code.FIELD_INVALID, "signed doses.4: each sequence once")
    decode_verdicts(signed.verdicts, count=len(signed.sequences))
    return signed


def encode_handed_back(back: HandedBack) -> bytes:
    """The body of a HANDED_BACK bundle, and of the item of that name.

    Raises:
        ProtocolError: FIELD_INVALID for one that nobody would take.
    """
    encoded = cbor.encode({1: back.handover, 2: list(back.sequences), 3: back.reason})
    parse_handed_back(encoded)
    return encoded


def parse_handed_back(data: bytes) -> HandedBack:
    """Reads the body of a HANDED_BACK bundle or item strictly.

    Raises:
        ProtocolError: TOO_LARGE, NOT_CBOR, NOT_DETERMINISTIC, FIELD_MISSING, FIELD_UNKNOWN or FIELD_INVALID.
    """
    fields = Fields(cbor.decode(data, max_bytes=HANDED_BACK_BYTES), what="handed back")
    back = HandedBack(
        handover=fields.bytes_(1, length=DIGEST_BYTES),
        sequences=_sequences(fields.list_(2, min_items=1, max_items=limits.BATCH_DOSES), what="handed back"),
        reason=fields.text(3, max_chars=limits.LONG_CHARS),
    )
    fields.finish()
    if any(later <= earlier for earlier, later in pairwise(back.sequences)):
        raise ProtocolError(Code.FIELD_INVALID, "handed back.2: sequences ascend")
    return back


def _sequences(values: Sequence[object], *, what: str) -> tuple[int, ...]:
    found = []
    for value in values:
        # `type` and not isinstance: True must not pass for 1.
        if type(value) is not int or not 1 <= value <= DOSE_SEQUENCE_MAX:
            raise ProtocolError(Code.FIELD_INVALID, f"{what}: a sequence is from 1 to {DOSE_SEQUENCE_MAX}")
        found.append(value)
    return tuple(found)
