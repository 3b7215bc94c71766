"""The day's closing sheet of a node: how many doses were recorded, how far they came, and why the rest waits.

It is the body of a `closing` bundle, so the node's key signs it and its place in the chain dates it: everything that
the sheet speaks of was sent before it. A day that is closed again gets a higher revision, and the newest one counts.
The head of the node's audit trail goes along, so that a trail which is rewritten later is found out.

A sheet whose sums do not agree can neither be written nor read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from sync_protocol import cbor, limits
from sync_protocol.days import local_day
from sync_protocol.dose import is_code
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.fields import Fields
from sync_protocol.identity import is_day
from sync_protocol.manifest import DIGEST_BYTES

# A sheet of all fields at their caps, with a reason of 40 letters in each row, weighs about 6.5 KB.
CLOSING_BYTES: Final = 8 * 1024
_WHAT: Final = "closing"
# The node's own reasons and the codes of the centre have this form; what is not known is shown as it is.
_REASON: Final = re.compile(r"[a-z0-9-]{1,40}", re.ASCII)


@dataclass(frozen=True, slots=True, repr=False)
class DayClosing:
    """One day of one node, as it stood when somebody closed it; the representation shows nobody.

    The counts are of dose versions that count: the newest of each dose given on that day and recorded at this node.

    Attributes:
        facility: code of the node's facility.
        day: the local day that is closed, "YYYY-MM-DD".
        revision: 1 for the first sheet of the day, one more for each that takes its place.
        closed_at: epoch seconds, UTC, by the node's clock: a claim.
        closed_by: name of the person who closed the day.
        recorded: all of them; `admitted` and the sum of `waiting` together.
        signed: those that a sealed bundle carries.
        received: those whose bundle has a verified receipt.
        admitted, quarantined, refused: by the centre's verdicts, as far as the node holds them.
        waiting: how many are not admitted, for each reason (a code of the node or of the centre); sorted by reason.
        audit_entries: length of the node's audit trail.
        audit_head: 32 bytes, the digest of the trail's newest entry.
        last_dose: the highest sequence of any dose recorded at the node; 0 where there is none.
        remark: what the person wrote beside the figures, or "".
    """

    facility: str
    day: str
    revision: int
    closed_at: int
    closed_by: str
    recorded: int
    signed: int
    received: int
    admitted: int
    quarantined: int
    refused: int
    waiting: tuple[tuple[str, int], ...]
    audit_entries: int
    audit_head: bytes
    last_dose: int
    remark: str

    def __repr__(self) -> str:
        return f"DayClosing(facility={self.facility!r}, day={self.day!r}, revision={self.revision})"


def encode_closing(closing: DayClosing) -> bytes:
    """The sheet's one encoding: the body of a `closing` bundle.

    Raises:
        ProtocolError: FIELD_INVALID or CLOSING_SUMS, the sheet is none that a centre would take.
    """
    fields: dict[int, object] = {
        1: closing.facility,
        2: closing.day,
        3: closing.revision,
        4: closing.closed_at,
        5: closing.closed_by,
        6: closing.recorded,
        7: closing.signed,
        8: closing.received,
        9: closing.admitted,
        10: closing.quarantined,
        11: closing.refused,
        13: closing.audit_entries,
        14: closing.audit_head,
        15: closing.last_dose,
    }
    if closing.waiting:
        fields[12] = [[reason, count] for reason, count in closing.waiting]
    if closing.remark:
        fields[16] = closing.remark
    encoded = cbor.encode(fields)
    # The reader's rules are the only ones: what it would refuse is not written.
    parse_closing(encoded)
    return encoded


def parse_closing(data: bytes) -> DayClosing:
    """Reads a sheet strictly.

    Args:
        data: the body of a `closing` bundle; the bundle's signature says whose it is.

    Raises:
        ProtocolError: TOO_LARGE, NOT_CBOR, NOT_DETERMINISTIC, FIELD_MISSING, FIELD_UNKNOWN, FIELD_INVALID, or
            CLOSING_SUMS where the counts contradict each other.
    """
    fields = Fields(cbor.decode(data, max_bytes=CLOSING_BYTES), what=_WHAT)
    closing = DayClosing(
        facility=fields.text(1, max_chars=limits.NODE_CHARS),
        day=fields.text(2, max_chars=10),
        revision=fields.uint(3, min=1, max=limits.COUNTER),
        closed_at=fields.uint(4, max=limits.INSTANT),
        closed_by=fields.text(5, max_chars=limits.NAME_CHARS),
        recorded=fields.uint(6, max=limits.COUNTER),
        signed=fields.uint(7, max=limits.COUNTER),
        received=fields.uint(8, max=limits.COUNTER),
        admitted=fields.uint(9, max=limits.COUNTER),
        quarantined=fields.uint(10, max=limits.COUNTER),
        refused=fields.uint(11, max=limits.COUNTER),
        waiting=_read_waiting(fields.opt_list_(12, min_items=1, max_items=limits.CLOSING_REASONS) or []),
        audit_entries=fields.uint(13, max=limits.COUNTER),
        audit_head=fields.bytes_(14, length=DIGEST_BYTES),
        last_dose=fields.uint(15, max=limits.COUNTER),
        remark=fields.opt_text(16, max_chars=limits.LONG_CHARS) or "",
    )
    fields.finish()
    if not is_code(closing.facility):
        raise _invalid("facility must be a code of 2 to 12 of A-Z and 0-9")
    if not is_day(closing.day):
        raise _invalid("day must be a day")
    if local_day(closing.closed_at) < closing.day:
        raise _invalid("a day cannot be closed before it begins")
    _check_sums(closing)
    return closing


def _read_waiting(items: list[cbor.Value]) -> tuple[tuple[str, int], ...]:
    waiting: list[tuple[str, int]] = []
    for item in items:
        match item:
            case [str(reason), int(count)] if type(count) is int and _REASON.fullmatch(reason):
                pass
            case _:
                raise _invalid("waiting must be pairs of a reason and a count")
        if not 1 <= count <= limits.COUNTER:
            raise _invalid(f"a count of waiting must be from 1 to {limits.COUNTER}")
        if waiting and reason <= waiting[-1][0]:
            raise _invalid("the reasons of waiting must be in order, each once")
        waiting.append((reason, count))
    return tuple(waiting)


def _check_sums(closing: DayClosing) -> None:
    if closing.recorded != closing.admitted + sum(count for _, count in closing.waiting):
        raise ProtocolError(Code.CLOSING_SUMS, "closing: recorded must be admitted and waiting together")
    judged = closing.admitted + closing.quarantined + closing.refused
    if not judged <= closing.received <= closing.signed <= closing.recorded:
        raise ProtocolError(Code.CLOSING_SUMS, "closing: judged, received, signed and recorded must not fall")


def _invalid(rule: str) -> ProtocolError:
    return ProtocolError(Code.FIELD_INVALID, f"{_WHAT}: {rule}")
