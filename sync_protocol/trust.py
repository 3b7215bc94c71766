"""Whose key is trusted, for what, at which instant: one set, built from our signed list or the gateway's.

A `TrustSet` only answers look-ups; what an artefact must satisfy is said where it is verified. It remembers where it
came from and how old it is, so that a verifier can say against which keys it judged.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from sync_protocol.certificate import Certificate
from sync_protocol.document_signer import DocumentSigner, document_signer
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.gateway_list import TrustedSigner, parse_gateway_json
from sync_protocol.keys import PublicKey, key_id
from sync_protocol.trust_list import NodeKey, TrustList, publisher_key_of, verify_trust_list


class TrustOrigin(StrEnum):
    """Where a trust set came from."""

    NOTHING = "nothing"
    SIGNED_LIST = "signed-list"
    GATEWAY_LIST = "gateway-list"


@dataclass(frozen=True, slots=True)
class TrustSet:
    """Keys and certificates to judge by.

    Attributes:
        origin: where the set came from.
        version: the signed list's version; 0 for other origins.
        issued_at: epoch seconds, UTC, of the list or of its newest entry; 0 when it does not say.
        expires_at: epoch seconds, UTC; None when the list has no end.
        publisher_key: the key that signed the list, compared or not; None for other origins.
        ledger_keys: keys of tree heads and receipts.
        organisation_anchors: authorities of organisation certificates.
        organisation_certificates: registered certificates by thumbprint.
        node_keys: keys of nodes.
        revoked: instants of revocation by certificate thumbprint.
        signers: document signers by key id.
    """

    origin: TrustOrigin = TrustOrigin.NOTHING
    version: int = 0
    issued_at: int = 0
    expires_at: int | None = None
    publisher_key: PublicKey | None = None
    ledger_keys: tuple[PublicKey, ...] = ()
    organisation_anchors: tuple[Certificate, ...] = ()
    organisation_certificates: Mapping[bytes, Certificate] = field(default_factory=dict)
    node_keys: tuple[NodeKey, ...] = ()
    revoked: Mapping[bytes, int] = field(default_factory=dict)
    signers: Mapping[bytes, Sequence[DocumentSigner]] = field(default_factory=dict)

    def document_signers(self, kid: bytes) -> Sequence[DocumentSigner]:
        """Returns every document signer with this key id; two countries may share one."""
        return self.signers.get(kid, ())

    def ledger_key(self, kid: bytes) -> PublicKey | None:
        """Returns the ledger key whose id this is (first 8 bytes of SHA-256 over its SubjectPublicKeyInfo)."""
        return next((key for key in self.ledger_keys if key_id(key) == kid), None)

    def node_key(self, node: str, epoch: int) -> PublicKey | None:
        """Returns the key that holds for a node in an epoch: the one listed for it, or for the nearest before."""
        held = [item for item in self.node_keys if item.node == node and item.epoch <= epoch]
        return max(held, key=lambda item: item.epoch).key if held else None

    def is_revoked(self, thumbprint: bytes, *, at: int) -> bool:
        """Says whether the certificate with this thumbprint is revoked at an instant (epoch seconds, UTC)."""
        return self.revoked.get(thumbprint, at + 1) <= at


NO_TRUST: Final = TrustSet()


def trust_from_list(content: TrustList, publisher_key: PublicKey) -> TrustSet:
    """Builds the set from a verified signed list."""
    revoked = {item.thumbprint: item.revoked_at for item in content.revoked}
    return TrustSet(
        origin=TrustOrigin.SIGNED_LIST,
        version=content.version,
        issued_at=content.issued_at,
        expires_at=content.expires_at,
        publisher_key=publisher_key,
        ledger_keys=content.ledger_keys,
        organisation_anchors=content.organisation_anchors,
        organisation_certificates={item.thumbprint: item for item in content.organisation_certificates},
        node_keys=content.node_keys,
        revoked=revoked,
        signers=_by_kid(
            (item.kid, document_signer(item, revoked_at=revoked.get(item.thumbprint)))
            for item in content.document_signers
        ),
    )


def trust_from_gateway(signers: Sequence[TrustedSigner]) -> TrustSet:
    """Builds the set from a gateway list, for which whoever passed it vouches."""
    return TrustSet(
        origin=TrustOrigin.GATEWAY_LIST,
        issued_at=max((item.listed_at for item in signers), default=0),
        signers=_by_kid((item.kid, document_signer(item.certificate, country=item.country)) for item in signers),
    )


def trust_from_file(data: bytes, *, at: int | None) -> TrustSet:
    """Builds the set from a file: a gateway list in JSON, or our signed list.

    A signed list is checked with the publisher key that it names itself, which proves that it is whole, not whose it
    is: compare the key's id with one from another source.

    Args:
        data: the file's bytes.
        at: epoch seconds, UTC, at which the list must not have ended; None judges no end.

    Raises:
        ProtocolError: NOT_RECOGNISED, or what the list's own reader raises.
    """
    if data.lstrip()[:1] == b"[":
        return trust_from_gateway(parse_gateway_json(data))
    # A tagged COSE_Sign1 starts with tag 18.
    if data[:1] == b"\xd2":
        publisher_key = publisher_key_of(data)
        return trust_from_list(verify_trust_list(data, publisher_key, at=at), publisher_key)
    raise ProtocolError(Code.NOT_RECOGNISED, "trust file: neither a gateway list in JSON nor a signed trust list")


def _by_kid(signers: Iterable[tuple[bytes, DocumentSigner]]) -> dict[bytes, tuple[DocumentSigner, ...]]:
    grouped: defaultdict[bytes, list[DocumentSigner]] = defaultdict(list)
    for kid, signer in signers:
        grouped[kid].append(signer)
    return {kid: tuple(items) for kid, items in grouped.items()}
