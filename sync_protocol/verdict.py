"""What the centre says of each dose in a bundle: admitted, quarantined because, refused because.

Most doses are admitted, so only the exceptions are written, grouped by what is said of them. The digest over the
encoded verdicts stands in the ledger, so that a verdict cannot be changed afterwards without being seen.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Final

from sync_protocol import cbor, limits
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.fields import Fields

# Each exception costs at most 2 bytes and each of the few groups a code.
VERDICTS_BYTES: Final = 32 * 1024


class VerdictState(StrEnum):
    """Admitted doses are certified; quarantined ones wait for a person; refused ones go back to the site."""

    ADMITTED = "admitted"
    QUARANTINED = "quarantined"
    REFUSED = "refused"


# States travel as their place in this tuple, so the order never changes.
_STATES: Final = (VerdictState.ADMITTED, VerdictState.QUARANTINED, VerdictState.REFUSED)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is said of one dose.

    Attributes:
        code: why; None exactly where the dose is admitted.
    """

    state: VerdictState
    code: Code | None = None

    def __post_init__(self) -> None:
        if (self.state is VerdictState.ADMITTED) != (self.code is None):
            raise ValueError("an exception has a code, an admitted dose has none")


ADMITTED: Final = Verdict(VerdictState.ADMITTED)


def encode_verdicts(verdicts: Sequence[Verdict]) -> bytes:
    """Encodes the verdicts of a bundle's doses, in the doses' order.

    The form is {1: count, 2: [[state, code, [places]], …]}: a group for each state and code that occurs, in the order
    of state and code; its places are the doses' indexes from 0, each after the first as the step from the one before.
    Without exceptions the list is left out.
    """
    groups: dict[tuple[int, str], list[int]] = {}
    for index, verdict in enumerate(verdicts):
        if verdict.code is not None:
            groups.setdefault((_STATES.index(verdict.state), verdict.code.value), []).append(index)
    fields: dict[int, object] = {1: len(verdicts)}
    if groups:
        fields[2] = [
            [state, code, [places[0], *(b - a for a, b in pairwise(places))]]
            for (state, code), places in sorted(groups.items())
        ]
    return cbor.encode(fields)


def decode_verdicts(data: bytes, *, count: int) -> list[Verdict]:
    """Reads the verdicts strictly.

    Args:
        data: from the centre; the receipt's ledger entry says whether they are its own.
        count: how many doses the bundle has.

    Raises:
        ProtocolError: COUNT_MISMATCH when it speaks of another number of doses; TOO_LARGE, NOT_CBOR,
            NOT_DETERMINISTIC, FIELD_MISSING, FIELD_UNKNOWN, FIELD_INVALID.
    """
    fields = Fields(cbor.decode(data, max_bytes=VERDICTS_BYTES), what="verdicts")
    if fields.uint(1, max=limits.BATCH_DOSES) != count:
        raise ProtocolError(Code.COUNT_MISMATCH, "verdicts: there are more or fewer than doses")
    groups = fields.opt_list_(2, min_items=1, max_items=2 * len(Code))
    fields.finish()
    verdicts = [ADMITTED] * count
    last = (0, "")
    for group in groups or []:
        match group:
            case [int(state), str(code), [_, *_] as steps] if type(state) is int and (state, code) > last:
                last = (state, code)
            case _:
                raise _invalid("groups must be [state, code, places], in order")
        if not 0 < state < len(_STATES):
            raise _invalid("a state is unknown to this version")
        verdict = Verdict(_STATES[state], _code(code))
        place = -1
        for step in steps:
            if type(step) is not int or step < (0 if place < 0 else 1):
                raise _invalid("places must be steps forward")
            place = step if place < 0 else place + step
            if place >= count or verdicts[place] is not ADMITTED:
                raise _invalid("a place is outside the bundle or named twice")
            verdicts[place] = verdict
    return verdicts


def verdicts_digest(encoded: bytes) -> bytes:
    """SHA-256 over the encoded verdicts, 32 bytes."""
    return hashlib.sha256(encoded).digest()


def _code(text: str) -> Code:
    try:
        return Code(text)
    except ValueError:
        raise _invalid("a code is unknown to this version") from None


def _invalid(rule: str) -> ProtocolError:
    return ProtocolError(Code.FIELD_INVALID, f"verdicts: {rule}")
