"""Whether a certificate may be asked for a signature: said before a PIN is spent, wherever it is known by then.

Everything that is judged is in the store; nothing is written, so an open pass stays as it is and can be resumed.
"""

from __future__ import annotations

from collections.abc import Callable

from edge.domain.certificate_standing import CertificateState, KnownList, objection_to
from edge.domain.pass_journal import PassCode, PassRefusedError
from edge.store import certificates
from edge.store.database import Database, Tables
from sync_protocol.certificate import Certificate, check_validity, serial_text
from sync_protocol.days import to_datetime
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.names import fold
from sync_protocol.signers.token_errors import TokenCode, TokenError


def check_signer(
    tables: Tables, certificate: Certificate | None, *, now: int, officer: str = "", may_be_new: bool = False
) -> None:
    """Check a certificate against its own time and against what the centre has said of it.

    A node that never got the centre's list lets every certificate pass that is valid now.

    Args:
        certificate: the signer's; None for a signer that has none.
        now: epoch seconds UTC.
        officer: whose name the statement will state; "" where nothing is stated.
        may_be_new: nothing is signed that counts: one that is neither registered nor asked for is let pass.

    Raises:
        TokenError: CERTIFICATE_MISSING.
        ProtocolError: CERTIFICATE_EXPIRED, CERTIFICATE_NOT_YET_VALID, CERTIFICATE_REVOKED, or CERTIFICATE_UNREGISTERED
            where it is neither registered nor asked for.
        PassRefusedError: CERTIFICATE_ENDED where its registration is over; CERTIFICATE_FOREIGN where, by the names in
            the certificates, another organisation holds it; CERTIFICATE_OFFICER where it is registered for another
            signing officer.
    """
    if certificate is None:
        raise TokenError(TokenCode.CERTIFICATE_MISSING)
    check_validity(certificate, to_datetime(now))
    listed, asked, seen = certificates.known_list(tables), certificates.requests(tables), certificates.seen(tables)
    match objection_to(certificate, listed, requests=asked, seen=seen, now=now):
        case None:
            _check_officer(certificate, listed, officer=officer)
        case CertificateState.REVOKED:
            raise ProtocolError(Code.CERTIFICATE_REVOKED, "the organisation certificate is revoked")
        case CertificateState.ENDED:
            raise PassRefusedError(PassCode.CERTIFICATE_ENDED)
        case Code.FACILITY_MISMATCH:
            raise PassRefusedError(PassCode.CERTIFICATE_FOREIGN)
        case _ if may_be_new:
            return
        case _:
            raise ProtocolError(Code.CERTIFICATE_UNREGISTERED, "the organisation certificate is not registered")


def signer_check(
    database: Database, now: Callable[[], int], *, officer: str = "", may_be_new: bool = False
) -> Callable[[Certificate], None]:
    """The same for whoever opens a signer: to be called with its certificate before the PIN is asked for."""

    def check(certificate: Certificate) -> None:
        with database.read() as tables:
            check_signer(tables, certificate, now=now(), officer=officer, may_be_new=may_be_new)

    return check


def _check_officer(certificate: Certificate, listed: KnownList | None, *, officer: str) -> None:
    # SPEC 8 (13): the centre compares the folded names, and refuses the whole batch for another one.
    registered = () if listed is None or not officer else listed.certificates
    serial = serial_text(certificate.serial)
    held = next((one.officer for one in registered if one.serial == serial), "")
    if held and fold(held) != fold(officer):
        raise PassRefusedError(PassCode.CERTIFICATE_OFFICER)
