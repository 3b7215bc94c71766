"""Publishes the versioned, signed sets, catalogue and trust list: each version is due to every node.

A node's feed gets it when the node asks next, or when anything else is put there (`feed.settle`), so that a publication
costs the same for one node as for all stations of the country.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sqlalchemy import Connection

from central.store import crls, nodes, trust
from central.store.database import lock_ledger
from central.store.key_store import KeyRing, KeyRole
from central.store.published_sets import PublishedKind, PublishedSet, newest_set, put_set
from central.store.trust import AUTHORITY_ROLES, CertificateRole
from sync_protocol import keys as public_keys
from sync_protocol.catalogue import Catalogue, sign_catalogue, verify_catalogue
from sync_protocol.catalogue_toml import catalogue_from_toml
from sync_protocol.certificate import Certificate
from sync_protocol.days import DAY_SECONDS
from sync_protocol.trust_list import Revocation, TrustList, sign_trust_list

COUNTRY: Final = "VN"


def publish_catalogue(connection: Connection, text: str, *, keys: KeyRing, days: int, now: int) -> int:
    """Publishes the operator's catalogue file (TOML) as the next version; gives the version.

    Raises:
        ProtocolError: FIELD_… where the file breaks a rule; nothing is published.
    """
    # Versions follow one another, and a node that asks meanwhile is told of this one or of the one before.
    lock_ledger(connection)
    version, expires_at = _next(connection, PublishedKind.CATALOGUE), now + days * DAY_SECONDS
    catalogue = catalogue_from_toml(text, version=version, issued_at=now, expires_at=expires_at)
    signed = sign_catalogue(catalogue, keys.publisher)
    put_set(connection, PublishedSet(PublishedKind.CATALOGUE, "", version, now, expires_at, signed))
    return version


def publish_trust_list(connection: Connection, *, keys: KeyRing, days: int, now: int) -> int:
    """Publishes whom nodes are to trust now, as the next version; gives the version."""
    lock_ledger(connection)
    version, expires_at = _next(connection, PublishedKind.TRUST_LIST), now + days * DAY_SECONDS
    content = trust_list_content(connection, version=version, issued_at=now, expires_at=expires_at)
    signed = sign_trust_list(content, keys.publisher)
    put_set(connection, PublishedSet(PublishedKind.TRUST_LIST, "", version, now, expires_at, signed))
    return version


def trust_list_content(
    connection: Connection,
    *,
    version: int,
    issued_at: int,
    expires_at: int,
    with_nodes: bool = False,
    organisations: Sequence[Certificate] = (),
) -> TrustList:
    """Whom the centre asks others to trust.

    Args:
        version: of the list.
        issued_at, expires_at: epoch seconds, UTC.
        with_nodes: add the keys of all nodes, for auditors who verify bundles.
        organisations: certificates of organisations and of authorities between, to be added with what is known of their
            revocation, for those who verify slips and bundles offline. Nodes do without: megabytes are too much on 2G.
    """
    sealing = trust.centre_public_keys(connection, KeyRole.SEALING)
    return TrustList(
        version=version,
        issued_at=issued_at,
        expires_at=expires_at,
        ledger_keys=trust.centre_public_keys(connection, KeyRole.LEDGER),
        sealing_keys=tuple(public_keys.load_ec_public_key(public_keys.encode_public_key(key)) for key in sealing),
        document_signers=trust.trusted(connection, CertificateRole.DOCUMENT_SIGNER),
        organisation_anchors=trust.trusted(connection, CertificateRole.ORGANISATION_ANCHOR),
        node_keys=tuple(nodes.node_keys(connection)) if with_nodes else (),
        revoked=_revoked(connection, organisations),
        organisation_certificates=tuple(organisations),
    )


def _revoked(connection: Connection, organisations: Sequence[Certificate]) -> tuple[Revocation, ...]:
    # What authorities listed is said of the certificates that the list's readers meet: authorities, and those inside.
    instants = trust.revocations(connection)
    authorities = [row.certificate for row in trust.trusted_rows(connection, AUTHORITY_ROLES)]
    for certificate in (*authorities, *organisations):
        if (listed := crls.listed_in(connection, certificate)) is not None:
            noted = instants.get(certificate.thumbprint, listed.revoked_at)
            instants[certificate.thumbprint] = min(noted, listed.revoked_at)
    return tuple(Revocation(thumbprint, at) for thumbprint, at in sorted(instants.items()))


def current_catalogue(connection: Connection) -> Catalogue:
    """The newest catalogue, its signature verified again; its end is for nodes, the centre uses what it published."""
    published = newest_set(connection, PublishedKind.CATALOGUE)
    assert published is not None
    publisher = trust.centre_public_keys(connection, KeyRole.PUBLISHER)[0]
    return verify_catalogue(published.content, publisher, at=None)


def _next(connection: Connection, kind: PublishedKind) -> int:
    newest = newest_set(connection, kind)
    return 1 if newest is None else newest.version + 1
