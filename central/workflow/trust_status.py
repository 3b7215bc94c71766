"""How the trust in organisation certificates stands: each authority with its lists and their age, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sqlalchemy import Engine

from central.store import crls, trust
from central.store.crls import CrlSource, HeldCrl
from central.store.database import read_transaction
from central.store.trust import AUTHORITY_ROLES, TrustedRow
from central.workflow.fetch_crls import list_addresses
from central.workflow.recheck_revocations import QuestionedBatch, questioned_batches, revocations_known
from sync_protocol.days import DAY_SECONDS

# A new root takes its time: distributed on paper, compared, published.
ENDING_SECONDS: Final = 90 * DAY_SECONDS


class TrustWarning(StrEnum):
    """What an operator is to look at."""

    CRL_MISSING = "crl-missing"
    CRL_STALE = "crl-stale"
    ENDING = "ending"
    ENDED = "ended"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class AuthorityStatus:
    """One authority.

    Attributes:
        row: its certificate and role.
        crls: the newest of each line of its lists.
        sources: where its lists are fetched, and how that went; `asked_at` 0 where it never was.
        revoked_at: epoch seconds, UTC, or None.
        warnings: what is to be looked at.
    """

    row: TrustedRow
    crls: tuple[HeldCrl, ...]
    sources: tuple[CrlSource, ...]
    revoked_at: int | None
    warnings: tuple[TrustWarning, ...]


@dataclass(frozen=True, slots=True)
class TrustStatus:
    """All authorities that are trusted, and the batches whose signatures are in question, newest first."""

    authorities: tuple[AuthorityStatus, ...]
    questioned: tuple[QuestionedBatch, ...]


def trust_status(engine: Engine, *, now: int) -> TrustStatus:
    """How the trust stands at `now` (epoch seconds, UTC).

    Raises:
        StoreError: the store is away.
    """
    with read_transaction(engine) as connection:
        rows = [row for row in trust.trusted_rows(connection, AUTHORITY_ROLES) if row.removed_at is None]
        addresses, known = list_addresses(connection), crls.sources(connection)
        held = crls.held_crls(connection)
        revocations = revocations_known(connection)
        found = []
        for row in rows:
            certificate = row.certificate
            own = tuple(one for one in held if one.issuer == certificate.subject)
            listed = revocations.listed(certificate)
            instants = [revocations.noted.get(certificate.thumbprint), None if listed is None else listed.revoked_at]
            revoked_at = min((instant for instant in instants if instant is not None), default=None)
            urls = sorted(addresses.get(certificate.thumbprint, ()))
            found.append(
                AuthorityStatus(
                    row=row,
                    crls=own,
                    sources=tuple(known.get(url) or CrlSource(url, 0, "", "", "") for url in urls),
                    revoked_at=revoked_at,
                    warnings=tuple(_warnings(row, own, revoked_at=revoked_at, now=now)),
                )
            )
        return TrustStatus(tuple(found), tuple(questioned_batches(connection)))


def is_stale(held: HeldCrl, *, now: int) -> bool:
    """Whether the authority has promised a newer list by now."""
    return held.next_update is not None and held.next_update < now


def _warnings(row: TrustedRow, held: tuple[HeldCrl, ...], *, revoked_at: int | None, now: int) -> list[TrustWarning]:
    ends = int(row.certificate.not_after.timestamp())
    found = []
    if revoked_at is not None:
        found.append(TrustWarning.REVOKED)
    if ends < now:
        found.append(TrustWarning.ENDED)
    elif ends < now + ENDING_SECONDS:
        found.append(TrustWarning.ENDING)
    if not held:
        found.append(TrustWarning.CRL_MISSING)
    elif all(is_stale(one, now=now) for one in held):
        found.append(TrustWarning.CRL_STALE)
    return found
