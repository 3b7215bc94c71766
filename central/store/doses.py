"""Batches, doses and verdicts: written for a whole batch at once, read for a whole batch at once."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import ColumnElement, Connection, and_, exists, func, select

from central.domain.admission import CheckedBatch
from central.domain.verdicts import EarlierDose, JudgedDose
from central.store.database import insert_many, rows_in_chunks
from central.store.tables import DOSE_ID_SPAN, batches, doses, verdicts
from sync_protocol.certificate import serial_text
from sync_protocol.dose import Dose
from sync_protocol.errors import Code
from sync_protocol.verdict import VerdictState

_CHUNK: Final = 3_000
_DERIVED: Final = frozenset({"id", "ledger_index", "person", "given_day", "disease"})
# Every column that copies what was signed; `signed_columns` fills them from a dose.
SIGNED_COLUMNS: Final = tuple(column.name for column in doses.columns if column.name not in _DERIVED)


def put_batch(connection: Connection, batch: CheckedBatch, *, ledger_index: int, epoch: int) -> None:
    """Stores what is said of a batch as a whole."""
    manifest = batch.manifest
    connection.execute(
        batches.insert(),
        {
            "ledger_index": ledger_index,
            "facility": manifest.facility,
            "node": manifest.node,
            "epoch": epoch,
            "batch_number": manifest.batch_number,
            "purpose": manifest.purpose.value,
            "first_day": manifest.first_day,
            "last_day": manifest.last_day,
            "people": manifest.people,
            "doses": manifest.doses,
            "catalogue_version": manifest.catalogue_version,
            "serial": serial_text(batch.verified.certificate.serial),
            "thumbprint": batch.verified.certificate.thumbprint,
            "signer_name": manifest.signer_name,
            "approver": manifest.approver,
            "claimed_at": manifest.claimed_at,
            "not_before": batch.window.not_before or None,
            "not_after": batch.window.not_after,
            "day_proof": batch.day_proof.value,
            "statement": batch.statement,
            "for_facility": manifest.for_facility,
            "for_node": manifest.for_node,
            "late_reason": manifest.late_reason,
            "offline_reason": manifest.offline_reason,
        },
    )


def put_doses(connection: Connection, judged: Sequence[JudgedDose], *, ledger_index: int, at: int) -> None:
    """Stores the doses of a batch with their verdicts.

    Doses of another facility or node, and those held already, are not rows: their bytes stay in the archived bundle
    and their verdict in the answer.
    """
    kept = [(leaf, item) for leaf, item in enumerate(judged, start=1) if is_kept(item)]
    insert_many(connection, doses, [_dose_row(ledger_index, leaf, item) for leaf, item in kept])
    insert_many(
        connection,
        verdicts,
        [
            {
                "dose": ledger_index * DOSE_ID_SPAN + leaf,
                "state": item.verdict.state.value,
                "code": item.verdict.code.value if item.verdict.code else "",
                "decided_at": at,
                "decided_by": "",
            }
            for leaf, item in kept
        ],
    )


def is_kept(item: JudgedDose) -> bool:
    """Whether a dose becomes a row."""
    return item.verdict.code not in (Code.DOSE_FACILITY, Code.DOSE_REPEATED)


def held_sequences(connection: Connection, node: str, sequences: Iterable[int]) -> frozenset[int]:
    """Which of these sequences of a node the centre has already."""
    return _sequences(connection, doses.c.sequence, node=node, sequences=sequences)


def replaced_sequences(connection: Connection, node: str, sequences: Iterable[int]) -> frozenset[int]:
    """Which of these sequences of a node have a newer version that was not refused."""
    return _sequences(connection, doses.c.replaces, node=node, sequences=sequences)


def history_of(
    connection: Connection, people: Iterable[str], *, node: str, replaced_now: frozenset[int]
) -> dict[str, list[EarlierDose]]:
    """The admitted doses of people over all sites that no newer version replaces.

    Args:
        people: person keys.
        node: whose versions `replaced_now` names.
        replaced_now: sequences of that node that the batch at hand replaces.
    """
    newer = doses.alias("newer")
    columns = (
        doses.c.person, doses.c.node, doses.c.sequence, doses.c.product, doses.c.disease, doses.c.dose_number,
        doses.c.given_day,
    )  # fmt: skip
    live = and_(
        verdicts.c.state == VerdictState.ADMITTED.value,
        ~exists().where(newer.c.node == doses.c.node, newer.c.replaces == doses.c.sequence),
    )
    found: dict[str, list[EarlierDose]] = defaultdict(list)
    joined = doses.join(verdicts, verdicts.c.dose == doses.c.id)
    for chunk in rows_in_chunks(sorted(set(people)), _CHUNK):
        statement = select(*columns).select_from(joined).where(doses.c.person.in_(chunk), live)
        for row in connection.execute(statement.order_by(doses.c.id)):
            if row.node != node or row.sequence not in replaced_now:
                found[row.person].append(EarlierDose(row.product, row.disease, row.dose_number, row.given_day))
    return found


def last_claimed_at(connection: Connection, node: str, *, epoch: int) -> int | None:
    """The claimed time of the node's newest batch in an epoch, or None."""
    return connection.execute(
        select(func.max(batches.c.claimed_at)).where(batches.c.node == node, batches.c.epoch == epoch)
    ).scalar()


@dataclass(frozen=True, slots=True)
class StoredDose:
    """A row of `doses` with its verdict, for comparing it with the signed bytes.

    Attributes:
        columns: every column that is a copy of what was signed.
        state, code: of the verdict now.
        decided_by: who changed the verdict, "" where it is that of the admission.
    """

    columns: Mapping[str, object]
    state: str
    code: str
    decided_by: str


def stored_doses(connection: Connection, ledger_index: int) -> dict[int, StoredDose]:
    """The rows of one batch by their leaf."""
    statement = (
        select(doses, verdicts.c.state, verdicts.c.code, verdicts.c.decided_by)
        .select_from(doses.join(verdicts, verdicts.c.dose == doses.c.id))
        .where(doses.c.ledger_index == ledger_index)
    )
    found = {}
    for row in connection.execute(statement).mappings():
        columns = {name: row[name] for name in SIGNED_COLUMNS}
        stored = StoredDose(columns, row["state"], row["code"], row["decided_by"])
        found[row["id"] - ledger_index * DOSE_ID_SPAN] = stored
    return found


def count_verdicts(connection: Connection) -> dict[str, dict[str, int]]:
    """How many doses each facility has in each state: "admitted", or the code for which they wait."""
    what = func.coalesce(func.nullif(verdicts.c.code, ""), verdicts.c.state)
    joined = verdicts.join(doses, doses.c.id == verdicts.c.dose)
    counted: dict[str, dict[str, int]] = defaultdict(dict)
    statement = select(doses.c.facility, what, func.count()).select_from(joined).group_by(doses.c.facility, what)
    for facility, state, count in connection.execute(statement):
        counted[facility][state] = count
    return dict(counted)


def signed_columns(dose: Dose) -> dict[str, object]:
    """The columns that copy what was signed."""
    person, evidence = dose.recipient, dose.evidence
    return {
        "node": dose.node,
        "sequence": dose.sequence,
        "facility": dose.facility,
        "name": person.name,
        "family_name": person.family_name or "",
        "sex": person.sex.value,
        "birth_date": person.birth_date,
        "paper": person.paper.value,
        "number": person.number,
        "nationality": person.nationality,
        "phone": person.phone,
        "address_unit": person.address_unit,
        "guardian": person.guardian,
        "population_group": person.group,
        "product": dose.product,
        "lot": dose.lot,
        "lot_expiry": dose.lot_expiry,
        "dose_number": dose.dose_number,
        "dose_total": dose.dose_total,
        "given_at": dose.given_at,
        "recorded_at": dose.recorded_at,
        "vaccinator": dose.vaccinator,
        "station": dose.station,
        "reaction": dose.reaction,
        "recorded_by": dose.recorded_by,
        "late_reason": dose.late_reason,
        "identity_state": evidence.state.value,
        "evidence_source": evidence.source.value,
        "evidence_reference": evidence.reference,
        "evidence_checked_at": evidence.checked_at,
        "replaces": dose.replaces,
        "replace_reason": dose.replace_reason,
    }


def _sequences(
    connection: Connection, column: ColumnElement[int], *, node: str, sequences: Iterable[int]
) -> frozenset[int]:
    found: set[int] = set()
    for chunk in rows_in_chunks(sequences, _CHUNK):
        found.update(connection.execute(select(column).where(doses.c.node == node, column.in_(chunk))).scalars())
    return frozenset(found)


def _dose_row(ledger_index: int, leaf: int, item: JudgedDose) -> dict[str, object]:
    return {
        **signed_columns(item.dose),
        "id": ledger_index * DOSE_ID_SPAN + leaf,
        "ledger_index": ledger_index,
        "person": item.person,
        "given_day": item.day,
        "disease": item.disease,
    }
