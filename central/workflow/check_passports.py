"""Checks that health certificates and ledger agree, both ways (I15, I16)."""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlalchemy import Connection, and_, func, select

from central.domain.finding import Finding
from central.store import trust
from central.store.database import rows_in_chunks
from central.store.key_store import KeyRole
from central.store.tables import day_runs, doses, health_certificates, issue_intents, verdicts
from central.workflow.publish_sets import trust_list_content
from sync_protocol.errors import ProtocolError
from sync_protocol.hc1_verification import verify_many
from sync_protocol.trust import TrustSet, trust_from_list
from sync_protocol.verdict import VerdictState

_CHUNK = 3_000


@dataclass(slots=True)
class PassportCheck:
    """How many certificates were looked at, and what was found."""

    certificates: int = 0
    findings: list[Finding] = field(default_factory=list)


def check_passports(connection: Connection) -> PassportCheck:
    """Checks every health certificate.

    1. it belongs to a dose that is stored and admitted;
    2. its text verifies under our document signers at the instant of issue, and says what the row says;
    3. every intent of a finished run has its certificate, and none is there without its intent.

    One certificate per dose version and issue is kept by the database itself.
    """
    check = PassportCheck()
    _check_grounds(connection, check)
    _check_texts(connection, check)
    _check_intents(connection, check)
    return check


def _check_grounds(connection: Connection, check: PassportCheck) -> None:
    # (1)
    held = health_certificates
    joined = held.outerjoin(doses, doses.c.id == held.c.dose).outerjoin(verdicts, verdicts.c.dose == held.c.dose)
    bad = select(held.c.dose, held.c.issue, doses.c.person, held.c.person, verdicts.c.state).select_from(joined)
    for dose, issue, whose, person, state in connection.execute(bad.order_by(held.c.dose)):
        check.certificates += 1
        place = f"dose {dose}, issue {issue}"
        if whose is None or whose != person:
            check.findings.append(Finding("I15", place, "a certificate stands for no dose of this person"))
        elif state != VerdictState.ADMITTED.value:
            check.findings.append(Finding("I15", place, "a certificate stands for a dose that is not admitted"))


def _check_texts(connection: Connection, check: PassportCheck) -> None:
    # (2)
    signers = _trust(connection)
    held = health_certificates
    columns = (held.c.dose, held.c.issue, held.c.hc1, held.c.uvci, held.c.issued_at, held.c.expires_at)
    for rows in rows_in_chunks(connection.execute(select(*columns).order_by(held.c.dose)), _CHUNK):
        for issued_at in sorted({row.issued_at for row in rows}):
            group = [row for row in rows if row.issued_at == issued_at]
            for row, found in zip(group, verify_many([row.hc1 for row in group], signers, at=issued_at), strict=True):
                place = f"dose {row.dose}, issue {row.issue}"
                if isinstance(found, ProtocolError):
                    check.findings.append(Finding("I15", place, found.rule))
                elif (found.issued_at, found.expires_at) != (row.issued_at, row.expires_at):
                    check.findings.append(Finding("I15", place, "the certificate states other times than its row"))
                elif found.content.entry.ci != row.uvci:
                    check.findings.append(Finding("I15", place, "the certificate states another identifier"))


def _check_intents(connection: Connection, check: PassportCheck) -> None:
    # (3)
    held, intents = health_certificates, issue_intents
    same = and_(held.c.dose == intents.c.dose, held.c.issue == intents.c.issue)
    joined = intents.join(day_runs, day_runs.c.number == intents.c.run).outerjoin(held, same)
    forgotten = (
        select(intents.c.dose, intents.c.issue)
        .select_from(joined)
        .where(held.c.dose.is_(None), day_runs.c.state == "finished")
    )
    for dose, issue in connection.execute(forgotten):
        check.findings.append(Finding("I16", f"dose {dose}, issue {issue}", "was to be certified and never was"))
    without = select(func.count()).select_from(held.outerjoin(intents, same)).where(intents.c.dose.is_(None))
    if count := connection.execute(without).scalar_one():
        check.findings.append(Finding("I16", "certificates", f"{count} were issued without an intent"))


def _trust(connection: Connection) -> TrustSet:
    content = trust_list_content(connection, version=1, issued_at=0, expires_at=1)
    return trust_from_list(content, trust.centre_public_keys(connection, KeyRole.PUBLISHER)[0])
