"""What the centre answers to requests for registration: the list of a facility's organisation certificates.

It is the body of a `registrations` item of the feed. Each list is whole and takes the last one's place. The states are
the centre's facts as they were when it made the list; what a node makes of them is the node's business.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sync_protocol import cbor, limits
from sync_protocol.dose import is_code
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.fields import Fields
from sync_protocol.serial_number import read_serial

_THUMBPRINT_BYTES: Final = 32
_REMARK: Final = re.compile(r"[a-z0-9-]{1,40}", re.ASCII)
_LIST: Final = "registrations"


class RegistrationState(StrEnum):
    """How a certificate stands at the centre; stored, so a word is never given another meaning."""

    ASKED = "asked"
    REGISTERED = "registered"
    REFUSED = "refused"
    ENDED = "ended"


# States travel as their place in this tuple, so the order never changes; new ones go at the end.
_STATES: Final = (
    RegistrationState.ASKED,
    RegistrationState.REGISTERED,
    RegistrationState.REFUSED,
    RegistrationState.ENDED,
)


@dataclass(frozen=True, slots=True)
class RegisteredCertificate:
    """One certificate of a facility, as the centre knows it. Instants are epoch seconds, UTC.

    Attributes:
        serial: upper hex.
        thumbprint: 32 bytes, SHA-256 of the certificate; None where the centre has only its number.
        officer: name of the signing officer, or "" where the facility's seal signs.
        valid_from, valid_until: of the registration; `valid_until` None while it is in force.
        revoked_at: from when on its authority has revoked it; None if it has not.
        crl_at, crl_until: when the newest list of revocations of its authority was made and when the next is due;
            None where the centre has none.
        organisation: who holds it, as it says itself; "" where the centre has only its number.
        not_after: its last second; None where the centre has only its number.
        remark: a code that says why it stands so, or "".
    """

    serial: str
    thumbprint: bytes | None
    officer: str
    state: RegistrationState
    valid_from: int
    valid_until: int | None = None
    revoked_at: int | None = None
    crl_at: int | None = None
    crl_until: int | None = None
    organisation: str = ""
    not_after: int | None = None
    remark: str = ""


@dataclass(frozen=True, slots=True)
class Registrations:
    """All certificates of a facility, by serial number."""

    facility: str
    certificates: tuple[RegisteredCertificate, ...]


def encode_registrations(registrations: Registrations) -> bytes:
    """The body of a `registrations` item.

    Raises:
        ProtocolError: FIELD_INVALID or TOO_LARGE, the list is none that a node would take.
    """
    encoded = cbor.encode({1: registrations.facility, 2: [_item_map(one) for one in registrations.certificates]})
    parse_registrations(encoded)
    return encoded


def parse_registrations(data: bytes) -> Registrations:
    """Reads a list strictly; the item's signature says whose it is.

    Raises:
        ProtocolError: TOO_LARGE, NOT_CBOR, NOT_DETERMINISTIC, FIELD_MISSING, FIELD_UNKNOWN or FIELD_INVALID.
    """
    fields = Fields(cbor.decode(data, max_bytes=limits.MESSAGE_BYTES), what=_LIST)
    facility = fields.text(1, max_chars=limits.NODE_CHARS)
    items = fields.list_(2, max_items=limits.REGISTRATIONS)
    fields.finish()
    if not is_code(facility):
        raise ProtocolError(Code.FIELD_INVALID, f"{_LIST}.1: must be a facility's code")
    certificates = tuple(_read_item(Fields(item, what=f"{_LIST}.2")) for item in items)
    serials = [one.serial for one in certificates]
    if serials != sorted(set(serials)):
        raise ProtocolError(Code.FIELD_INVALID, f"{_LIST}.2: the serial numbers must be in order, each once")
    return Registrations(facility, certificates)


def _item_map(one: RegisteredCertificate) -> dict[int, object]:
    fields: dict[int, object] = {
        1: one.serial,
        2: one.thumbprint,
        3: one.officer or None,
        4: _STATES.index(one.state),
        5: one.valid_from,
        6: one.valid_until,
        7: one.revoked_at,
        8: one.crl_at,
        9: one.crl_until,
        10: one.organisation or None,
        11: one.not_after,
        12: one.remark or None,
    }
    return {key: value for key, value in fields.items() if value is not None}


def _read_item(fields: Fields) -> RegisteredCertificate:
    state = fields.uint(4)
    if state >= len(_STATES):
        raise ProtocolError(Code.FIELD_INVALID, f"{_LIST}.2.4: the state is unknown to this version")
    one = RegisteredCertificate(
        serial=read_serial(fields, 1),
        thumbprint=fields.opt_bytes_(2, length=_THUMBPRINT_BYTES),
        officer=fields.opt_text(3, max_chars=limits.NAME_CHARS) or "",
        state=_STATES[state],
        valid_from=fields.uint(5, max=limits.INSTANT),
        valid_until=fields.opt_uint(6, max=limits.INSTANT),
        revoked_at=fields.opt_uint(7, max=limits.INSTANT),
        crl_at=fields.opt_uint(8, max=limits.INSTANT),
        crl_until=fields.opt_uint(9, max=limits.INSTANT),
        organisation=fields.opt_text(10, max_chars=limits.LONG_CHARS) or "",
        not_after=fields.opt_uint(11, max=limits.INSTANT),
        remark=fields.opt_text(12, max_chars=limits.SHORT_CHARS) or "",
    )
    fields.finish()
    if one.remark and not _REMARK.fullmatch(one.remark):
        raise ProtocolError(Code.FIELD_INVALID, f"{_LIST}.2.12: must be a code")
    return one
