"""What the centre says of doses after its receipt: the body of a VERDICTS item.

A receipt binds what was said at admission, for ever. What is said later, when a certificate turns out to be revoked or
a person decides, comes as a *change*. Changes are numbered over all doses of the centre; of two about one dose the one
with the greater number holds, in whatever order they come.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from sync_protocol import cbor, limits
from sync_protocol.dose import DOSE_SEQUENCE_MAX, is_code
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.fields import Fields
from sync_protocol.verdict import Verdict, VerdictState

_WHAT: Final = "verdict changes"
_GROUP_FIELDS: Final = 7
CHANGE_NUMBER_MAX: Final = 2**53 - 1

# States travel as their place in this tuple, as in `verdict`.
_STATES: Final = (VerdictState.ADMITTED, VerdictState.QUARANTINED, VerdictState.REFUSED)


@dataclass(frozen=True, slots=True)
class VerdictChange:
    """One change.

    Attributes:
        number: from 1, growing over all doses.
        sequence: of the dose, with the node of the item.
        before, after: what was said until then and what is said from then on; never the same.
        at: epoch seconds, UTC, when the centre changed it.
    """

    number: int
    sequence: int
    before: Verdict
    after: Verdict
    at: int


@dataclass(frozen=True, slots=True)
class VerdictChanges:
    """Changes of doses that one node recorded, by number; `node` is that node, which a hub is not."""

    node: str
    changes: tuple[VerdictChange, ...]


def encode_changes(told: VerdictChanges) -> bytes:
    """The body of a VERDICTS item.

    The form is {1: node, 2: [[first number, state before, code before, state, code, at, [sequences]], …]}: one group
    for changes alike whose numbers follow one another.

    Raises:
        ProtocolError: FIELD_INVALID or TOO_LARGE where no node would take it.
    """
    groups = []
    for (_, before, after, at), alike in groupby(enumerate(told.changes), key=_alike):
        changes = [change for _, change in alike]
        said = (*_written(before), *_written(after))
        groups.append([changes[0].number, *said, at, [one.sequence for one in changes]])
    encoded = cbor.encode({1: told.node, 2: groups})
    # The reader's rules are the only ones: what it would refuse is not written.
    parse_changes(encoded)
    return encoded


def parse_changes(data: bytes) -> VerdictChanges:
    """Reads the changes strictly; the item's signature says whose they are.

    Raises:
        ProtocolError: TOO_LARGE, NOT_CBOR, NOT_DETERMINISTIC, FIELD_MISSING, FIELD_UNKNOWN or FIELD_INVALID.
    """
    fields = Fields(cbor.decode(data, max_bytes=limits.MESSAGE_BYTES), what=_WHAT)
    node = fields.text(1, max_chars=limits.NODE_CHARS)
    groups = fields.list_(2, min_items=1, max_items=limits.BATCH_DOSES)
    fields.finish()
    if not is_code(node):
        raise _invalid("1: must be a node's code")
    changes: list[VerdictChange] = []
    for group in groups:
        if not isinstance(group, list) or len(group) != _GROUP_FIELDS:
            raise _invalid("2: a group has seven parts")
        first, state_before, code_before, state, code, at, sequences = group
        before, after = _read(state_before, code_before), _read(state, code)
        if before == after:
            raise _invalid("2: a change changes something")
        number, instant = _whole(first, 1, CHANGE_NUMBER_MAX), _whole(at, 0, limits.INSTANT)
        if not isinstance(sequences, list) or not 1 <= len(sequences) <= limits.BATCH_DOSES - len(changes):
            raise _invalid(f"2: between 1 and {limits.BATCH_DOSES} doses in one item")
        if changes and number <= changes[-1].number:
            raise _invalid("2: the numbers ascend")
        for place, sequence in enumerate(sequences):
            named = _whole(sequence, 1, DOSE_SEQUENCE_MAX)
            changes.append(VerdictChange(number + place, named, before, after, instant))
    return VerdictChanges(node, tuple(changes))


def _alike(placed: tuple[int, VerdictChange]) -> tuple[int, Verdict, Verdict, int]:
    place, change = placed
    # Constant within a run of numbers that follow one another.
    return change.number - place, change.before, change.after, change.at


def _written(verdict: Verdict) -> tuple[int, str]:
    return _STATES.index(verdict.state), "" if verdict.code is None else verdict.code.value


def _read(state: object, code: object) -> Verdict:
    if not isinstance(code, str):
        raise _invalid("2: a verdict is a state and a code")
    said = _STATES[_whole(state, 0, len(_STATES) - 1)]
    try:
        return Verdict(said, Code(code) if code else None)
    except ValueError:
        raise _invalid("2: a code is unknown to this version, or missing, or there where nothing is wrong") from None


def _whole(value: object, low: int, high: int) -> int:
    # `type` and not isinstance: True must not pass for 1.
    if type(value) is not int or not low <= value <= high:
        raise _invalid(f"2: a number is outside its bounds, {low} to {high}")
    return value


def _invalid(rule: str) -> ProtocolError:
    return ProtocolError(Code.FIELD_INVALID, f"{_WHAT}.{rule}")


def in_items(changes: Sequence[VerdictChange]) -> list[Sequence[VerdictChange]]:
    """The changes, as many in each part as one item holds."""
    return [changes[start : start + limits.BATCH_DOSES] for start in range(0, len(changes), limits.BATCH_DOSES)]
