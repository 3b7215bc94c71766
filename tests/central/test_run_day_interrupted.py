"""The end of the day, interrupted: killed, without its token, twice at once; each certificate is issued once."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from sqlalchemy import Engine, event, func

from central.domain.people import RegistryAnswer
from central.registry.registry import RegistryClient
from central.store.database import StoreError, open_engine, write_transaction
from central.store.tables import health_certificates, issue_intents, passports
from central.workflow.run_day import DayResult, run_day
from sync_protocol.days import DAY_SECONDS
from sync_protocol.population import PersonKey
from sync_protocol.signers.key_signer import KeySigner
from tests.builders import SeededEntropy
from tests.central.day_store import EVENING, DayStore
from tests.central.issued import (
    BUSY_ISSUED,
    BUSY_PEOPLE,
    HUNG,
    LAN,
    assert_sound,
    busy_day,
    held_rows,
    held_texts,
    two_sites,
)


@pytest.fixture
def store(tmp_path: Path) -> DayStore:
    return two_sites(tmp_path)


@dataclass(slots=True)
class Meddler:
    """A registry during whose first answer something else happens."""

    registry: RegistryClient
    meddle: Callable[[], object] | None

    def answer(self, people: Sequence[PersonKey]) -> list[RegistryAnswer]:
        meddle, self.meddle = self.meddle, None
        if meddle is not None:
            meddle()
        return self.registry.answer(people)


def test_what_is_admitted_during_a_run_belongs_to_the_next_one(store: DayStore) -> None:
    store.admit([store.dose(LAN, "19001")])
    meddler = Meddler(store.registry, lambda: store.admit([store.dose(HUNG, "19001")]))
    assert store.run(registry=meddler).issued == 1
    assert store.run().issued == 1
    assert_sound(store.engine, signer=store.signer)


def test_two_runs_at_the_same_time_issue_once(store: DayStore) -> None:
    busy_day(store)
    with pytest.raises(StoreError) as caught:
        store.run(registry=Meddler(store.registry, store.run))
    assert caught.value.try_again
    assert len(held_texts(store.engine)) == BUSY_ISSUED
    assert_sound(store.engine, signer=store.signer)


class FailingSigner(KeySigner):
    """A signer that is taken away after so many signatures."""

    left = 4

    def sign_many(self, messages: Sequence[bytes]) -> list[bytes]:
        if self.left < len(messages):
            raise ConnectionError("the token is gone")
        self.left -= len(messages)
        return super().sign_many(messages)


def test_a_run_without_its_token_stays_open_and_goes_on_under_the_same_numbers(store: DayStore) -> None:
    busy_day(store)
    failing = FailingSigner(store.signer._private_key, certificate=store.signer.certificate)
    with pytest.raises(ConnectionError):
        store.run(signer=failing)
    promised = dict(held_rows(store.engine, issue_intents.c.dose, issue_intents.c.uvci))
    assert len(held_texts(store.engine)) < len(promised)
    result = store.run(now=EVENING + DAY_SECONDS)
    assert (result.run, result.taken_up, result.issued, result.passports) == (1, True, BUSY_ISSUED, BUSY_PEOPLE)
    kept = held_rows(store.engine, issue_intents.c.dose, issue_intents.c.uvci, issue_intents.c.issued_at)
    assert promised.items() <= {(dose, uvci) for dose, uvci, _ in kept}
    # What was promised yesterday is of yesterday; what was not is of today.
    assert {issued_at for dose, _, issued_at in kept if dose in promised} == {EVENING}
    assert {issued_at for dose, _, issued_at in kept if dose not in promised} == {EVENING + DAY_SECONDS}
    assert_sound(store.engine, signer=store.signer)


def test_an_intent_whose_match_is_gone_after_the_crash_is_withdrawn(store: DayStore) -> None:
    store.admit([store.dose(LAN, "19001")])
    failing = FailingSigner(store.signer._private_key, certificate=store.signer.certificate)
    failing.left = 0
    with pytest.raises(ConnectionError):
        store.run(signer=failing)
    store.register([replace(LAN, name="Nguyễn Thị Liên")])
    assert store.run().waiting == {"identity-evidence": 1}
    assert held_rows(store.engine, issue_intents.c.dose) == []
    assert_sound(store.engine, signer=store.signer)


def _run_and_die(path: Path, store: DayStore, *, at_statement: int) -> int:
    """Runs the day in a process of its own that ends before its n-th statement or commit; gives its exit status."""
    process = os.fork()
    if process == 0:
        left = at_statement
        engine = open_engine(f"sqlite:///{path}")

        def count(*_: object) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                # No rollback, no closing of files: as with SIGKILL.
                os._exit(9)

        event.listen(engine, "before_cursor_execute", count)
        event.listen(engine, "commit", count)
        try:
            _run(engine, store, seed=99)
        except BaseException:  # noqa: BLE001 (a child never returns into the test)
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def _run(engine: Engine, store: DayStore, *, seed: int) -> DayResult:
    return run_day(
        engine,
        signer=store.signer,
        registry=type(store.registry)(engine),
        entropy=SeededEntropy(seed),
        now=EVENING,
        chunk=3,
    )


def test_killed_at_any_statement_and_started_again_each_certificate_is_issued_once(
    store: DayStore, tmp_path: Path
) -> None:
    busy_day(store)
    store.engine.dispose()
    survived = 0
    for at_statement in range(1, 500):
        copy = tmp_path / f"killed-{at_statement}.db"
        shutil.copyfile(tmp_path / "centre.db", copy)
        status = _run_and_die(copy, store, at_statement=at_statement)
        engine = open_engine(f"sqlite:///{copy}")
        promised = set(held_rows(engine, issue_intents.c.dose, issue_intents.c.uvci))
        signed = held_texts(engine)
        if status == 0:
            survived += 1
            break
        assert status == 9
        _run(engine, store, seed=at_statement)
        assert_sound(engine, signer=store.signer)
        now_held = held_texts(engine)
        assert len(now_held) == BUSY_ISSUED
        assert signed.items() <= now_held.items()
        assert promised <= set(held_rows(engine, health_certificates.c.dose, health_certificates.c.uvci))
        assert held_rows(engine, func.count(passports.c.person)) == [(BUSY_PEOPLE,)]
        engine.dispose()
        copy.unlink()
    assert survived == 1


def test_the_check_above_sees_a_certificate_that_was_forgotten(store: DayStore) -> None:
    busy_day(store)
    store.run()
    with write_transaction(store.engine) as connection:
        connection.exec_driver_sql("DROP TRIGGER health_certificates_no_delete")
        connection.exec_driver_sql("DELETE FROM health_certificates WHERE dose = (SELECT min(dose) FROM issue_intents)")
    with pytest.raises(AssertionError):
        assert_sound(store.engine, signer=store.signer)
