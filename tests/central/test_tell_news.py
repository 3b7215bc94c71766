"""Verdicts that change, health certificates and packs reach the feeds of the nodes concerned: once, whatever stops."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import Engine, select

from central.cli import main
from central.store import feed, tellings
from central.store.database import lock_ledger, read_transaction, write_transaction
from central.store.tables import doses, health_certificates
from central.store.tables import verdict_changes as change_rows
from central.store.tables import verdicts as verdict_rows
from central.store.verdict_changes import change_verdicts
from central.workflow import tell_verdicts as verdicts_workflow
from central.workflow.check_feeds import check_feeds
from central.workflow.check_verdict_changes import check_verdict_changes
from central.workflow.show_passport import passport_texts
from central.workflow.tell_passports import tell_passports
from central.workflow.tell_verdicts import tell_verdicts
from central.workflow.withdraw_certificate import withdraw_certificate
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.feed import FeedItem, FeedKind, verify_item
from sync_protocol.passports import CertificateState, IssuedCertificate, parse_passports
from sync_protocol.verdict import ADMITTED, Verdict, VerdictState
from sync_protocol.verdict_changes import parse_changes
from tests.central.day_store import EVENING, DayStore
from tests.central.issued import BUSY_ISSUED, busy_day, two_sites

REVOKED = Verdict(VerdictState.QUARANTINED, Code.CERTIFICATE_REVOKED)
NODES = ("19001A", "19002A")


@pytest.fixture
def store(tmp_path: Path) -> DayStore:
    made = two_sites(tmp_path)
    busy_day(made)
    return made


def items(store: DayStore, kind: FeedKind, node: str | None = None) -> list[FeedItem]:
    with read_transaction(store.engine) as connection:
        rows = [(code, row) for code, row in feed.all_items(connection) if row.kind is kind]
    found = [verify_item(row.item, store.keys.publisher.public_key, node=code) for code, row in rows]
    return [item for item in found if node in (None, item.node)]


def change(store: DayStore, ids: list[int], verdict: Verdict, *, at: int = EVENING + 60) -> int:
    with write_transaction(store.engine) as connection:
        lock_ledger(connection)
        return change_verdicts(connection, ids, verdict, by="Trần Bình", at=at)


def admitted(engine: Engine, node: str) -> dict[int, int]:
    """Admitted doses of a node: their ids by sequence."""
    with read_transaction(engine) as connection:
        joined = doses.join(verdict_rows, verdict_rows.c.dose == doses.c.id)
        rows = connection.execute(
            select(doses.c.sequence, doses.c.id)
            .select_from(joined)
            .where(doses.c.node == node, verdict_rows.c.state == "admitted")
        )
        return {row[0]: row[1] for row in rows}


def told_certificates(store: DayStore, node: str) -> list[IssuedCertificate]:
    told = [parse_passports(item.body) for item in items(store, FeedKind.PASSPORTS, node)]
    assert {one.node for one in told} <= {node}
    return [certificate for one in told for certificate in one.certificates]


class TestVerdicts:
    def test_each_change_is_told_once_to_the_node_that_recorded_the_dose(self, store: DayStore) -> None:
        first, second = (admitted(store.engine, node) for node in NODES)
        assert change(store, [first[1], second[1]], REVOKED) == 2
        assert tell_verdicts(store.engine, keys=store.keys, now=EVENING + 60) == 2
        assert tell_verdicts(store.engine, keys=store.keys, now=EVENING + 61) == 0
        for node, held in zip(NODES, (first, second), strict=True):
            (item,) = items(store, FeedKind.VERDICTS, node)
            told = parse_changes(item.body)
            assert (told.node, [one.sequence for one in told.changes]) == (node, [1])
            assert [(one.before, one.after) for one in told.changes] == [(ADMITTED, REVOKED)]
            assert held[1]

    def test_released_again_the_later_number_says_so(self, store: DayStore) -> None:
        dose = admitted(store.engine, "19001A")[1]
        change(store, [dose], REVOKED)
        change(store, [dose], ADMITTED, at=EVENING + 120)
        # The same again is no change.
        assert change(store, [dose], ADMITTED, at=EVENING + 180) == 0
        tell_verdicts(store.engine, keys=store.keys, now=EVENING + 120)
        (item,) = items(store, FeedKind.VERDICTS)
        assert [(one.number, one.after) for one in parse_changes(item.body).changes] == [(1, REVOKED), (2, ADMITTED)]

    def test_stopped_before_the_commit_it_is_told_by_the_next_call(
        self, store: DayStore, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        change(store, [admitted(store.engine, "19001A")[1]], REVOKED)

        def stop(*_: object) -> None:
            raise InterruptedError

        with monkeypatch.context() as patch:
            patch.setattr(verdicts_workflow, "note_told", stop)
            with pytest.raises(InterruptedError):
                tell_verdicts(store.engine, keys=store.keys, now=EVENING + 60)
        assert items(store, FeedKind.VERDICTS) == []
        assert tell_verdicts(store.engine, keys=store.keys, now=EVENING + 60) == 1
        assert len(items(store, FeedKind.VERDICTS)) == 1

    def test_a_verdict_that_somebody_turned_beside_the_list_of_changes_is_found(self, store: DayStore) -> None:
        dose = admitted(store.engine, "19001A")[1]
        change(store, [dose], REVOKED)
        with write_transaction(store.engine) as connection:
            assert check_verdict_changes(connection) == []
            connection.execute(verdict_rows.update().where(verdict_rows.c.dose == dose).values(state="refused"))
            (finding,) = check_verdict_changes(connection)
        assert finding.invariant == "I12"


class TestPassports:
    def test_every_certificate_goes_to_the_node_that_recorded_its_dose_once(self, store: DayStore) -> None:
        store.run()
        assert tell_passports(store.engine, keys=store.keys, now=EVENING + 60) == BUSY_ISSUED
        assert tell_passports(store.engine, keys=store.keys, now=EVENING + 61) == 0
        with read_transaction(store.engine) as connection:
            joined = health_certificates.join(doses, doses.c.id == health_certificates.c.dose)
            columns = (doses.c.node, doses.c.sequence, health_certificates.c.hc1)
            held = {(row[0], row[1], row[2]) for row in connection.execute(select(*columns).select_from(joined))}
        told = {(node, one.sequence, one.hc1) for node in NODES for one in told_certificates(store, node)}
        assert told == held
        assert {one.state for node in NODES for one in told_certificates(store, node)} == {CertificateState.ISSUED}

    def test_a_second_run_tells_its_own_certificates_alone(self, store: DayStore) -> None:
        store.run()
        tell_passports(store.engine, keys=store.keys, now=EVENING + 60)
        before = len(told_certificates(store, "19002A"))
        with write_transaction(store.engine) as connection:
            lock_ledger(connection)
            waits = select(verdict_rows.c.dose).where(verdict_rows.c.state == "quarantined")
            change_verdicts(
                connection, list(connection.execute(waits).scalars()), ADMITTED, by="Trần Bình", at=EVENING + 70
            )
        store.run()
        assert tell_passports(store.engine, keys=store.keys, now=EVENING + 90) == 1
        assert len(told_certificates(store, "19002A")) == before + 1

    @pytest.mark.parametrize("stop_at", [1, 2])
    @pytest.mark.parametrize("place", ["note_node_told", "close_telling"])
    def test_stopped_anywhere_everybody_gets_theirs_once(
        self, store: DayStore, monkeypatch: pytest.MonkeyPatch, place: str, stop_at: int
    ) -> None:
        store.run()
        calls = 0
        whole = getattr(tellings, place)

        def stop(*arguments: object) -> None:
            nonlocal calls
            calls += 1
            if calls == stop_at:
                raise InterruptedError
            whole(*arguments)

        with monkeypatch.context() as patch:
            patch.setattr(tellings, place, stop)
            if place == "note_node_told" or stop_at == 1:
                with pytest.raises(InterruptedError):
                    tell_passports(store.engine, keys=store.keys, now=EVENING + 60)
        tell_passports(store.engine, keys=store.keys, now=EVENING + 60)
        told = [(node, one.sequence) for node in NODES for one in told_certificates(store, node)]
        assert len(told) == len(set(told)) == BUSY_ISSUED

    def test_a_withdrawn_certificate_is_told_and_shown_to_nobody_any_more(self, store: DayStore) -> None:
        store.run()
        with read_transaction(store.engine) as connection:
            uvci = connection.execute(select(health_certificates.c.uvci).order_by(health_certificates.c.dose)).scalar()
        assert uvci is not None

        def withdraw() -> bool:
            return withdraw_certificate(
                uvci, reason="Nhầm người", by="Trần Bình", engine=store.engine, keys=store.keys, now=EVENING + 60
            )

        count = sum(len(one.texts) for one in passport_texts(store.engine))
        assert withdraw()
        assert not withdraw()
        assert sum(len(one.texts) for one in passport_texts(store.engine)) == count - 1
        revoked = [one for node in NODES for one in told_certificates(store, node) if not one.hc1]
        assert [(one.state, one.at) for one in revoked] == [(CertificateState.REVOKED, EVENING + 60)]

    def test_there_is_nothing_to_withdraw_under_an_unknown_number(self, store: DayStore) -> None:
        with pytest.raises(ProtocolError) as caught:
            withdraw_certificate("URN:UVCI:01:VN:X", reason="", by="", engine=store.engine, keys=store.keys, now=1)
        assert caught.value.code is Code.UVCI_INVALID


def test_the_verbs_are_there() -> None:
    for verb in ("withdraw-certificate", "build-packs", "build-pack"):
        assert CliRunner().invoke(main, [verb, "--help"]).exit_code == 0


def test_feeds_and_changes_are_sound_after_all_of_it(store: DayStore) -> None:
    store.run()
    change(store, [admitted(store.engine, "19002A")[1]], REVOKED)
    tell_verdicts(store.engine, keys=store.keys, now=EVENING + 60)
    tell_passports(store.engine, keys=store.keys, now=EVENING + 60)
    with read_transaction(store.engine) as connection:
        assert connection.execute(select(change_rows.c.number)).scalars().all() == [1]
        assert check_feeds(connection) == []
        assert check_verdict_changes(connection) == []
