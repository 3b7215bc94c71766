"""A node that was alone for long: everything is recorded, everything is said, and a signature has its reason."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from edge.domain.offline_gate import GateCode, GateLevel
from edge.domain.pass_journal import PassCode, PassRefusedError
from edge.domain.roles import Role
from edge.store import audit, bundles, link, offline_reasons, passes, population, sets
from edge.store.audit import Action
from edge.store.database import Tables
from edge.store.offline_reasons import OfflineReason
from edge.workflow.exchange import exchange
from edge.workflow.judge_offline import gate_facts, held_policy, offline_findings
from edge.workflow.prepare_pass import Officer, prepare_pass
from edge.workflow.sign_pass import sign_pass
from sync_protocol.batch import parse_batch
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.manifest import Manifest
from sync_protocol.offline_policy import DEFAULT_OFFLINE
from sync_protocol.population import PopulationPack, TagKind
from tests.browser.signing_desk import OFFICER_NAME, preview, sign, signing
from tests.browser.visitor import Visitor, add_user, make_node, visit
from tests.edge.station import AFTERNOON, DAY_SECONDS, MORNING, OFFICER, Station, make_station

HOUR = 3_600
REASON = "Trạm mất sóng từ thứ Hai"


@pytest.fixture
def station(tmp_path: Path) -> Station:
    return make_station(tmp_path)


def alone(station: Station, hours: int) -> list[int]:
    """Let so many hours pass without contact; gives doses of that day, ready to be signed."""
    station.clock.at = AFTERNOON + hours * HOUR
    return station.record(2, given_at=station.clock.at - HOUR)


def try_to_sign(station: Station, officer: Officer = OFFICER) -> Manifest:
    """Sign what is ready; gives what the statement says."""
    sealed = sign_pass(
        station.database,
        station.plan()[0],
        station.signer,
        officer=officer,
        now=station.clock.now(),
        entropy=station.entropy,
    )
    return manifest_of(station, sealed.pass_id)


def manifest_of(station: Station, pass_id: int) -> Manifest:
    with station.database.read() as tables:
        stored = passes.find(tables, pass_id)
    assert stored is not None
    assert stored.statement is not None
    return parse_batch(stored.statement).statement.manifest


def old_pack(tables: Tables, *, at: int) -> None:
    """A population pack that was made then."""
    tags = dict.fromkeys(TagKind, b"")
    pack = PopulationPack(
        version=1, facility="19001", issued_at=at, expires_at=at + DAY_SECONDS, pack_key=bytes(32), people=0, tags=tags
    )
    population.replace(tables, pack, at=at)


@pytest.mark.parametrize(("hours", "level"), [(23, None), (24, GateLevel.WARN), (47, GateLevel.WARN)])
def test_up_to_the_warning_a_signature_needs_nothing(station: Station, hours: int, level: GateLevel | None) -> None:
    alone(station, hours)
    with station.database.read() as tables:
        found = offline_findings(tables, DEFAULT_OFFLINE, now=station.clock.now())
    assert [one.level for one in found] == ([] if level is None else [level])
    assert try_to_sign(station, replace(OFFICER, offline_reason=REASON)).offline_reason == ""


def test_past_it_the_reason_is_asked_for_kept_audited_and_signed(station: Station) -> None:
    alone(station, 48)
    with pytest.raises(PassRefusedError) as refused:
        try_to_sign(station)
    assert refused.value.code is PassCode.OFFLINE_REASON
    with station.database.read() as tables:
        assert passes.numbers(tables) == []
    manifest = try_to_sign(station, replace(OFFICER, offline_reason=f"  {REASON} ", by="Sáu"))
    assert manifest.offline_reason == REASON
    with station.database.read() as tables:
        assert offline_reasons.find(tables, 1) == OfflineReason(
            1, REASON, "offline-contact=48", station.clock.at, "Sáu"
        )
        (entry,) = (one for one in audit.entries(tables) if one.action == Action.OFFLINE_REASON_GIVEN)
    # The trail names figures; the words are a person's.
    assert (entry.subject, entry.actor, entry.details) == ("pass:1", "Sáu", "offline-contact=48")


def test_a_reason_that_no_statement_may_hold_is_refused_before_the_token(station: Station) -> None:
    alone(station, 48)
    officer = replace(OFFICER, offline_reason="x" * 101)
    with pytest.raises(ProtocolError) as refused:
        prepare_pass(
            station.database, station.plan()[0], officer=officer, now=station.clock.now(), entropy=station.entropy
        )
    assert refused.value.code is Code.FIELD_INVALID
    assert try_to_sign(station, replace(OFFICER, offline_reason="x" * 100)).offline_reason == "x" * 100


def test_past_three_days_a_second_person_is_needed_however_good_the_reason(station: Station) -> None:
    alone(station, 72)
    with pytest.raises(PassRefusedError) as refused:
        try_to_sign(station, replace(OFFICER, offline_reason=REASON, approver="Lê Văn Duyệt"))
    assert refused.value.code is PassCode.OFFLINE_SECOND


def test_the_catalogue_says_how_long(station: Station) -> None:
    with station.database.read() as tables:
        assert held_policy(tables).offline == DEFAULT_OFFLINE


def test_every_tie_is_read_from_the_store_and_none_hides_another(station: Station) -> None:
    station.record(2)
    station.sign()
    station.clock.at = now = AFTERNOON + 400 * DAY_SECONDS
    with station.database.write_transaction() as tables:
        old_pack(tables, at=AFTERNOON)
        tables.execute(
            "INSERT INTO registered_certificates (serial, officer, state, valid_from, crl_at, crl_until, organisation,"
            " remark) VALUES ('0A', '', 'registered', 0, ?, ?, '', '')",
            (AFTERNOON, AFTERNOON + DAY_SECONDS),
        )
        trust = sets.StoredSet(
            sets.StoredSetKind.TRUST_LIST, 1, cose=b"x", expires_at=AFTERNOON + DAY_SECONDS, imported_at=AFTERNOON
        )
        sets.add(tables, trust)
        tables.execute("INSERT INTO contact_missing VALUES ('items', 9, ?)", (AFTERNOON,))
        tables.execute("INSERT INTO clock_mark VALUES (1, ?, ?, 1)", (now - DAY_SECONDS, now))
        policy = replace(DEFAULT_OFFLINE, unsent_warn_doses=2, unsent_reason_doses=2)
        found = {one.code: one.figure for one in offline_findings(tables, policy, now=now)}
        facts = gate_facts(tables, now=now)
    assert set(found) == set(GateCode)
    assert (found[GateCode.CONTACT], found[GateCode.UNSENT], found[GateCode.PACK]) == (9_600, 2, 400)
    assert (found[GateCode.REVOCATIONS], found[GateCode.TRUST_LIST], found[GateCode.CATALOGUE]) == (400, 399, 100)
    assert (facts.contact_at, facts.unsent_since) == (AFTERNOON, AFTERNOON)


def test_a_contact_ends_the_silence_and_nothing_was_dropped_meanwhile(station: Station) -> None:
    alone(station, 60)
    try_to_sign(station, replace(OFFICER, offline_reason=REASON))
    with station.database.read() as tables:
        assert bundles.unsent(tables) == 1
    exchange(station.database, station.centre, now=station.clock.now, entropy=station.entropy)
    with station.database.read() as tables:
        assert link.state(tables).reached_at == station.clock.at
        assert offline_findings(tables, DEFAULT_OFFLINE, now=station.clock.now()) == ()
        assert bundles.unsent(tables) == 0
    # The centre read the statement with the reason in it.
    assert station.centre.admitted_doses
    station.record(1, given_at=station.clock.at - HOUR)
    assert try_to_sign(station).offline_reason == ""


def page_of(station: Station, tmp_path: Path, *, roles: tuple[Role, ...] = tuple(Role)) -> Visitor:
    return visit(make_node(tmp_path, station.database, station.clock), station.centre, roles=roles)


def test_nothing_is_shown_while_all_is_well(tmp_path: Path, station: Station) -> None:
    station.record(1)
    visitor = page_of(station, tmp_path)
    for page in ("/", "/sync", "/doses/new"):
        assert 'class="note plain alone"' not in visitor.get(page)
        assert "điều cần xem" not in visitor.text
    assert 'name="offline_reason"' not in preview(visitor)


def test_the_page_says_all_of_it_and_takes_the_reason(tmp_path: Path, station: Station) -> None:
    alone(station, 50)
    with station.database.write_transaction() as tables:
        old_pack(tables, at=AFTERNOON - 20 * DAY_SECONDS)
    visitor = page_of(station, tmp_path)
    for page in ("/", "/sync"):
        text = visitor.get(page)
        assert "Không có tin từ trung tâm đã 2 ngày" in text
        assert "Gói dữ liệu dân cư đã 22 ngày" in text
        assert "2 điều cần xem" in text
    assert "2 điều cần xem" in visitor.get("/doses/new")
    text = preview(visitor)
    assert "Không có tin từ trung tâm đã 2 ngày" in text
    assert "Gói dữ liệu dân cư đã 22 ngày" in text
    text = visitor.post("/sign/run", signing(visitor), status=409)
    assert re.search(r'<input id="offline_reason"[^>]* aria-invalid="true"', text)
    assert "cần ghi lý do" in text
    sign(visitor, signing(visitor, offline_reason=REASON))
    assert manifest_of(station, 1).offline_reason == REASON


def test_two_people_sign_after_three_days(tmp_path: Path, station: Station) -> None:
    alone(station, 73)
    node = make_node(tmp_path, station.database, station.clock)
    signer = visit(node, station.centre, roles=(Role.SIGNER,))
    text = preview(signer)
    assert "Máy xa trung tâm quá lâu nên cần hai người" in text
    signer.post("/sign/run", signing(signer, offline_reason=REASON), status=409)
    preview(signer)
    asked = signer.post("/sign/approvals", signer.hidden())
    assert "Chờ phê duyệt" in asked
    add_user(node, login="duyet", name="Lê Văn Duyệt", roles=(Role.MANAGER,))
    manager = visit(node, station.centre, roles=(Role.MANAGER,))
    with node.database.write_transaction() as tables:
        tables.execute("UPDATE users SET name = 'Lê Văn Duyệt' WHERE login = 'MANAGER'")
    manager.get("/sign/approvals/1")
    manager.post("/sign/approvals/1", {"do": "approve"})
    signer.get("/sign/approvals/1")
    refused = signer.post("/sign/run", signing(signer), status=409)
    assert 'id="offline_reason"' in refused
    sign(signer, signing(signer, offline_reason=REASON))
    manifest = manifest_of(station, 1)
    assert (manifest.offline_reason, manifest.approver, manifest.signer_name) == (REASON, "Lê Văn Duyệt", OFFICER_NAME)


def test_doses_of_a_site_that_was_alone_for_a_year_are_recorded_like_any_other(
    tmp_path: Path, station: Station
) -> None:
    alone(station, 24 * 365)
    assert station.clock.at > MORNING
    visitor = page_of(station, tmp_path)
    visitor.get("/doses/new")
    form = visitor.fields() | {
        "name": "Nguyễn Thị Mới",
        "sex": "F",
        "birth_date": "01/03/1985",
        "number": "054185000999",
        "product": "AZ",
        "lot": "ABX1234",
        "lot_expiry": "31/12/2029",
        "dose_number": "1",
        "vaccinator": "Lê Văn Kim",
        "phone": "0900000999",
        "address_unit": "05413",
    }
    with station.database.read() as tables:
        before = tables.execute("SELECT count(*) FROM doses").fetchone()[0]
    visitor.post("/doses", form, status=None)
    with station.database.read() as tables:
        assert tables.execute("SELECT count(*) FROM doses").fetchone()[0] == before + 1
