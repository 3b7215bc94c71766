"""Which authorities of organisation certificates the centre trusts: added, listed, retired; by an operator alone."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Engine

from central.store import trust
from central.store.database import read_transaction, write_transaction
from central.store.trust import AUTHORITY_ROLES, AnchorScope, CertificateRole, TrustedRow
from central.workflow.publish_sets import COUNTRY
from sync_protocol.certificate import Certificate, check_authority_usage, pick_intermediates, verify_authority
from sync_protocol.days import to_datetime
from sync_protocol.errors import Code, ProtocolError


def add_anchors(certificates: Sequence[Certificate], *, scope: AnchorScope, engine: Engine, now: int) -> None:
    """Trusts root authorities of organisation certificates.

    Args:
        certificates: compared by the operator with what the authority published, by thumbprint.
        scope: whose organisations they stand for.
        engine: the store.
        now: epoch seconds, UTC.

    Raises:
        ProtocolError: KEY_USAGE for a certificate that is no authority's; none of them is added.
    """
    for certificate in certificates:
        check_authority_usage(certificate)
    with write_transaction(engine) as connection:
        for certificate in certificates:
            role = CertificateRole.ORGANISATION_ANCHOR
            trust.put_trusted(connection, certificate, role, country=COUNTRY, at=now, scope=scope)


def add_intermediates(certificates: Sequence[Certificate], *, engine: Engine, now: int) -> None:
    """Makes authorities between root and organisation known, so that sites need not send them along.

    They may come in any order; each must lead to an anchor that is trusted.

    Raises:
        ProtocolError: KEY_USAGE, CERTIFICATE_UNTRUSTED, CERTIFICATE_EXPIRED or CERTIFICATE_NOT_YET_VALID; none of them
            is added.
    """
    with write_transaction(engine) as connection:
        anchors = trust.trusted(connection, CertificateRole.ORGANISATION_ANCHOR)
        known = trust.trusted(connection, CertificateRole.ORGANISATION_INTERMEDIATE)
        for certificate in certificates:
            over = pick_intermediates(certificate, (*certificates, *known))
            verify_authority(certificate, intermediates=over, anchors=anchors, at=to_datetime(now))
            role = CertificateRole.ORGANISATION_INTERMEDIATE
            trust.put_trusted(connection, certificate, role, country=COUNTRY, at=now)


def retire_authority(thumbprint: str, *, engine: Engine, now: int) -> TrustedRow:
    """Ends the trust in an authority: what arrives from now on does not lead to it. What was admitted stays.

    Args:
        thumbprint: hexadecimal, or its beginning where it names one authority alone.
        engine: the store.
        now: epoch seconds, UTC.

    Raises:
        ProtocolError: CERTIFICATE_UNTRUSTED where it names none that is trusted, or several.
    """
    with write_transaction(engine) as connection:
        rows = [row for row in trust.trusted_rows(connection, AUTHORITY_ROLES) if row.removed_at is None]
        wanted = thumbprint.replace(":", "").replace(" ", "").lower()
        named = [row for row in rows if wanted and row.certificate.thumbprint.hex().startswith(wanted)]
        if len({row.certificate.thumbprint for row in named}) != 1:
            raise ProtocolError(Code.CERTIFICATE_UNTRUSTED, "thumbprint: names no trusted authority, or several")
        trust.retire_trusted(connection, named[0].certificate.thumbprint, AUTHORITY_ROLES, at=now)
    return named[0]


def list_authorities(engine: Engine) -> tuple[TrustedRow, ...]:
    """Every authority that is or was trusted, the newest first."""
    with read_transaction(engine) as connection:
        return trust.trusted_rows(connection, AUTHORITY_ROLES)
