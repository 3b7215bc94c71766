"""The end of the day: signed doses become health certificates, and health certificates become passports.

1. the signer is looked at: published, not revoked, with 12 months of life; a refusal here has done nothing. Doses whose
   organisation's signature came into question meanwhile are held back;
2. a run is opened with the ledger's size as it is now, or the run that was left open is taken up again;
3. chunk by chunk, in the ledger's order: due doses are read, the population database is asked about everybody again,
   the rules decide; *intents* and what waits are committed; the signer signs; *certificates* are committed;
4. everybody with a new certificate gets a new passport version, and the run is closed, in one transaction.

Killed anywhere and started again, it goes on behind the last commit: a dose with a certificate is not due any more,
and one with only an intent is signed under the intent's number. The database refuses a second certificate of a dose
version and a number that was used before, so two runs at the same time cannot issue twice either.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Engine
from sqlalchemy.exc import IntegrityError

from central.domain.day_run import (
    ISSUER,
    OPAQUE_BYTES,
    DayPlan,
    DayRules,
    DueCertificate,
    DueDose,
    check_document_signer,
    fresh_uvcis,
    registry_question,
)
from central.registry.registry import RegistryClient
from central.store import day_runs, health_certificates, ledger, trust
from central.store.database import StoreError, read_transaction, write_transaction
from central.store.day_runs import DayRun
from central.store.trust import CertificateRole
from central.workflow.publish_sets import current_catalogue
from central.workflow.recheck_revocations import recheck_revocations
from sync_protocol.catalogue import Catalogue
from sync_protocol.days import local_day
from sync_protocol.issuance import expiry, issue_many
from sync_protocol.sealing import Entropy
from sync_protocol.signers.signer import Signer

# What a crash may leave to be signed again, and how long one transaction holds the database.
CHUNK: Final = 4_000

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class DayResult:
    """What a run did.

    Attributes:
        run: its number.
        day: the local day on which it began.
        taken_up: whether it went on with a run that had been left open.
        issued: certificates of the run, those of an earlier attempt counted.
        passports: people who got a new passport version.
        waiting: admitted doses without a certificate, by code.
        operations: signatures that the signer made for this call.
    """

    run: int
    day: str
    taken_up: bool
    issued: int
    passports: int
    waiting: dict[str, int]
    operations: int


def run_day(
    engine: Engine,
    *,
    signer: Signer,
    registry: RegistryClient,
    entropy: Entropy,
    now: int,
    issuer: str = ISSUER,
    chunk: int = CHUNK,
    progress: Progress | None = None,
) -> DayResult:
    """Runs the end of the day once; see the module.

    Args:
        engine: the store.
        signer: the document signer, opened, with its certificate.
        registry: the national population database.
        entropy: for the numbers of certificates.
        now: epoch seconds, UTC: the issue of new certificates, which expire 12 months later.
        issuer: the authority's name in the certificates.
        chunk: doses in one transaction.
        progress: is told (doses done, doses due) after each chunk.

    Raises:
        ProtocolError: SIGNER_UNKNOWN, CERTIFICATE_REVOKED, ALGORITHM, CERTIFICATE_NOT_YET_VALID or SIGNER_LIFE; nothing
            was done.
        TokenError: the signer cannot sign now; the run stays open and goes on when called again.
        StoreError: the store or the population database is away, or another run is at work; likewise.
    """
    before = signer.operations
    run, taken_up, catalogue = _begin(engine, signer, now=now)
    # A bundle that was judged by the lists of the moment before a new one came is found here.
    recheck_revocations(engine, now=now)
    rules = DayRules(catalogue, issuer=issuer, now=now)
    with read_transaction(engine) as connection:
        total = health_certificates.count_due(connection, ledger_size=run.ledger_size) if progress else 0
    done, after = 0, -1
    while due := _next_due(engine, run, after=after, limit=chunk):
        plan = _decide(due, rules, registry=registry, entropy=entropy)
        _intend(engine, run, plan, signer=signer, now=now)
        # From here on the numbers are durable: whatever happens, these doses are certified under them or not at all.
        _sign(engine, run, plan.certificates, signer=signer, rules=rules)
        done, after = done + len(due), due[-1].id
        if progress:
            progress(done, max(total, done))
    with write_transaction(engine) as connection, _alone():
        # The commit point of the run: passports, figures and the end of the run, all or none.
        if not day_runs.close_run(connection, run.number, at=now):
            raise _busy()
        health_certificates.withdraw_intents(connection, run.number)
        passports = health_certificates.put_passports(connection, run.number)
        issued = day_runs.put_figures(connection, run.number)
        waiting = day_runs.waiting_of(connection, run.number)
    return DayResult(
        run=run.number,
        day=run.day,
        taken_up=taken_up,
        issued=issued,
        passports=passports,
        waiting=waiting,
        operations=signer.operations - before,
    )


def _begin(engine: Engine, signer: Signer, *, now: int) -> tuple[DayRun, bool, Catalogue]:
    # (1) and (2)
    with write_transaction(engine) as connection, _alone():
        certificate = check_document_signer(
            signer,
            trusted=trust.trusted(connection, CertificateRole.DOCUMENT_SIGNER),
            revoked=trust.revocations(connection).keys(),
            now=now,
        )
        catalogue = current_catalogue(connection)
        run = day_runs.open_run(connection)
        if run is not None:
            day_runs.take_up_run(connection, run.number, signer_kid=certificate.kid)
            return run, True, catalogue
        size = ledger.ledger_size(connection)
        run = day_runs.start_run(connection, day=local_day(now), ledger_size=size, signer_kid=certificate.kid, at=now)
        return run, False, catalogue


def _next_due(engine: Engine, run: DayRun, *, after: int, limit: int) -> list[DueDose]:
    with read_transaction(engine) as connection:
        return health_certificates.due_doses(connection, ledger_size=run.ledger_size, after=after, limit=limit)


def _decide(due: Sequence[DueDose], rules: DayRules, *, registry: RegistryClient, entropy: Entropy) -> DayPlan:
    asked = [(dose.id, question) for dose in due if (question := registry_question(dose)) is not None]
    answers = registry.answer([question for _, question in asked])
    by_dose = {dose: answer for (dose, _), answer in zip(asked, answers, strict=True)}
    numbers = fresh_uvcis([dose.facility for dose in due], entropy.token(OPAQUE_BYTES * len(due)))
    return rules.plan(due, by_dose, uvcis=list(numbers))


def _intend(engine: Engine, run: DayRun, plan: DayPlan, *, signer: Signer, now: int) -> None:
    expires_at = expiry(signer.certificate, issued_at=now)
    with write_transaction(engine) as connection, _alone():
        health_certificates.put_intents(connection, run.number, plan.certificates, expires_at=expires_at)
        day_runs.put_waiting(connection, run.number, plan.waiting)


def _sign(
    engine: Engine, run: DayRun, certificates: Sequence[DueCertificate], *, signer: Signer, rules: DayRules
) -> None:
    assert signer.certificate is not None
    kid = signer.certificate.kid
    # Certificates of an earlier attempt keep the instant that their intent promised.
    for issued_at in sorted({item.issued_at for item in certificates}):
        group = [item for item in certificates if item.issued_at == issued_at]
        texts = issue_many([item.content for item in group], signer, issued_at=issued_at, products=rules.products)
        expires_at = expiry(signer.certificate, issued_at=issued_at)
        with write_transaction(engine) as connection, _alone():
            health_certificates.put_certificates(
                connection, run.number, group, texts=texts, expires_at=expires_at, kid=kid
            )


@contextmanager
def _alone() -> Iterator[None]:
    """Says what it means that the database refuses a row: somebody else has just stored it."""
    try:
        yield
    except IntegrityError:
        raise _busy() from None


def _busy() -> StoreError:
    return StoreError("another end-of-day run is at work", try_again=True)
