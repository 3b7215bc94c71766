"""A signing pass from the plan to the sealed bundle, cut off at every statement and at every use of the token."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from edge.domain.pass_journal import PassCode, PassRefusedError, PassState
from edge.domain.signing_filter import SigningFilter
from edge.domain.signing_pass import PlannedPass
from edge.store import bundles, passes
from edge.store.database import Database
from edge.workflow.check_store import check_store
from edge.workflow.exchange import exchange
from edge.workflow.plan_passes import plan_passes
from edge.workflow.prepare_pass import Officer, prepare_pass
from edge.workflow.sign_pass import abandon_pass, resume_pass, sign_pass, sign_plan
from sync_protocol.batch import Purpose, parse_batch
from sync_protocol.bundle import parse_batch_body, parse_bundle
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.identity import IdentityState
from sync_protocol.signers.key_signer import KeySigner
from sync_protocol.signers.token_errors import TokenCode, TokenError
from tests.builders import SeededEntropy, ec_key
from tests.edge.power_cut import Fuse, FusedSigner, PowerCutError
from tests.edge.station import (
    AFTERNOON,
    DATA_KEY,
    DAY_SECONDS,
    MORNING,
    OFFICER,
    Station,
    make_station,
    organisation_signer,
)
from tests.simulator import POLICY


def test_a_pass_is_one_token_operation_one_batch_and_one_bundle(tmp_path: Path) -> None:
    station = make_station(tmp_path)
    station.record(20, per_person=3)
    station.record(4, state=IdentityState.MISMATCH)
    sealed = station.sign()
    assert (sealed.people, sealed.doses, sealed.bundle) == (20, 60, 1)
    assert station.signer.operations == 1
    assert check_store(station.database).findings == ()


def test_what_travels_is_what_was_signed(tmp_path: Path) -> None:
    station = make_station(tmp_path)
    sequences = station.record(5)
    station.sign()
    with station.database.read() as tables:
        bundle = bundles.find(tables, 1, 1)
        stored = passes.find(tables, 1)
    assert bundle is not None
    assert stored is not None
    body = parse_batch_body(parse_bundle(bundle.inner).claimed.body)
    manifest = parse_batch(body.statement).statement.manifest
    assert body.statement == stored.statement
    assert (manifest.signer_name, manifest.claimed_at, manifest.purpose) == (OFFICER.name, AFTERNOON, Purpose.SAME_DAY)
    assert manifest.doses == len(sequences)


def test_each_statement_names_the_one_before_and_the_newest_head(tmp_path: Path) -> None:
    station = make_station(tmp_path)
    manifests = []
    for _ in range(3):
        station.record(2)
        station.sign()
        exchange(station.database, station.centre, now=station.clock.now, entropy=station.entropy)
        station.clock.at += 60
    with station.database.read() as tables:
        for pass_id in passes.numbers(tables):
            stored = passes.find(tables, pass_id)
            assert stored is not None
            assert stored.statement is not None
            manifests.append(parse_batch(stored.statement).statement.manifest)
    assert [manifest.batch_number for manifest in manifests] == [1, 2, 3]
    assert manifests[0].previous is None
    assert manifests[0].checkpoint is None
    assert [manifest.checkpoint.size for manifest in manifests[1:] if manifest.checkpoint] == [2, 3]
    assert len({manifest.previous for manifest in manifests}) == 3


def test_a_thousand_and_one_people_are_two_passes_of_one_turn(tmp_path: Path) -> None:
    station = make_station(tmp_path)
    station.record(1_001)
    plan = plan_passes(station.database, POLICY, now=AFTERNOON)
    sealed = list(
        sign_plan(station.database, plan, station.signer, officer=OFFICER, now=AFTERNOON, entropy=station.entropy)
    )
    assert [one.people for one in sealed] == [1_000, 1]
    assert station.signer.operations == 2
    assert check_store(station.database).findings == ()


def _run(station: Station, planned: PlannedPass, signer: FusedSigner) -> None:
    sign_pass(station.database, planned, signer, officer=OFFICER, now=AFTERNOON, entropy=station.entropy)


def _count_events(directory: Path) -> int:
    directory.mkdir()
    fuse = Fuse()
    station = make_station(directory, tracer=fuse.statement)
    station.record(3)
    planned = station.plan()[0]
    fuse.events = 0
    _run(station, planned, FusedSigner(station.signer, fuse))
    return fuse.events


def test_cut_at_every_statement_and_token_use_the_same_bytes_come_out_once(tmp_path: Path) -> None:
    total = _count_events(tmp_path / "count")
    assert total > 30
    states = set()
    for blows_at in range(1, total + 1):
        directory = tmp_path / str(blows_at)
        directory.mkdir()
        fuse = Fuse()
        station = make_station(directory, tracer=fuse.statement)
        station.record(3)
        planned = station.plan()[0]
        signer = FusedSigner(station.signer, fuse)
        fuse.events, fuse.blows_at = 0, blows_at
        with pytest.raises(PowerCutError):
            _run(station, planned, signer)
        # The process is gone; another one opens the file.
        station.database.close()
        after = replace(station, database=Database(station.database.path, DATA_KEY))
        fuse.blows_at = None
        with after.database.read() as tables:
            before = passes.find(tables, 1)
        states.add(None if before is None else before.state)
        resumed = resume_pass(after.database, signer, now=AFTERNOON + 60, entropy=SeededEntropy(blows_at))
        if resumed is None and not (before is not None and before.state is PassState.SEALED):
            assert before is None
            after.sign(planned)
        _assert_signed_once(after, payload=None if before is None else before.statement_payload)
        # Whatever the token signed in between, it was this one statement.
        assert len(set(signer.made)) <= 1
        after.database.close()
    assert states == {None, PassState.PREPARED, PassState.SIGNED, PassState.SEALED}


def test_the_harness_sees_a_resume_that_starts_anew(tmp_path: Path) -> None:
    # The planted fault: forgetting what was prepared, and signing the same doses under another statement.
    station = make_station(tmp_path)
    station.record(3)
    prepare_pass(station.database, station.plan()[0], officer=OFFICER, now=AFTERNOON, entropy=station.entropy)
    with station.database.read() as tables:
        before = passes.find(tables, 1)
    assert before is not None
    abandon_pass(station.database, actor="", now=AFTERNOON)
    station.sign()
    with pytest.raises(AssertionError):
        _assert_signed_once(station, payload=before.statement_payload)


def _assert_signed_once(station: Station, *, payload: bytes | None) -> None:
    exchange(station.database, station.centre, now=station.clock.now, entropy=station.entropy)
    assert station.centre.admitted_doses == ["19001A-000001", "19001A-000002", "19001A-000003"]
    assert check_store(station.database).findings == ()
    with station.database.read() as tables:
        stored = passes.find(tables, 1)
        assert passes.numbers(tables) == [1]
        assert bundles.chain(tables) == [(1, 1)]
    assert stored is not None
    assert stored.state is PassState.SEALED
    assert payload is None or stored.statement_payload == payload


def test_a_killed_process_leaves_a_pass_that_goes_on(tmp_path: Path) -> None:
    station = make_station(tmp_path)
    station.record(3)
    station.database.close()
    script = (
        "import os, signal, sys; from pathlib import Path\n"
        "from tests.edge import killed_process\n"
        "killed_process.run(Path(sys.argv[1]), sys.argv[2])\n"
    )
    for moment in ("token asked", "UPDATE passes SET state = 'signed'", "INSERT INTO bundles"):
        done = subprocess.run(
            [sys.executable, "-c", script, str(station.database.path), moment],
            check=False,
            cwd=Path(__file__).parents[2],
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        )
        assert done.returncode == -signal.SIGKILL
    sealed = resume_pass(station.database, station.signer, now=AFTERNOON, entropy=station.entropy)
    assert sealed is not None
    _assert_signed_once(station, payload=None)


def test_an_abandoned_pass_gives_its_doses_and_its_number_back(tmp_path: Path) -> None:
    station = make_station(tmp_path)
    station.record(3)
    prepare_pass(station.database, station.plan()[0], officer=OFFICER, now=AFTERNOON, entropy=station.entropy)
    assert station.plan() == ()
    with pytest.raises(PassRefusedError) as caught:
        resume_pass(station.database, None, now=AFTERNOON, entropy=station.entropy)
    assert caught.value.code is PassCode.SIGNER_UNSET
    assert abandon_pass(station.database, actor="Trưởng trạm", now=AFTERNOON)
    assert not abandon_pass(station.database, actor="Trưởng trạm", now=AFTERNOON)
    sealed = station.sign()
    assert (sealed.pass_id, sealed.batch_number) == (2, 1)
    assert check_store(station.database).findings == ()


def test_a_second_pass_waits_for_the_open_one(tmp_path: Path) -> None:
    station = make_station(tmp_path)
    station.record(2)
    single = [SigningFilter(ranges=((one, one),)) for one in (1, 2)]
    plans = [plan_passes(station.database, POLICY, now=AFTERNOON, wanted=one).passes[0] for one in single]
    prepare_pass(station.database, plans[0], officer=OFFICER, now=AFTERNOON, entropy=station.entropy)
    with pytest.raises(PassRefusedError) as caught:
        station.sign(plans[1])
    assert caught.value.code is PassCode.OPEN_ALREADY


def test_a_selection_that_changed_after_the_preview_is_not_signed(tmp_path: Path) -> None:
    station = make_station(tmp_path)
    station.record(2)
    planned = station.plan()[0]
    station.sign(planned)
    with pytest.raises(PassRefusedError) as caught:
        station.sign(planned)
    assert caught.value.code is PassCode.SELECTION_CHANGED
    changed = replace(planned, doses=(replace(planned.doses[0], sequence=2, lot="KHAC"),))
    with pytest.raises(PassRefusedError):
        station.sign(changed)
    assert station.signer.operations == 1


def test_the_clock_going_back_behind_the_last_statement_is_refused(tmp_path: Path) -> None:
    station = make_station(tmp_path)
    station.record(1)
    station.sign()
    station.record(1)
    planned = station.plan()[0]
    station.clock.at -= 3_600
    with pytest.raises(PassRefusedError) as caught:
        station.sign(planned)
    assert caught.value.code is PassCode.CLOCK_BACK


def test_a_pass_needs_the_name_of_the_officer(tmp_path: Path) -> None:
    station = make_station(tmp_path)
    station.record(1)
    with pytest.raises(PassRefusedError) as caught:
        prepare_pass(station.database, station.plan()[0], officer=Officer("  "), now=AFTERNOON, entropy=station.entropy)
    assert caught.value.code is PassCode.SIGNER_NAME


def test_an_ended_or_missing_certificate_is_refused_before_anything_is_stored(tmp_path: Path) -> None:
    station = make_station(tmp_path)
    station.record(1)
    planned = station.plan()[0]
    ended = organisation_signer(days=30)
    with pytest.raises(ProtocolError) as expired:
        sign_pass(station.database, planned, ended, officer=OFFICER, now=AFTERNOON, entropy=station.entropy)
    assert expired.value.code is Code.CERTIFICATE_EXPIRED
    bare = KeySigner(ec_key("organisation"))
    with pytest.raises(TokenError) as missing:
        sign_pass(station.database, planned, bare, officer=OFFICER, now=AFTERNOON, entropy=station.entropy)
    assert missing.value.code is TokenCode.CERTIFICATE_MISSING
    with station.database.read() as tables:
        assert passes.numbers(tables) == []


class _FlippingSigner(FusedSigner):
    """A faulty token: its first signature has one flipped bit."""

    def sign(self, message: bytes) -> bytes:
        signature = super().sign(message)
        return signature if len(self.made) > 1 else bytes([signature[0] ^ 1]) + signature[1:]


def test_a_wrong_signature_is_never_stored_and_the_pass_can_be_resumed(tmp_path: Path) -> None:
    station = make_station(tmp_path)
    station.record(1)
    faulty = _FlippingSigner(station.signer, Fuse())
    with pytest.raises(ProtocolError) as caught:
        _run(station, station.plan()[0], faulty)
    assert caught.value.code is Code.SIGNATURE_INVALID
    with station.database.read() as tables:
        stored = passes.open_pass(tables)
    assert stored is not None
    assert stored.state is PassState.PREPARED
    assert resume_pass(station.database, faulty, now=AFTERNOON, entropy=station.entropy) is not None
    assert check_store(station.database).findings == ()


class _OtherWindow(FusedSigner):
    """While the token works, somebody gives the pass up, or finishes it, in another window."""

    def meanwhile(self, act: Callable[[], object]) -> _OtherWindow:
        self._act = act
        return self

    def sign(self, message: bytes) -> bytes:
        signature = super().sign(message)
        if len(self.made) == 1:
            self._act()
        return signature


@pytest.mark.parametrize("finishes", [False, True])
def test_a_pass_that_another_window_ended_meanwhile_is_theirs(tmp_path: Path, finishes: bool) -> None:
    station = make_station(tmp_path)
    station.record(3)
    token = _OtherWindow(station.signer, Fuse())

    def act() -> None:
        if finishes:
            resume_pass(station.database, token, now=AFTERNOON, entropy=station.entropy)
        else:
            abandon_pass(station.database, actor="Trưởng trạm", now=AFTERNOON)

    with pytest.raises(PassRefusedError) as caught:
        _run(station, station.plan()[0], token.meanwhile(act))
    assert caught.value.code is PassCode.MOVED_ON
    if not finishes:
        station.sign()
    with station.database.read() as tables:
        assert bundles.unsent(tables) == 1
    assert check_store(station.database).findings == ()


def stated_reason(station: Station) -> str:
    """Why the doses of the first bundle come late, by the signed statement."""
    with station.database.read() as tables:
        bundle = bundles.find(tables, 1, 1)
    assert bundle is not None
    body = parse_batch_body(parse_bundle(bundle.inner).claimed.body)
    return parse_batch(body.statement).statement.manifest.late_reason


def test_late_doses_carry_their_reason_in_the_journal_and_in_the_statement(tmp_path: Path) -> None:
    station = make_station(tmp_path)
    station.record(2, given_at=MORNING - DAY_SECONDS)
    assert station.plan() == ()
    planned = station.plan(late_reason="Mất điện")[0]
    officer = replace(OFFICER, late_reason="Mất điện")
    sign_pass(station.database, planned, station.signer, officer=officer, now=AFTERNOON, entropy=station.entropy)
    with station.database.read() as tables:
        stored = passes.find(tables, 1)
    assert stored is not None
    assert (stored.purpose, stored.late_reason) == (Purpose.BACKLOG, "Mất điện")
    assert stated_reason(station) == "Mất điện"


def test_doses_of_today_state_no_reason_for_being_late(tmp_path: Path) -> None:
    station = make_station(tmp_path)
    station.record(2)
    officer = replace(OFFICER, late_reason="Mất điện")
    sign_pass(
        station.database, station.plan()[0], station.signer, officer=officer, now=AFTERNOON, entropy=station.entropy
    )
    assert stated_reason(station) == ""


@pytest.mark.parametrize("reason", ["x" * 301, "Mất\u202eđiện"])
def test_a_reason_that_no_statement_may_hold_is_refused_before_the_token(tmp_path: Path, reason: str) -> None:
    station = make_station(tmp_path)
    station.record(2, given_at=MORNING - DAY_SECONDS)
    planned = station.plan(late_reason=reason)[0]
    officer = replace(OFFICER, late_reason=reason)
    with pytest.raises(ProtocolError) as caught:
        prepare_pass(station.database, planned, officer=officer, now=AFTERNOON, entropy=station.entropy)
    assert caught.value.code is Code.FIELD_INVALID
    with station.database.read() as tables:
        assert passes.open_pass(tables) is None
