"""What the centre says of itself to one node at a contact: its time, how far feed, ledger and sets have got.

The publisher key signs it for one node and one question. Without it nobody can tell "there is nothing new" from
"somebody keeps the new things back": a node that gets old answers, or answers that lead nowhere, notices.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Final

from sync_protocol import cbor, contexts, cose, limits
from sync_protocol.chain_head import ChainHead
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.feed import NONCE_BYTES
from sync_protocol.fields import Fields
from sync_protocol.keys import PublicKey
from sync_protocol.manifest import DIGEST_BYTES, Checkpoint, checkpoint_map, read_checkpoint
from sync_protocol.signers.signer import Signer

STATEMENT_BYTES: Final = 2_048
# Versions travel as numbers in this order, 0 where there is none: an idle contact has to stay small. New kinds go at
# the end, and a node passes over what it does not know.
SET_KINDS: Final = ("catalogue", "trust-list", "population")
_SETS: Final = 16
_WHAT: Final = "contact"


@dataclass(frozen=True, slots=True)
class Statement:
    """How things stand at the centre, said to one node.

    Attributes:
        node: the node's code.
        newest_item: the number of the last item of its feed; 0 without one.
        at: epoch seconds, UTC, by the centre's clock.
        nonce: of the request that this answers, 16 bytes; empty in a file.
        head: the newest head of the ledger.
        versions: the newest version of each set that is made for this node, by the set's kind.
        chain: the newest link of the node's own chain in the ledger; a node that does not have it is an older copy.
    """

    node: str
    newest_item: int
    at: int
    nonce: bytes
    head: Checkpoint
    versions: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))
    chain: ChainHead | None = None


def sign_statement(statement: Statement, publisher: Signer) -> bytes:
    """Signs a statement; returns a tagged COSE_Sign1.

    Raises:
        ProtocolError: FIELD_INVALID for a statement that no node would take.
        TokenError: the signer cannot sign now.
    """
    fields: dict[int, object] = {
        1: statement.node,
        2: statement.newest_item,
        3: statement.at,
        4: statement.nonce,
        5: checkpoint_map(statement.head),
        6: [statement.versions.get(kind, 0) for kind in SET_KINDS],
    }
    if (chain := statement.chain) is not None:
        fields[7] = [chain.epoch, chain.sequence, chain.digest]
    payload = cbor.encode(fields)
    _read(payload)
    context = contexts.CONTACT
    return cose.sign1(payload, signer=publisher, content_type=context.content_type, context=context.aad)


def verify_statement(data: bytes, publisher_key: PublicKey, *, node: str) -> Statement:
    """Verifies signature and addressee; whether it answers the node's question and goes forward is judged by the node.

    Raises:
        ProtocolError: SIGNATURE_INVALID, ALGORITHM, CONTENT_TYPE, SET_FOREIGN or a code of form.
    """
    statement = verify_said(data, publisher_key)
    if statement.node != node:
        raise ProtocolError(Code.SET_FOREIGN, f"{_WHAT}: said to another node")
    return statement


def verify_said(data: bytes, publisher_key: PublicKey) -> Statement:
    """Verifies the signature alone, for whoever is shown what was said to somebody. Raises as `verify_statement`."""
    message = cose.parse_sign1(data, max_bytes=STATEMENT_BYTES)
    context = contexts.CONTACT
    return _read(cose.verify_sign1(message, publisher_key, context=context.aad, content_type=context.content_type))


def _read(payload: bytes) -> Statement:
    fields = Fields(cbor.decode(payload, max_bytes=STATEMENT_BYTES), what=_WHAT)
    versions = [_version(fields, value) for value in fields.list_(6, max_items=_SETS)]
    statement = Statement(
        node=fields.text(1, max_chars=limits.NODE_CHARS),
        newest_item=fields.uint(2, max=limits.COUNTER),
        at=fields.uint(3, max=limits.INSTANT),
        nonce=fields.bytes_(4, max_bytes=NONCE_BYTES),
        head=read_checkpoint(fields.map_(5)),
        versions=MappingProxyType(
            {kind: version for kind, version in zip(SET_KINDS, versions, strict=False) if version}
        ),
        chain=_chain(fields),
    )
    fields.finish()
    if len(statement.nonce) not in (0, NONCE_BYTES):
        raise ProtocolError(Code.FIELD_INVALID, f"{_WHAT}.4: a nonce is 16 bytes, or none")
    return statement


def _chain(fields: Fields) -> ChainHead | None:
    match fields.opt_list_(7, min_items=3, max_items=3):
        case None:
            return None
        case [int(epoch), int(sequence), bytes(digest)] if (
            not isinstance(epoch, bool) and not isinstance(sequence, bool) and len(digest) == DIGEST_BYTES
        ):
            if 0 <= epoch <= limits.COUNTER and 0 <= sequence <= limits.COUNTER:
                return ChainHead(epoch, sequence, digest)
    raise fields.invalid(7, "must be [epoch, sequence, digest]")


def _version(fields: Fields, value: object) -> int:
    if type(value) is not int or not 0 <= value <= limits.COUNTER:
        raise fields.invalid(6, "must be a list of versions")
    return value
