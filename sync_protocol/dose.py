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
    check_recipients,
    is_day,
    person_map,
)
from sync_protocol.value_checks import require, require_each, require_texts, require_wholes

__all__ = [
    "Dose",
    "EvidenceSource",
    "IdentityEvidence",
    "IdentityState",
    "PaperKind",
    "Recipient",
    "Sex",
    "check_dose",
    "check_doses",
    "decode_dose",
    "encode_dose",
    "encode_doses",
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
_STATE_INDEX: Final = {member: index for index, member in enumerate(STATES)}
_SOURCE_INDEX: Final = {member: index for index, member in enumerate(SOURCES)}


def encode_dose(dose: Dose) -> bytes:
    """The dose's one encoding: what is salted, hashed and signed.

    Raises:
        ProtocolError: FIELD_INVALID where a value is outside its bounds; TOO_LARGE beyond `limits.DOSE_BYTES`.
    """
    return encode_doses((dose,))[0]


def encode_doses(doses: Sequence[Dose]) -> list[bytes]:
    """The encodings of doses, each as :func:`encode_dose` gives it, and its errors."""
    check_doses(doses)
    encoded = [cbor.encode_ordered(_to_map(dose)) for dose in doses]
    if max(map(len, encoded), default=0) > limits.DOSE_BYTES:
        raise ProtocolError(Code.TOO_LARGE, f"dose: weighs more than {limits.DOSE_BYTES} bytes")
    return encoded


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
    check_doses((dose,))


def check_doses(doses: Sequence[Dose]) -> None:
    """Checks every value of doses; field by field, which takes a fifth of the time of one dose after the other.

    Raises:
        ProtocolError: FIELD_INVALID, naming the field.
    """
    # A person of several doses is looked at once.
    people = {id(dose.recipient): dose.recipient for dose in doses}
    replaced = [dose.replaces for dose in doses if dose.replaces is not None]
    products = [dose.product for dose in doses]
    require_each(is_code, [dose.node for dose in doses], what="node")
    require_wholes([dose.sequence for dose in doses], 1, DOSE_SEQUENCE_MAX, what="sequence")
    check_recipients(tuple(people.values()))
    require_texts(products, limits.SHORT_CHARS, what="product")
    require("" not in products, "product")
    require_texts([dose.lot for dose in doses], limits.SHORT_CHARS, what="lot")
    require_each(_is_day_or_none, [dose.lot_expiry for dose in doses], what="lot_expiry")
    require_wholes([dose.dose_number for dose in doses], 1, DOSE_NUMBER_MAX, what="dose_number")
    require_wholes([dose.dose_total for dose in doses], 1, DOSE_NUMBER_MAX, what="dose_total")
    require_wholes([dose.given_at for dose in doses], 0, limits.INSTANT, what="given_at")
    require_wholes([dose.recorded_at for dose in doses], 0, limits.INSTANT, what="recorded_at")
    require_texts([dose.vaccinator for dose in doses], limits.NAME_CHARS, what="vaccinator")
    require_texts([dose.station for dose in doses], limits.SHORT_CHARS, what="station")
    require_texts([dose.reaction for dose in doses], limits.LONG_CHARS, what="reaction")
    require_texts([dose.recorded_by for dose in doses], limits.NAME_CHARS, what="recorded_by")
    require_texts([dose.late_reason for dose in doses], limits.LONG_CHARS, what="late_reason")
    check_evidence([dose.evidence for dose in doses])
    require_wholes(replaced, 1, DOSE_SEQUENCE_MAX, what="replaces")
    require_texts([dose.replace_reason for dose in doses], limits.LONG_CHARS, what="replace_reason")
    require_each(is_code, [dose.facility for dose in doses], what="facility")


def _is_day_or_none(text: str) -> bool:
    return text == "" or is_day(text)


def is_code(text: object) -> bool:
    """Whether the text can be the code of a node or a facility: 2 to 12 of A-Z and 0-9."""
    return type(text) is str and _CODE.fullmatch(text) is not None


def _to_map(dose: Dose) -> _Map:
    """The values under their keys, in the order of the keys; empty text and None are left out."""
    fields: _Map = {1: dose.node, 2: dose.sequence, 3: dose.facility, 4: person_map(dose.recipient), 5: dose.product}
    if dose.lot:
        fields[6] = dose.lot
    if dose.lot_expiry:
        fields[7] = dose.lot_expiry
    fields[8] = dose.dose_number
    fields[9] = dose.dose_total
    fields[10] = dose.given_at
    fields[11] = dose.recorded_at
    if dose.vaccinator:
        fields[12] = dose.vaccinator
    if dose.station:
        fields[13] = dose.station
    if dose.reaction:
        fields[14] = dose.reaction
    if dose.recorded_by:
        fields[15] = dose.recorded_by
    if dose.late_reason:
        fields[16] = dose.late_reason
    evidence = dose.evidence
    identity: _Map = {1: _STATE_INDEX[evidence.state], 2: _SOURCE_INDEX[evidence.source]}
    if evidence.reference:
        identity[3] = evidence.reference
    identity[4] = evidence.checked_at
    fields[17] = identity
    if dose.replaces is not None:
        fields[18] = dose.replaces
    if dose.replace_reason:
        fields[19] = dose.replace_reason
    return fields


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
