"""Intents, health certificates and passports: written in bulk, one row for each dose version and issue.

The bulk statements are plain tuples under one compiled INSERT: at a hundred thousand certificates the mapping of
dictionaries to parameters would cost more than the database.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import starmap
from typing import Any, Final

from sqlalchemy import (
    ColumnElement,
    Connection,
    FromClause,
    Select,
    Table,
    and_,
    delete,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    tuple_,
)

from central.domain.day_run import DueCertificate, DueDose
from central.store.database import insert_many
from central.store.tables import (
    DOSE_ID_SPAN,
    doses,
    health_certificates,
    issue_intents,
    passports,
    verdicts,
)
from central.store.withdrawals import is_withdrawn
from sync_protocol.verdict import VerdictState

# The first issue; renewals count on.
FIRST_ISSUE: Final = 1

_DUE_COLUMNS: Final = (
    doses.c.id, doses.c.person, doses.c.facility, doses.c.name, doses.c.family_name, doses.c.sex, doses.c.birth_date,
    doses.c.number, doses.c.identity_state, doses.c.product, doses.c.dose_number, doses.c.given_day,
    issue_intents.c.uvci, issue_intents.c.issued_at,
)  # fmt: skip


@dataclass(frozen=True, slots=True, repr=False)
class StoredCertificate:
    """A health certificate as it was issued; its representation shows nothing of it."""

    dose: int
    issue: int
    person: str
    uvci: str
    issued_at: int
    expires_at: int
    hc1: str


def is_live(of: FromClause = doses, *, below: int | None = None) -> ColumnElement[bool]:
    """The condition that no newer version replaces a row of `doses`; a refused version replaces nothing.

    Args:
        of: the table, or an alias of it.
        below: look at versions with smaller ids only.
    """
    newer, said = doses.alias(), verdicts.alias()
    replaces = [
        newer.c.node == of.c.node,
        newer.c.replaces == of.c.sequence,
        said.c.dose == newer.c.id,
        said.c.state != VerdictState.REFUSED.value,
    ]
    if below is not None:
        replaces.append(newer.c.id < below)
    return ~exists().where(and_(*replaces)).correlate(of)


def is_newest_issue() -> ColumnElement[bool]:
    """The condition that a row of `health_certificates` has not been renewed."""
    held, later = health_certificates, health_certificates.alias()
    return ~exists().where(later.c.dose == held.c.dose, later.c.issue > held.c.issue).correlate(held)


def due_doses(connection: Connection, *, ledger_size: int, after: int, limit: int) -> list[DueDose]:
    """The next doses that are admitted, live and without a certificate, in the order of the ledger.

    Args:
        ledger_size: entries of the ledger that are looked at.
        after: only doses with a greater id.
        limit: how many at most.
    """
    statement = (
        select(*_DUE_COLUMNS)
        .select_from(doses.outerjoin(issue_intents, _same_first(issue_intents)))
        .where(doses.c.id > after, *_due(ledger_size))
        .order_by(doses.c.id)
        .limit(limit)
    )
    return list(starmap(DueDose, connection.execute(statement).all()))


def count_due(connection: Connection, *, ledger_size: int) -> int:
    """How many doses are due."""
    return connection.execute(select(func.count()).select_from(doses).where(*_due(ledger_size))).scalar_one()


def put_intents(connection: Connection, run: int, due: Iterable[DueCertificate], *, expires_at: int) -> None:
    """Stores what is going to be signed; an existing intent of a dose is an error of the database."""
    rows = [
        (item.dose.id, FIRST_ISSUE, run, item.content.uvci, item.issued_at, expires_at) for item in due if item.is_new
    ]
    _insert(connection, issue_intents, rows)


def withdraw_intents(connection: Connection, run: int) -> None:
    """Removes the intents of a run that led to no certificate, since their dose is not due any more."""
    connection.execute(
        delete(issue_intents).where(
            issue_intents.c.run == run,
            ~exists().where(
                health_certificates.c.dose == issue_intents.c.dose, health_certificates.c.issue == issue_intents.c.issue
            ),
        )
    )


def put_certificates(
    connection: Connection,
    run: int,
    due: Sequence[DueCertificate],
    *,
    texts: Sequence[str],
    expires_at: int,
    kid: bytes,
) -> None:
    """Stores signed certificates, all of one instant of issue.

    Args:
        texts: what stands in the QR, one for each of `due`.
        expires_at: epoch seconds, UTC.
        kid: of the document signer, 8 bytes.
    """
    rows = [
        (item.dose.id, FIRST_ISSUE, item.dose.person, run, item.content.uvci, item.issued_at, expires_at, kid, text)
        for item, text in zip(due, texts, strict=True)
    ]
    _insert(connection, health_certificates, rows)


def put_passports(connection: Connection, run: int) -> int:
    """Gives everybody with a certificate of this run a new passport version; gives how many.

    Two statements for all of them, since a person's doses may come from any site and stand anywhere in the ledger:
    who holds one certificate only, as after a first dose, gets version 1 without a look at anything else.
    """
    held, other, newer = health_certificates, health_certificates.alias(), doses.alias()
    is_another = or_(other.c.dose != held.c.dose, other.c.issue != held.c.issue)
    has_others = exists().where(other.c.person == held.c.person, is_another).correlate(held)
    with_others = select(held.c.person).where(held.c.run == run, has_others)
    before = select(func.max(passports.c.version)).where(passports.c.person == held.c.person).correlate(held)
    theirs = other.join(newer, newer.c.id == other.c.dose)
    # Each certified dose has exactly one first issue, so first issues count doses.
    is_theirs = (other.c.person == held.c.person, other.c.issue == FIRST_ISSUE, is_live(newer))
    count = select(func.count()).select_from(theirs).where(*is_theirs).correlate(held)
    place, their_place = (tuple_(of.c.given_day, of.c.dose_number, of.c.id) for of in (doses, newer))
    is_outdone = exists().select_from(theirs).where(*is_theirs, their_place > place).correlate(held, doses)

    first = _passport_rows(literal(1), run, literal(1)).where(held.c.run == run, ~has_others)
    further = _passport_rows(func.coalesce(before.scalar_subquery(), 0) + 1, run, count.scalar_subquery()).where(
        held.c.person.in_(with_others.correlate(None)), ~is_outdone
    )
    names = ["person", "version", "run", "doses", "newest_dose", "issued_at", "expires_at"]
    for rows in (first, further):
        connection.execute(insert(passports).from_select(names, rows))
    return connection.execute(select(func.count()).select_from(passports).where(passports.c.run == run)).scalar_one()


def _passport_rows(version: ColumnElement[int], run: int, count: ColumnElement[int]) -> Select[Any]:
    held = health_certificates
    return (
        select(held.c.person, version, literal(run), count, held.c.dose, held.c.issued_at, held.c.expires_at)
        .select_from(held.join(doses, doses.c.id == held.c.dose))
        .where(is_newest_issue(), is_live())
    )


def person_with(connection: Connection, uvci: str) -> str | None:
    """The key of the person whose certificate has this number, or None."""
    return connection.execute(
        select(health_certificates.c.person).where(health_certificates.c.uvci == uvci)
    ).scalar_one_or_none()


def all_certificates(connection: Connection, *, run: int | None = None) -> Iterator[StoredCertificate]:
    """The newest certificate of each live dose that was not withdrawn, person by person, the newest dose first.

    Args:
        run: only certificates of this run.
    """
    held = health_certificates
    statement = (
        select(held.c.dose, held.c.issue, held.c.person, held.c.uvci, held.c.issued_at, held.c.expires_at, held.c.hc1)
        .select_from(held.join(doses, doses.c.id == held.c.dose))
        .where(is_newest_issue(), is_live(), ~is_withdrawn())
        .order_by(held.c.person, doses.c.given_day.desc(), doses.c.dose_number.desc(), doses.c.id.desc())
    )
    if run is not None:
        statement = statement.where(held.c.run == run)
    for row in connection.execute(statement):
        yield StoredCertificate(*row)


def _due(ledger_size: int) -> tuple[ColumnElement[bool], ...]:
    end = ledger_size * DOSE_ID_SPAN
    return (
        doses.c.id < end,
        exists().where(verdicts.c.dose == doses.c.id, verdicts.c.state == VerdictState.ADMITTED.value),
        ~exists().where(_same_first(health_certificates)),
        is_live(below=end),
    )


def _same_first(table: Table) -> ColumnElement[bool]:
    return and_(table.c.dose == doses.c.id, table.c.issue == FIRST_ISSUE)


def _insert(connection: Connection, table: Table, rows: Sequence[tuple[object, ...]]) -> None:
    """Inserts rows that give every column of the table in its order."""
    names = [column.name for column in table.columns]
    if connection.dialect.name == "postgresql":
        insert_many(connection, table, [dict(zip(names, row, strict=True)) for row in rows])
    elif rows:
        # Names of our own tables only; every value is a parameter.
        marks = ", ".join("?" for _ in names)
        connection.exec_driver_sql(f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({marks})", list(rows))  # noqa: S608
