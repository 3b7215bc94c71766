"""One administered dose as the site recorded it: its values, and the bytes that are hashed and signed.

A dose is immutable. A correction is a new dose that names the sequence of the one it replaces. Nothing in it is
random: its id is the node's code and a sequence number. The person stands in the dose as known on that day, so that
what was signed can be read years later without any other table.

:func:`encode_dose` gives the leaf's content in the batch tree, so a dose has exactly one encoding: deterministic CBOR
in which empty text and None are left out.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, TypeVar, cast

from sync_protocol import cbor, limits
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.identity import (
    PAPERS,
    SEXES,
    SOURCES,
    STATES,
    EvidenceSource,
    IdentityEvidence,
    IdentityState,
    PaperKind,
    Recipient,
    Sex,
    check_evidence,
    check_recipient,
    is_day,
    require,
    require_text,
    require_whole,
)

__all__ = [
    "Dose",
    "EvidenceSource",
    "IdentityEvidence",
    "IdentityState",
    "PaperKind",
    "Recipient",
    "Sex",
    "check_dose",
    "decode_dose",
    "encode_dose",
]

DOSE_SEQUENCE_MAX: Final = 999_999_999
DOSE_NUMBER_MAX: Final = 99


@dataclass(frozen=True, slots=True, repr=False)
class Dose:
    """One dose. Texts that do not apply are ""; the representation is the id and nothing of the person.

    Attributes:
        node: code of the node that recorded it, 2 to 12 of A-Z and 0-9.
        sequence: the node's own count, from 1.
        product: code in the catalogue.
        lot_expiry: "YYYY-MM-DD" or "".
        dose_number, dose_total: the place in the series, and the series' length as known then.
        given_at, recorded_at: epoch seconds, UTC.
        late_reason: why it was recorded after the day on which it was given.
        replaces: sequence of the older version that this one corrects, or None.
        facility: code of the place where it was given, written like a node's code.
    """

    node: str
    sequence: int
    recipient: Recipient
    product: str
    lot: str
    lot_expiry: str
    dose_number: int
    dose_total: int
    given_at: int
    recorded_at: int
    vaccinator: str
    station: str
    reaction: str
    recorded_by: str
    late_reason: str
    evidence: IdentityEvidence
    replaces: int | None
    replace_reason: str
    facility: str

    def __repr__(self) -> str:
        return f"Dose({self.node}-{self.sequence})"

    @property
    def dose_id(self) -> str:
        """Node code and sequence, "19001A-000123"."""
        return f"{self.node}-{self.sequence:06d}"


_Member = TypeVar("_Member", bound=StrEnum)
_Map = dict[int, object]
_CODE: Final = re.compile(r"[A-Z0-9]{2,12}")


def encode_dose(dose: Dose) -> bytes:
    """The dose's one encoding: what is salted, hashed and signed.

    Raises:
        ProtocolError: FIELD_INVALID where a value is outside its bounds; TOO_LARGE beyond `limits.DOSE_BYTES`.
    """
    check_dose(dose)
    data = cbor.encode(_to_map(dose))
    if len(data) > limits.DOSE_BYTES:
        raise ProtocolError(Code.TOO_LARGE, f"dose: weighs more than {limits.DOSE_BYTES} bytes")
    return data


def decode_dose(data: bytes) -> Dose:
    """Reads a dose strictly. Who vouches for it, only a batch or a proof says.

    Raises:
        ProtocolError: TOO_LARGE, NOT_CBOR, NOT_DETERMINISTIC, FIELD_MISSING, FIELD_UNKNOWN or FIELD_INVALID.
    """
    value = cbor.decode(data, max_bytes=limits.DOSE_BYTES)
    try:
        dose = _from_map(value)
    except KeyError as error:
        raise ProtocolError(Code.FIELD_MISSING, f"dose: field {error.args[0]} is missing") from None
    check_dose(dose)
    # A text that is present but empty, or a key that nobody read, would be a second encoding of the same dose.
    if _to_map(dose) != value:
        raise ProtocolError(Code.FIELD_UNKNOWN, "dose: a field is unknown, or is empty and not left out")
    return dose


def check_dose(dose: Dose) -> None:
    """Checks every value against its bounds.

    Raises:
        ProtocolError: FIELD_INVALID, naming the field.
    """
    require(is_code(dose.node), "node")
    require_whole(dose.sequence, 1, DOSE_SEQUENCE_MAX, what="sequence")
    check_recipient(dose.recipient)
    require_text(dose.product, limits.SHORT_CHARS, what="product")
    require(dose.product != "", "product")
    require_text(dose.lot, limits.SHORT_CHARS, what="lot")
    require(dose.lot_expiry == "" or is_day(dose.lot_expiry), "lot_expiry")
    require_whole(dose.dose_number, 1, DOSE_NUMBER_MAX, what="dose_number")
    require_whole(dose.dose_total, 1, DOSE_NUMBER_MAX, what="dose_total")
    require_whole(dose.given_at, 0, limits.INSTANT, what="given_at")
    require_whole(dose.recorded_at, 0, limits.INSTANT, what="recorded_at")
    require_text(dose.vaccinator, limits.NAME_CHARS, what="vaccinator")
    require_text(dose.station, limits.SHORT_CHARS, what="station")
    require_text(dose.reaction, limits.LONG_CHARS, what="reaction")
    require_text(dose.recorded_by, limits.NAME_CHARS, what="recorded_by")
    require_text(dose.late_reason, limits.LONG_CHARS, what="late_reason")
    check_evidence(dose.evidence)
    if dose.replaces is not None:
        require_whole(dose.replaces, 1, DOSE_SEQUENCE_MAX, what="replaces")
    require_text(dose.replace_reason, limits.LONG_CHARS, what="replace_reason")
    require(is_code(dose.facility), "facility")


def is_code(text: object) -> bool:
    """Whether the text can be the code of a node or a facility: 2 to 12 of A-Z and 0-9."""
    return type(text) is str and _CODE.fullmatch(text) is not None


def _to_map(dose: Dose) -> _Map:
    person, evidence = dose.recipient, dose.evidence
    recipient: _Map = {
        1: person.name,
        2: person.family_name,
        3: SEXES.index(person.sex),
        4: person.birth_date,
        5: PAPERS.index(person.paper),
        6: person.number,
        7: person.nationality,
        8: person.phone,
        9: person.address_unit,
        10: person.guardian,
        11: person.group,
    }
    identity: _Map = {
        1: STATES.index(evidence.state),
        2: SOURCES.index(evidence.source),
        3: evidence.reference,
        4: evidence.checked_at,
    }
    whole: _Map = {
        1: dose.node,
        2: dose.sequence,
        3: dose.facility,
        4: _present(recipient),
        5: dose.product,
        6: dose.lot,
        7: dose.lot_expiry,
        8: dose.dose_number,
        9: dose.dose_total,
        10: dose.given_at,
        11: dose.recorded_at,
        12: dose.vaccinator,
        13: dose.station,
        14: dose.reaction,
        15: dose.recorded_by,
        16: dose.late_reason,
        17: _present(identity),
        18: dose.replaces,
        19: dose.replace_reason,
    }
    return _present(whole)


def _present(fields: _Map) -> _Map:
    return {key: value for key, value in fields.items() if value is not None and value != ""}


def _from_map(value: object) -> Dose:
    """Puts decoded values in their places; :func:`check_dose` judges them, so the casts below promise nothing yet."""
    whole = _as_map(value)
    person, evidence = _as_map(whole[4]), _as_map(whole[17])
    return Dose(
        node=cast(str, whole[1]),
        sequence=cast(int, whole[2]),
        recipient=Recipient(
            name=cast(str, person[1]),
            family_name=cast(str | None, person.get(2)),
            sex=_member(SEXES, person[3]),
            birth_date=cast(str, person[4]),
            paper=_member(PAPERS, person[5]),
            number=cast(str, person.get(6, "")),
            nationality=cast(str, person[7]),
            phone=cast(str, person.get(8, "")),
            address_unit=cast(str, person.get(9, "")),
            guardian=cast(str, person.get(10, "")),
            group=cast(int, person[11]),
        ),
        product=cast(str, whole[5]),
        lot=cast(str, whole.get(6, "")),
        lot_expiry=cast(str, whole.get(7, "")),
        dose_number=cast(int, whole[8]),
        dose_total=cast(int, whole[9]),
        given_at=cast(int, whole[10]),
        recorded_at=cast(int, whole[11]),
        vaccinator=cast(str, whole.get(12, "")),
        station=cast(str, whole.get(13, "")),
        reaction=cast(str, whole.get(14, "")),
        recorded_by=cast(str, whole.get(15, "")),
        late_reason=cast(str, whole.get(16, "")),
        evidence=IdentityEvidence(
            state=_member(STATES, evidence[1]),
            source=_member(SOURCES, evidence[2]),
            reference=cast(str, evidence.get(3, "")),
            checked_at=cast(int, evidence[4]),
        ),
        replaces=cast(int | None, whole.get(18)),
        replace_reason=cast(str, whole.get(19, "")),
        facility=cast(str, whole[3]),
    )


def _as_map(value: object) -> _Map:
    if not isinstance(value, dict):
        raise ProtocolError(Code.FIELD_INVALID, "dose: the record, the person and the evidence must be maps")
    return value


def _member(members: Sequence[_Member], index: object) -> _Member:
    if type(index) is not int or not 0 <= index < len(members):
        raise ProtocolError(Code.FIELD_INVALID, "dose: an enumeration holds an unknown value")
    return members[index]
