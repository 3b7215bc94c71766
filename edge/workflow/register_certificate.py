"""Ask the centre to register an organisation certificate: from the token, with a proof, or by its number alone.

The request is one more sealed bundle, so it needs no network; what the centre says of it comes with the feed. Several
certificates may be registered at a time: the next one is asked for while the one before still signs.

With a token:

1. where the chain ends now is read, and what the key signs names it;
2. the token signs, once; no transaction is open meanwhile;
3. bundle, request, certificate and audit entry are written together, if the chain still ends there. If something else
   was sealed in the meantime the proof is worth nothing, and the token, open as it is, is asked again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from edge.domain.certificate_standing import CertificateState, Standing
from edge.domain.refusals import EdgeCode, refuse
from edge.store import audit, bundles, certificates, node_identity, receipts
from edge.store.audit import Action
from edge.store.certificates import NewRequest
from edge.store.database import Database, Tables
from edge.workflow.certificate_standings import site_standings
from edge.workflow.seal_bundle import seal_bundle
from sync_protocol.bundle import BundleKind
from sync_protocol.certificate import Certificate, check_key_usage, check_validity, pick_intermediates, serial_text
from sync_protocol.days import to_datetime
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.registration import (
    Place,
    Possession,
    RegistrationRequest,
    check_officer,
    encode_registration,
    sign_possession,
    verify_possession,
)
from sync_protocol.sealing import Entropy
from sync_protocol.serial_number import parse_serial
from sync_protocol.signers.signer import Signer
from sync_protocol.signers.token_errors import TokenCode, TokenError

# Somebody would have to seal something within each of the token's seconds.
_TRIES: Final = 5


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that waits to be sent: the certificate's number, and its bundle's place in the chain."""

    serial: str
    epoch: int
    bundle: int


def check_request(database: Database, certificate: Certificate, *, officer: str, now: int) -> None:
    """Look, before a PIN is asked for, whether this certificate can and need be registered.

    Args:
        certificate: as the token shows it.
        officer: name of the signing officer.
        now: epoch seconds UTC.

    Raises:
        RefusedError: OFFICER_NAME; REGISTRATION_ASKED where it is registered or asked for already.
        ProtocolError: CERTIFICATE_EXPIRED, CERTIFICATE_NOT_YET_VALID, KEY_USAGE; CERTIFICATE_REVOKED if listed.
        StoreError: the store.
    """
    _officer(officer)
    check_validity(certificate, to_datetime(now))
    check_key_usage(certificate)
    with database.read() as tables:
        serial, thumbprint = serial_text(certificate.serial), certificate.thumbprint
        _require_news(tables, serial, thumbprint, officer=officer, now=now)
        for one in site_standings(tables, now=now):
            is_same = one.serial == serial and one.thumbprint in (None, thumbprint)
            if is_same and one.state is CertificateState.REVOKED:
                raise ProtocolError(Code.CERTIFICATE_REVOKED, "the organisation certificate is revoked")


def register_certificate(
    database: Database,
    signer: Signer,
    *,
    officer: str,
    by: str,
    now: int,
    entropy: Entropy,
    others: Sequence[Certificate] = (),
) -> Asked:
    """Ask for the signer's certificate, proving that its key is in our hands: one signature of the token.

    Args:
        signer: open; it has the certificate.
        officer: name of the signing officer, as batches will state it.
        by: the user's name.
        now: epoch seconds UTC.
        entropy: seals the bundle.
        others: certificates that the token carries; authorities among them go along.

    Raises:
        RefusedError, ProtocolError: as `check_request`; REGISTRATION_MOVED.
        TokenError: the token did not sign, or has no certificate; nothing was stored.
        StoreError: nothing was stored.
    """
    certificate = signer.certificate
    if certificate is None:
        raise TokenError(TokenCode.CERTIFICATE_MISSING)
    name = _officer(officer)
    check_request(database, certificate, officer=name, now=now)
    chain = (certificate, *pick_intermediates(certificate, [one for one in others if one.subject != one.issuer]))
    for _ in range(_TRIES):
        # (1)
        with database.read() as tables:
            possession = Possession(_place(tables), receipts.known_head(tables), name, now)
        # (2)
        request = RegistrationRequest(serial_text(certificate.serial), name, chain, sign_possession(possession, signer))
        verify_possession(request, possession.place)
        # (3)
        with database.write_transaction() as tables:
            if _place(tables) == possession.place:
                certificates.see(tables, certificate, at=now)
                return _seal(tables, request, thumbprint=certificate.thumbprint, by=by, now=now, entropy=entropy)
    raise refuse(EdgeCode.REGISTRATION_MOVED, "registration")


def register_serial(
    database: Database, typed: str, *, is_decimal: bool, officer: str, by: str, now: int, entropy: Entropy
) -> Asked:
    """Ask for a certificate of which only the number is known, as the letter of the authority prints it.

    Args:
        typed: the number, as somebody typed it.
        is_decimal: whether its digits are meant as decimal ones.
        officer: name of the signing officer, as batches will state it.
        by: the user's name.
        now: epoch seconds UTC.
        entropy: seals the bundle.

    Raises:
        RefusedError: SERIAL_INVALID, OFFICER_NAME, REGISTRATION_ASKED.
        StoreError: nothing was stored.
    """
    try:
        serial = parse_serial(typed, is_decimal=is_decimal)
    except ProtocolError:
        raise refuse(EdgeCode.SERIAL_INVALID, "serial") from None
    name = _officer(officer)
    with database.write_transaction() as tables:
        _require_news(tables, serial, None, officer=name, now=now)
        request = RegistrationRequest(serial, name)
        return _seal(tables, request, thumbprint=None, by=by, now=now, entropy=entropy)


def _seal(
    tables: Tables, request: RegistrationRequest, *, thumbprint: bytes | None, by: str, now: int, entropy: Entropy
) -> Asked:
    body = encode_registration(request)
    sealed = seal_bundle(tables, BundleKind.REGISTRATION, body, pass_id=None, now=now, entropy=entropy)
    certificates.add_request(
        tables,
        NewRequest(
            request.serial,
            thumbprint,
            request.officer,
            at=now,
            by=by,
            epoch=sealed.epoch,
            sequence=sealed.sequence,
        ),
    )
    how = "by number" if thumbprint is None else "with proof"
    details = f"{how}, bundle {sealed.epoch}/{sealed.sequence}"
    subject = f"organisation-certificate:{request.serial}"
    audit.append(tables, Action.REGISTRATION_ASKED, subject, actor=by, at=now, details=details)
    return Asked(request.serial, sealed.epoch, sealed.sequence)


def _place(tables: Tables) -> Place:
    identity = node_identity.get(tables)
    newest = bundles.newest(tables, identity.epoch)
    link = identity.request_digest if newest is None else newest.digest
    return Place(identity.facility, identity.node, identity.epoch, link)


def _officer(name: str) -> str:
    tidy = " ".join(name.split())
    try:
        check_officer(tidy)
    except ProtocolError:
        raise refuse(EdgeCode.OFFICER_NAME, "officer") from None
    return tidy


def _require_news(tables: Tables, serial: str, thumbprint: bytes | None, *, officer: str, now: int) -> None:
    """What is registered or asked for just so is not asked again; a proof adds something to a number alone."""
    found = next((one for one in site_standings(tables, now=now) if one.serial == serial), None)
    if found is None or found.state not in (CertificateState.ASKED, CertificateState.REGISTERED):
        return
    if _is_as_known(found, thumbprint) and found.officer in ("", officer):
        raise refuse(EdgeCode.REGISTRATION_ASKED, "serial")


def _is_as_known(found: Standing, thumbprint: bytes | None) -> bool:
    return thumbprint is None or found.proven == thumbprint
