"""What a batch says of itself: who signs how many doses of which days, why, and after which head of the ledger.

The manifest is leaf 0 of the batch tree, and stands together with the root in the statement that the organisation's
key signs. :class:`Checkpoint` is a head of the centre's ledger that the node had seen: it bounds the signing time
from below.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sync_protocol import cbor, limits
from sync_protocol.dose import is_code
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.fields import Fields, check_text
from sync_protocol.identity import is_day

DIGEST_BYTES: Final = 32
# A statement of all fields at their caps weighs about 2.7 KB (a letter of Vietnamese takes up to three bytes).
STATEMENT_BYTES: Final = 3_072
STATEMENT_VERSION: Final = 1


class Purpose(StrEnum):
    """Why these doses are signed together (DOMAIN, 2: backlog and corrections are signed apart from the day)."""

    SAME_DAY = "same_day"
    BACKLOG = "backlog"
    CORRECTION = "correction"
    DELEGATED = "delegated"


# Purposes travel as their place in this tuple, so the order never changes; new ones go at the end.
_PURPOSES: Final = (Purpose.SAME_DAY, Purpose.BACKLOG, Purpose.CORRECTION, Purpose.DELEGATED)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A head of the centre's ledger that somebody has seen and verified.

    Attributes:
        epoch: the ledger's epoch.
        size: number of entries.
        root: 32 bytes.
        at: epoch seconds, UTC, when the centre signed it.
    """

    epoch: int
    size: int
    root: bytes
    at: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """What the signing officer states about a batch.

    Attributes:
        facility: code of the facility whose organisation certificate signs.
        node: code of the node that made the batch.
        batch_number: the node's own count of batches, from 1.
        first_day, last_day: local days "YYYY-MM-DD" between which the doses were given.
        people, doses: how many; a person is counted once, see `batch.count_people`.
        catalogue_version: the catalogue by which the doses were judged.
        checkpoint: the newest head of the ledger known to the node, or None before the first contact.
        previous: 32 bytes, SHA-256 of the node's previous statement (the COSE bytes), or None for the first.
        approver: name of the second person where two must agree, or "".
        claimed_at: epoch seconds, UTC, by the node's clock: a claim.
        signer_name: name of the signing officer.
        for_facility, for_node: whose doses these are, where a delegated signer signs them; "" for the signer's own.
        late_reason: why the doses are signed later than on their day, or "".
        offline_reason: why they are signed although the node was alone for long, or "".
    """

    facility: str
    node: str
    batch_number: int
    purpose: Purpose
    first_day: str
    last_day: str
    people: int
    doses: int
    catalogue_version: int
    checkpoint: Checkpoint | None
    previous: bytes | None
    approver: str
    claimed_at: int
    signer_name: str
    for_facility: str = ""
    for_node: str = ""
    late_reason: str = ""
    offline_reason: str = ""

    @property
    def dose_facility(self) -> str:
        """The facility that gave the doses."""
        return self.for_facility or self.facility

    @property
    def dose_node(self) -> str:
        """The node that recorded the doses; its code stands in each dose's id."""
        return self.for_node or self.node


@dataclass(frozen=True, slots=True)
class Statement:
    """The thing the token signs: the manifest and the root over it and all doses."""

    manifest: Manifest
    root: bytes


def encode_manifest(manifest: Manifest) -> bytes:
    """The manifest's one encoding: the content of leaf 0."""
    return cbor.encode(_manifest_map(manifest))


def encode_statement(statement: Statement) -> bytes:
    """The payload that is signed."""
    return cbor.encode({1: STATEMENT_VERSION, 2: _manifest_map(statement.manifest), 3: statement.root})


def parse_statement(payload: bytes) -> Statement:
    """Reads a statement strictly; nothing about it is verified.

    Raises:
        ProtocolError: VERSION, TOO_LARGE, NOT_CBOR, NOT_DETERMINISTIC, FIELD_MISSING, FIELD_UNKNOWN, FIELD_INVALID,
            BATCH_PEOPLE or BATCH_DOSES where it claims more than a signing turn may hold, KIND_UNKNOWN for a purpose
            that this version does not know.
    """
    fields = Fields(cbor.decode(payload, max_bytes=STATEMENT_BYTES), what="statement")
    if fields.uint(1) != STATEMENT_VERSION:
        raise ProtocolError(Code.VERSION, f"statement: this program reads version {STATEMENT_VERSION}")
    statement = Statement(manifest=_read_manifest(fields.map_(2)), root=fields.bytes_(3, length=DIGEST_BYTES))
    fields.finish()
    return statement


def check_manifest(manifest: Manifest) -> None:
    """Checks what the fields' own bounds do not say.

    Raises:
        ProtocolError: BATCH_PEOPLE, BATCH_DOSES or FIELD_INVALID.
    """
    # 1908/BYT-CNTT: one signing turn covers at most 1,000 people with 1 to 3 doses each.
    if not 1 <= manifest.people <= limits.BATCH_PEOPLE:
        raise ProtocolError(Code.BATCH_PEOPLE, f"manifest: a batch covers 1 to {limits.BATCH_PEOPLE} people")
    if not 1 <= manifest.doses <= limits.BATCH_DOSES:
        raise ProtocolError(Code.BATCH_DOSES, f"manifest: a batch covers 1 to {limits.BATCH_DOSES} doses")
    if not (is_code(manifest.facility) and is_code(manifest.node)):
        raise ProtocolError(Code.FIELD_INVALID, "manifest: facility and node are codes of 2 to 12 of A-Z and 0-9")
    if not (is_day(manifest.first_day) and is_day(manifest.last_day) and manifest.first_day <= manifest.last_day):
        raise ProtocolError(Code.FIELD_INVALID, "manifest: first_day and last_day must be days, in order")
    is_delegated = manifest.purpose is Purpose.DELEGATED
    if is_delegated != bool(manifest.for_facility) or is_delegated != bool(manifest.for_node):
        raise ProtocolError(Code.FIELD_INVALID, "manifest: a delegated batch, and no other, says whose doses it holds")
    if is_delegated and not (is_code(manifest.for_facility) and is_code(manifest.for_node)):
        raise ProtocolError(Code.FIELD_INVALID, "manifest: for_facility and for_node are codes")
    # What a reader would refuse is not signed: it would cost an officer a turn at the token.
    for name, text, most in (
        ("approver", manifest.approver, limits.NAME_CHARS),
        ("signer_name", manifest.signer_name, limits.NAME_CHARS),
        ("late_reason", manifest.late_reason, limits.LONG_CHARS),
        ("offline_reason", manifest.offline_reason, limits.NAME_CHARS),
    ):
        if len(text) > most:
            raise ProtocolError(Code.FIELD_INVALID, f"manifest: {name} has at most {most} characters")
        check_text(text, what=f"manifest.{name}")


def checkpoint_map(checkpoint: Checkpoint) -> dict[int, object]:
    """The checkpoint as it stands inside a manifest or a bundle."""
    return {1: checkpoint.epoch, 2: checkpoint.size, 3: checkpoint.root, 4: checkpoint.at}


def read_checkpoint(fields: Fields) -> Checkpoint:
    """Reads what :func:`checkpoint_map` wrote.

    Raises:
        ProtocolError: FIELD_MISSING, FIELD_UNKNOWN or FIELD_INVALID.
    """
    checkpoint = Checkpoint(
        epoch=fields.uint(1, max=limits.COUNTER),
        size=fields.uint(2, max=limits.LEDGER_ENTRIES, min=1),
        root=fields.bytes_(3, length=DIGEST_BYTES),
        at=fields.uint(4, max=limits.INSTANT),
    )
    fields.finish()
    return checkpoint


def _manifest_map(manifest: Manifest) -> dict[int, object]:
    check_manifest(manifest)
    fields: dict[int, object] = {
        1: manifest.facility,
        2: manifest.node,
        3: manifest.batch_number,
        4: _PURPOSES.index(manifest.purpose),
        5: manifest.first_day,
        6: manifest.last_day,
        7: manifest.people,
        8: manifest.doses,
        9: manifest.catalogue_version,
        10: None if manifest.checkpoint is None else checkpoint_map(manifest.checkpoint),
        11: manifest.previous,
        12: manifest.approver or None,
        13: manifest.claimed_at,
        14: manifest.signer_name,
        15: manifest.for_facility or None,
        16: manifest.for_node or None,
        17: manifest.late_reason or None,
        18: manifest.offline_reason or None,
    }
    return {key: value for key, value in fields.items() if value is not None}


def _read_manifest(fields: Fields) -> Manifest:
    purpose = fields.uint(4)
    if purpose >= len(_PURPOSES):
        raise ProtocolError(Code.KIND_UNKNOWN, "manifest: the purpose is unknown to this version")
    checkpoint = fields.opt_map_(10)
    manifest = Manifest(
        facility=fields.text(1, max_chars=limits.NODE_CHARS),
        node=fields.text(2, max_chars=limits.NODE_CHARS),
        batch_number=fields.uint(3, max=limits.COUNTER, min=1),
        purpose=_PURPOSES[purpose],
        first_day=fields.text(5, max_chars=10),
        last_day=fields.text(6, max_chars=10),
        people=fields.uint(7),
        doses=fields.uint(8),
        catalogue_version=fields.uint(9, max=limits.COUNTER),
        checkpoint=None if checkpoint is None else read_checkpoint(checkpoint),
        previous=fields.opt_bytes_(11, length=DIGEST_BYTES),
        approver=fields.opt_text(12, max_chars=limits.NAME_CHARS) or "",
        claimed_at=fields.uint(13, max=limits.INSTANT),
        signer_name=fields.text(14, max_chars=limits.NAME_CHARS),
        for_facility=fields.opt_text(15, max_chars=limits.NODE_CHARS) or "",
        for_node=fields.opt_text(16, max_chars=limits.NODE_CHARS) or "",
        late_reason=fields.opt_text(17, max_chars=limits.LONG_CHARS) or "",
        offline_reason=fields.opt_text(18, max_chars=limits.NAME_CHARS) or "",
    )
    fields.finish()
    check_manifest(manifest)
    return manifest
