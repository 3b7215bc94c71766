"""What the tests of the end of the day share: a busy day, and what must hold when a run has ended."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine, func, select

from central.store.database import read_transaction
from central.store.day_runs import RunState, newest_run, open_run
from central.store.tables import day_run_waiting, health_certificates, issue_intents, passports
from central.workflow.check_passports import check_passports
from sync_protocol.days import DAY_SECONDS, add_months
from sync_protocol.document_signer import document_signer
from sync_protocol.errors import Code
from sync_protocol.health_certificate import verify_hc1
from sync_protocol.signers.key_signer import KeySigner
from sync_protocol.trust import TrustSet
from sync_protocol.verdict import Verdict, VerdictState
from tests.central.day_store import EVENING, DayStore, Someone, make_day_store

LAN: Final = Someone("Nguyễn Thị Lan", "019190000001")
HUNG: Final = Someone("Trần Văn Hùng", "019190000002")
DAO: Final = Someone("Đặng Thị Hồng Đào", "019190000003")
HEN: Final = Someone("H'Hen Niê", "019190000004", family_name="Niê")
MARX: Final = Someone("Zoë Müller", "C01X00T47", nationality="DE")
CYRILLIC: Final = Someone("Nguyễn Văn Ж", "019190000005")
EVERYBODY: Final = (LAN, HUNG, DAO, HEN, CYRILLIC)
MONTH: Final = 30 * DAY_SECONDS


def two_sites(directory: Path) -> DayStore:
    """Two sites and a registry, no doses yet."""
    made = make_day_store(directory)
    made.add_site("19001", "Trạm Y tế phường Mẫu")
    made.add_site("19002", "Trạm Y tế xã Tân Quang")
    made.register(EVERYBODY)
    return made


def busy_day(store: DayStore) -> None:
    """Five people, two sites, a correction, a foreigner, a name that cannot be written, a dose that is quarantined."""
    first = [store.dose(person, "19001", given_at=EVENING - MONTH) for person in (LAN, HUNG, MARX)]
    store.admit(first)
    wrong = store.dose(DAO, "19001")
    store.admit([wrong, store.dose(CYRILLIC, "19001")])
    second = [store.dose(LAN, "19002", number=2, product="PF"), store.dose(HEN, "19002"), store.dose(HUNG, "19002")]
    held = Verdict(VerdictState.QUARANTINED, Code.DOSE_DUPLICATE)
    admitted = Verdict(VerdictState.ADMITTED, None)
    store.admit(second, verdicts=[admitted, admitted, held])
    store.admit([store.dose(DAO, "19001", product="PF", replaces=wrong.sequence)])


# Of the nine versions: one is quarantined, one is replaced, one waits for its name.
BUSY_ISSUED: Final = 6
BUSY_PEOPLE: Final = 5


def assert_sound(engine: Engine, *, signer: KeySigner) -> None:
    """What must hold of a store whose last run is finished, read from what is stored."""
    with read_transaction(engine) as connection:
        newest = newest_run(connection)
        assert newest is not None
        assert newest.state is RunState.FINISHED
        assert open_run(connection) is None
        intents = connection.execute(select(issue_intents.c.dose, issue_intents.c.issue, issue_intents.c.uvci)).all()
        held = connection.execute(select(health_certificates)).all()
        waiting = connection.execute(select(day_run_waiting.c.dose).where(day_run_waiting.c.run == newest.number))
        people = connection.execute(select(passports.c.person, func.max(passports.c.version)).group_by("person")).all()
        assert check_passports(connection).findings == []
        waiting_doses = set(waiting.scalars())
    # One certificate for each intent, under the intent's number.
    assert sorted(intents) == sorted((row.dose, row.issue, row.uvci) for row in held)
    assert len({row.dose for row in held}) == len(held)
    assert not waiting_doses & {row.dose for row in held}
    assert {person for person, _ in people} == {row.person for row in held}
    assert signer.certificate is not None
    trust = TrustSet(signers={signer.certificate.kid: [document_signer(signer.certificate, country="VN")]})
    for row in held:
        assert row.kid == signer.certificate.kid
        verified = verify_hc1(row.hc1, trust, at=row.issued_at)
        assert (verified.issued_at, verified.expires_at) == (row.issued_at, row.expires_at)
        assert row.expires_at == add_months(row.issued_at, 12)


def held_texts(engine: Engine) -> dict[int, str]:
    with read_transaction(engine) as connection:
        rows = connection.execute(select(health_certificates.c.dose, health_certificates.c.hc1))
        return {row[0]: row[1] for row in rows}


def held_rows(engine: Engine, *columns: Any) -> list[Any]:
    with read_transaction(engine) as connection:
        return [tuple(row) for row in connection.execute(select(*columns))]
