"""Who this node is: its codes, its own keys, the centre's keys as pinned at enrolment.

The row is written before the request leaves, so that a lost answer costs nothing: the same request is sent again. Only
the centre's verified answer gives the epoch, and without it nothing can be signed or sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_der_private_key

from edge.store.database import Tables
from edge.store.errors import StoreCode, StoreError
from sync_protocol.keys import PublicKey, encode_public_key, load_ec_public_key, load_public_key


@dataclass(frozen=True, slots=True)
class NodeCodes:
    """What stands in each dose: the node's code and its facility's code."""

    node: str
    facility: str


@dataclass(frozen=True, slots=True)
class ChainStart:
    """The key that signed the bundles of an epoch, and the digest that its first one names (32 bytes)."""

    node_key: PublicKey
    predecessor: bytes


@dataclass(frozen=True, slots=True, repr=False)
class NodeIdentity:
    """The node as enrolled, or as it asks to be. It holds keys, so its representation shows only the code.

    Attributes:
        node, facility, facility_name: codes and the name on screens.
        centre_url: where the centre answers.
        epoch: with which the node's chain starts; 0 while the centre has not answered.
        node_key: signs bundles, P-256.
        opening_key: opens what the centre seals to this node, P-256.
        publisher_key: signs sets and answers; pinned by ear.
        sealing_key: bundles are sealed to it, P-256.
        ledger_key: signs heads and receipts.
        enrolment_file, request, sealed_request: bytes as they were and as they are sent.
        request_digest: 32 bytes, what the first bundle of the epoch names as its predecessor: SHA-256 of `request`, or
            of the request for a new epoch.
        enrolled_at: epoch seconds UTC of the verified answer, or None.
    """

    node: str
    facility: str
    facility_name: str
    centre_url: str
    epoch: int
    node_key: ec.EllipticCurvePrivateKey
    opening_key: ec.EllipticCurvePrivateKey
    publisher_key: PublicKey
    sealing_key: ec.EllipticCurvePublicKey
    ledger_key: PublicKey
    enrolment_file: bytes
    request: bytes
    sealed_request: bytes
    request_digest: bytes
    enrolled_at: int | None

    def __repr__(self) -> str:
        return f"NodeIdentity(node={self.node!r}, epoch={self.epoch})"


_COLUMNS: Final = (
    "node, facility, facility_name, centre_url, epoch, node_key, opening_key, publisher_key, sealing_key, ledger_key, "
    "enrolment_file, request, sealed_request, request_digest, enrolled_at"
)


def codes(tables: Tables) -> NodeCodes:
    """The node's codes, from the enrolment file on. Raises StoreError NOT_ENROLLED before."""
    row = tables.execute("SELECT node, facility FROM node").fetchone()
    if row is None:
        raise StoreError(StoreCode.NOT_ENROLLED, "the node has no code yet; `enrol` gives it one")
    return NodeCodes(row[0], row[1])


def get(tables: Tables) -> NodeIdentity:
    """The enrolled node. Raises StoreError NOT_ENROLLED until the centre's answer was verified."""
    found = find(tables)
    if found is None or found.enrolled_at is None:
        raise StoreError(StoreCode.NOT_ENROLLED, "the centre has not answered the enrolment yet")
    return found


def find(tables: Tables) -> NodeIdentity | None:
    """The node, enrolled or waiting for the centre's answer; None before the enrolment file was read."""
    row = tables.execute(f"SELECT {_COLUMNS} FROM node").fetchone()
    return None if row is None else _identity(row)


def ask(tables: Tables, identity: NodeIdentity, *, at: int) -> None:
    """Keep a node that is about to ask; one that asked before and was not answered is replaced."""
    tables.execute("DELETE FROM node WHERE enrolled_at IS NULL")
    tables.execute(
        f"INSERT INTO node ({_COLUMNS}, only, requested_at) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, 1, ?)",
        (
            identity.node,
            identity.facility,
            identity.facility_name,
            identity.centre_url,
            0,
            private_bytes(identity.node_key),
            private_bytes(identity.opening_key),
            encode_public_key(identity.publisher_key),
            encode_public_key(identity.sealing_key),
            encode_public_key(identity.ledger_key),
            identity.enrolment_file,
            identity.request,
            identity.sealed_request,
            identity.request_digest,
            at,
        ),
    )


def confirm(tables: Tables, *, epoch: int, at: int) -> None:
    """The centre's answer was verified: from here on the node is enrolled."""
    tables.execute("UPDATE node SET epoch = ?, enrolled_at = ? WHERE enrolled_at IS NULL", (epoch, at))


def keep_answer(tables: Tables, answer: bytes) -> None:
    """Keep the verified answer to the enrolment: what shows a centre that was restored that it said so."""
    tables.execute("INSERT INTO enrolment_answers VALUES (1, ?)", (answer,))


def enrolment_answer(tables: Tables) -> bytes:
    """The answer to the enrolment as it was signed; b"" for a node that enrolled before it was kept."""
    row = tables.execute("SELECT answer FROM enrolment_answers").fetchone()
    return b"" if row is None else bytes(row[0])


def begin_epoch(
    tables: Tables,
    identity: NodeIdentity,
    *,
    epoch: int,
    node_key: ec.EllipticCurvePrivateKey,
    opening_key: ec.EllipticCurvePrivateKey,
    predecessor: bytes,
    at: int,
) -> None:
    """End the present epoch and go on in a new one with fresh keys.

    Args:
        identity: the node as it was until now.
        predecessor: what the first bundle of the new epoch names, 32 bytes.
    """
    tables.execute(
        "INSERT INTO past_epochs VALUES (?, ?, ?, ?, ?)",
        (
            identity.epoch,
            encode_public_key(identity.node_key.public_key()),
            private_bytes(identity.opening_key),
            identity.request_digest,
            at,
        ),
    )
    tables.execute(
        "UPDATE node SET epoch = ?, node_key = ?, opening_key = ?, request_digest = ?",
        (epoch, private_bytes(node_key), private_bytes(opening_key), predecessor),
    )


def chain_start(tables: Tables, identity: NodeIdentity, epoch: int) -> ChainStart | None:
    """With which key an epoch of this node was signed and where it began; None for one that it never had."""
    if epoch == identity.epoch:
        return ChainStart(identity.node_key.public_key(), identity.request_digest)
    row = tables.execute("SELECT node_key, predecessor FROM past_epochs WHERE epoch = ?", (epoch,)).fetchone()
    return None if row is None else ChainStart(load_public_key(row[0]), bytes(row[1]))


def past_opening_keys(tables: Tables) -> list[ec.EllipticCurvePrivateKey]:
    """The opening keys of epochs that have ended: a stick may still bring what was sealed to them."""
    return [load_private(row[0]) for row in tables.execute("SELECT opening_key FROM past_epochs ORDER BY epoch DESC")]


def _identity(row: Sequence[Any]) -> NodeIdentity:
    return NodeIdentity(
        node=row[0],
        facility=row[1],
        facility_name=row[2],
        centre_url=row[3],
        epoch=row[4],
        node_key=load_private(row[5]),
        opening_key=load_private(row[6]),
        publisher_key=load_public_key(row[7]),
        sealing_key=load_ec_public_key(row[8]),
        ledger_key=load_public_key(row[9]),
        enrolment_file=row[10],
        request=row[11],
        sealed_request=row[12],
        request_digest=row[13],
        enrolled_at=row[14],
    )


def private_bytes(key: ec.EllipticCurvePrivateKey) -> bytes:
    """A key of the node as it is stored, PKCS #8 DER."""
    # Unencrypted inside the encrypted store: whoever opens the store may use the node's keys, nobody else.
    return key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())


def load_private(der: bytes) -> ec.EllipticCurvePrivateKey:
    """A key of the node from what `private_bytes` gave."""
    key = load_der_private_key(der, None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return key
