"""Fetches the revocation lists of all trusted authorities, at the addresses that their certificates name."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidSignature
from sqlalchemy import Connection, Engine

from central.clients.crl_http import CrlAnswer
from central.store import crls, trust
from central.store.crls import CrlSource
from central.store.database import read_transaction, write_transaction
from central.store.trust import AUTHORITY_ROLES
from central.workflow.import_crl import TakenCrl, import_crl
from sync_protocol.api import NetworkError
from sync_protocol.certificate import Certificate
from sync_protocol.crl import distribution_points
from sync_protocol.errors import ProtocolError

TAKEN: Final = "taken"
UNCHANGED: Final = "unchanged"
UNREACHABLE: Final = "unreachable"
# Asks an address: (url, etag, modified); raises NetworkError.
Fetch = Callable[[str, str, str], CrlAnswer]


@dataclass(frozen=True, slots=True)
class FetchedCrl:
    """How one address answered.

    Attributes:
        url: the address.
        outcome: "taken", "unchanged", "unreachable", or the code for which the list was refused.
        rule: what was wrong, in English, or "".
        crl: the list, where one was taken.
    """

    url: str
    outcome: str
    rule: str
    crl: TakenCrl | None

    @property
    def is_good(self) -> bool:
        """Whether what the authority publishes is held now."""
        return self.outcome in (TAKEN, UNCHANGED)


def fetch_crls(engine: Engine, *, fetch: Fetch, now: int) -> list[FetchedCrl]:
    """Asks every address once; one that fails holds up no other.

    Args:
        engine: the store.
        fetch: how an address is asked.
        now: epoch seconds, UTC.

    Raises:
        StoreError: the store is away; what was taken before stays.
    """
    with read_transaction(engine) as connection:
        asked = sorted({url for urls in list_addresses(connection).values() for url in urls})
        known = crls.sources(connection)
    found = []
    for url in asked:
        before = known.get(url) or CrlSource(url, asked_at=0, outcome="", etag="", modified="")
        answer, result = _ask(before, engine=engine, fetch=fetch, now=now)
        found.append(result)
        # What a refused list was called is not named again: the next time the server sends it whole.
        kept = answer if answer is not None and result.is_good else CrlAnswer(None, "", "")
        source = CrlSource(url, asked_at=now, outcome=result.outcome, etag=kept.etag, modified=kept.modified)
        with write_transaction(engine) as connection:
            crls.put_source(connection, source)
    return found


def list_addresses(connection: Connection) -> dict[bytes, set[str]]:
    """Where each trusted authority offers its lists: addresses by the thumbprint of its certificate.

    Only certificates that it signed have a say: those of authorities, and those that are registered.
    """
    rows = trust.trusted_rows(connection, AUTHORITY_ROLES)
    authorities = [row.certificate for row in rows if row.removed_at is None]
    found: dict[bytes, set[str]] = defaultdict(set)
    for certificate in (*authorities, *trust.registered_seen(connection)):
        urls = distribution_points(certificate)
        for authority in authorities if urls else ():
            if is_issued_by(certificate, authority):
                found[authority.thumbprint].update(urls)
    return dict(found)


def is_issued_by(certificate: Certificate, authority: Certificate) -> bool:
    """Whether an authority's key signed a certificate that names it as its issuer."""
    if certificate.issuer != authority.subject:
        return False
    try:
        certificate.x509.verify_directly_issued_by(authority.x509)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _ask(source: CrlSource, *, engine: Engine, fetch: Fetch, now: int) -> tuple[CrlAnswer | None, FetchedCrl]:
    try:
        answer = fetch(source.url, source.etag, source.modified)
    except NetworkError as error:
        return None, FetchedCrl(source.url, UNREACHABLE, str(error), None)
    if answer.body is None:
        return answer, FetchedCrl(source.url, UNCHANGED, "", None)
    try:
        taken = import_crl(answer.body, source=source.url, engine=engine, now=now)
    except ProtocolError as error:
        return answer, FetchedCrl(source.url, error.code.value, error.rule, None)
    return answer, FetchedCrl(source.url, TAKEN if taken.is_new else UNCHANGED, "", taken)


def failed(found: Sequence[FetchedCrl]) -> list[FetchedCrl]:
    """The addresses that gave nothing that could be taken."""
    return [one for one in found if not one.is_good]
