"""A site closes its day: its sheet is in the ledger, and the operator sees who agrees and who is silent."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import text

from central.cli import main
from central.domain.closing import Agreement
from central.domain.node import NodeState
from central.store import nodes
from central.store.closings import newest_closings
from central.store.database import read_transaction, write_transaction
from central.workflow.check_centre import check_centre
from central.workflow.day_closings import DayClosings, day_closings
from sync_protocol import cbor
from sync_protocol.bundle import BundleKind
from sync_protocol.closing import DayClosing, encode_closing
from sync_protocol.errors import Code
from sync_protocol.identity import EvidenceSource, IdentityEvidence, IdentityState
from sync_protocol.receipt import VerifiedReceipt
from tests.central.pages import DAY, SECRETS, assert_quiet, pages_client, read_page
from tests.central.scenario import EVENING, MORNING, Site, World
from tests.central.snapshots import snapshot

MISMATCH = IdentityEvidence(IdentityState.MISMATCH, EvidenceSource.PACK, "pack-1", MORNING)


def sheet_of(site: Site, *, admitted: int, **changes: object) -> DayClosing:
    """A sheet of a day on which everything was signed and admitted, unless something else is said."""
    sheet = DayClosing(
        facility=site.facility,
        day=DAY,
        revision=1,
        closed_at=EVENING,
        closed_by="Trần Thị Lan",
        recorded=admitted,
        signed=admitted,
        received=admitted,
        admitted=admitted,
        quarantined=0,
        refused=0,
        waiting=(),
        audit_entries=12,
        audit_head=bytes(32),
        last_dose=admitted,
        remark="",
    )
    return replace(sheet, **changes)  # type: ignore[arg-type]


def close(site: Site, sheet: DayClosing) -> VerifiedReceipt:
    return site.send_inner(site.link(encode_closing(sheet), kind=BundleKind.CLOSING))


def closings_of(world: World, day: str = DAY) -> DayClosings:
    return day_closings(world.centre.engine, day)


def send_doses(site: Site, people: list[int], *, of_nobody: int = 0) -> None:
    """A batch that is admitted but for so many doses of people whom the registry does not have so."""
    good, faulty = site.doses(people), site.doses(range(900, 900 + of_nobody), evidence=MISMATCH)
    site.world.know(good)
    site.send([*good, *faulty])


def words(world: World, address: str) -> str:
    answer = pages_client(world).get(address)
    assert answer.status_code == 200
    assert_quiet(answer.text)
    assert SECRETS.search(answer.text) is None
    return read_page(answer.text)[1]


def test_a_closing_is_admitted_and_kept_as_it_was_signed(any_world: World) -> None:
    site = any_world.site()
    send_doses(site, [1, 2, 3])
    sheet = sheet_of(site, admitted=3, recorded=4, waiting=(("unsigned", 1),), remark="Một mũi chờ ký.")
    receipt = close(site, sheet)
    assert (receipt.entry.kind, receipt.entry.refusal, receipt.entry.doses) == ("closing", None, 0)
    assert receipt.verdicts == ()
    with read_transaction(any_world.centre.engine) as connection:
        kept = newest_closings(connection, DAY)
        assert newest_closings(connection, "2022-04-14") == {}
    assert {node: found.sheet for node, found in kept.items()} == {"19001A": sheet}
    assert kept["19001A"].arrived_at == receipt.entry.admitted_at
    send_doses(site, [4])
    assert check_centre(any_world.centre.engine).findings == ()


def test_a_repeated_closing_gets_the_first_receipt_byte_for_byte(any_world: World) -> None:
    site = any_world.site()
    inner = site.link(encode_closing(sheet_of(site, admitted=0)), kind=BundleKind.CLOSING)
    sealed = site.seal(inner)
    first = any_world.offer(sealed)
    site.moved(inner)
    close(site, sheet_of(site, admitted=0, revision=2))
    any_world.clock.at += 86_400
    before = snapshot(any_world)
    assert any_world.offer(sealed) == first
    assert any_world.offer(site.seal(inner)) == first
    after = snapshot(any_world)
    assert after["closings"] == before["closings"] == 2
    assert after["ledger_entries"] == before["ledger_entries"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({1: "19002"}, Code.FACILITY_MISMATCH),
        ({6: 5}, Code.CLOSING_SUMS),
        ({17: 1}, Code.FIELD_UNKNOWN),
        ({2: "2022-04-31"}, Code.FIELD_INVALID),
        ({14: None}, Code.FIELD_INVALID),
    ],
)
def test_a_closing_that_is_wrong_is_refused_with_a_receipt_and_holds_nothing_back(
    world: World, changes: dict[int | str, object], code: Code
) -> None:
    site = world.site()
    world.site("19002", "19002A")
    fields = cbor.decode(encode_closing(sheet_of(site, admitted=3)), max_bytes=8_192)
    assert isinstance(fields, dict)
    body = cbor.encode({**fields, **changes})
    receipt = site.send_inner(site.link(body, kind=BundleKind.CLOSING))
    assert receipt.entry.refusal is code
    assert snapshot(world)["closings"] == 0
    send_doses(site, [1])
    assert close(site, sheet_of(site, admitted=1)).entry.refusal is None
    assert check_centre(world.centre.engine).findings == ()


def test_bytes_that_are_no_sheet_are_refused(world: World) -> None:
    site = world.site()
    for body, code in ((b"", Code.NOT_CBOR), (b"\xa0", Code.FIELD_MISSING), (bytes(9_000), Code.TOO_LARGE)):
        assert site.send_inner(site.link(body, kind=BundleKind.CLOSING)).entry.refusal is code


def test_of_several_sheets_of_a_day_the_newest_epoch_and_revision_counts(any_world: World) -> None:
    site = any_world.site()

    def counting() -> tuple[int, str]:
        (closed,) = closings_of(any_world).closed
        return closed.sheet.revision, closed.sheet.remark

    close(site, sheet_of(site, admitted=0, remark="một"))
    close(site, sheet_of(site, admitted=0, revision=2, remark="hai"))
    assert counting() == (2, "hai")
    close(site, sheet_of(site, admitted=0, revision=1, remark="cũ"))
    assert counting() == (2, "hai")
    close(site, sheet_of(site, admitted=0, revision=2, remark="hai, sau"))
    assert counting() == (2, "hai, sau")
    # A node that was restored counts its sheets anew.
    close(any_world.site(), sheet_of(site, admitted=0, remark="đời mới"))
    assert counting() == (1, "đời mới")


def test_the_centre_compares_its_own_count_and_names_who_has_not_closed(any_world: World) -> None:
    sites = [any_world.site(f"1900{place}", f"1900{place}A") for place in range(1, 7)]
    for place, site in enumerate(sites[:4]):
        send_doses(site, [10 * place, 10 * place + 1, 10 * place + 2], of_nobody=1 if place == 3 else 0)
    for site, admitted in zip(sites[:3], (3, 2, 4), strict=True):
        close(site, sheet_of(site, admitted=admitted))
    close(sites[4], sheet_of(sites[4], admitted=0))
    found = closings_of(any_world)
    assert [(one.node, one.agreement, one.counted) for one in found.closed] == [
        ("19002A", Agreement.MORE, 3),
        ("19003A", Agreement.FEWER, 3),
        ("19001A", Agreement.SAME, 3),
        ("19005A", Agreement.SAME, 0),
    ]
    assert [(one.node, one.doses) for one in found.silent] == [("19004A", 4)]
    assert [one.node for one in found.unheard] == ["19006A"]
    with write_transaction(any_world.centre.engine) as connection:
        nodes.set_state(connection, "19006A", NodeState.DENIED)
    assert closings_of(any_world).unheard == ()


def test_doses_in_doubt_and_replaced_versions_are_not_admitted_doses(world: World) -> None:
    site = world.site()
    send_doses(site, [1], of_nobody=2)
    wrong = site.dose(2)
    world.know([wrong])
    site.send([wrong])
    site.send([site.dose(2, product="PF", replaces=wrong.sequence, replace_reason="Sai vắc xin")])
    waiting = (("identity-mismatch", 2),)
    close(site, sheet_of(site, admitted=2, recorded=4, signed=4, received=4, quarantined=2, waiting=waiting))
    (closed,) = closings_of(world).closed
    assert (closed.counted, closed.agreement) == (2, Agreement.SAME)


def test_the_page_puts_the_silent_sites_first_and_says_why_doses_wait(world: World) -> None:
    here, there, nowhere = world.site(), world.site("19002", "19002A"), world.site("19003", "19003A")
    send_doses(here, [1, 2, 3])
    send_doses(there, [4, 5])
    waiting = (("late-reason", 1), ("lot-expired", 1), ("new-word", 2), ("unsent", 3))
    sheet = sheet_of(here, admitted=3, recorded=10, signed=8, received=5, quarantined=1, waiting=waiting)
    close(here, replace(sheet, revision=2, remark="Đã báo <y tế> xã"))
    said = words(world, f"/operator/closings?day={DAY}")
    assert "1 nút đã chốt ngày, 1 nút có mũi tiêm mà chưa chốt ngày, 1 nút chưa có tin gì" in said
    assert "Trạm y tế 19002 nút 19002A 2 ! Chưa chốt ngày 17:00" in said
    assert "Trạm y tế 19001 nút 19001A 10 8 5 3" in said
    assert "1 ký chậm, chưa ghi lý do 1 lô hết hạn 2 new-word 3 đã ký, chưa có biên nhận ✓ Khớp" in said
    assert "17:00, Trần Thị Lan bản chốt lần 2 Đã báo <y tế> xã về trung tâm 17:00" in said
    assert f"Trạm y tế {nowhere.facility} nút {nowhere.node}" in said
    order = [said.index(part) for part in ("19002A", "19001A", "19003A")]
    assert order == sorted(order)


def test_the_page_says_how_many_doses_the_centre_has_more_or_fewer(world: World) -> None:
    more, fewer = world.site(), world.site("19002", "19002A")
    send_doses(more, [1, 2, 3])
    send_doses(fewer, [4])
    close(more, sheet_of(more, admitted=1))
    close(fewer, sheet_of(fewer, admitted=1_004))
    said = words(world, "/operator/closings")
    assert "… Trung tâm có thêm 2 mũi" in said
    assert "✕ Trung tâm thiếu 1.003 mũi" in said
    assert "Có mũi tiêm, chưa chốt ngày" not in said


def test_the_page_is_linked_asks_for_a_day_and_is_served_here_alone(world: World) -> None:
    send_doses(world.site(), [1])
    client = pages_client(world)
    assert f'href="/operator/closings?day={DAY}"' in client.get(f"/operator?day={DAY}").text
    assert 'href="/operator/closings"' in client.get("/operator?day=all").text
    back = client.get("/operator/closings").text
    assert f'href="/operator?day={DAY}"' in back
    assert 'href="/operator/closings?day=2022-04-15" aria-current="page"' in back
    assert "Chưa có cơ sở nào chốt ngày này" in words(world, "/operator/closings?day=2022-04-10")
    assert "Chốt ngày 15/04/2022" in words(world, "/operator/closings?day=all")
    assert client.get("/operator/closings?day=2022-04-31").status_code == 400
    assert client.get("/operator/closings", environ_base={"REMOTE_ADDR": "192.0.2.7"}).status_code == 403


@pytest.mark.parametrize(
    "statement",
    [
        "DELETE FROM closings",
        "UPDATE closings SET revision = 2",
        "UPDATE closings SET day = '2022-04-14'",
        "UPDATE closings SET sheet = CAST(substr(sheet, 2) AS BLOB)",
        "UPDATE closings SET ledger_index = 2",
    ],
)
def test_a_stored_sheet_that_was_changed_is_found(world: World, statement: str) -> None:
    site = world.site()
    close(site, sheet_of(site, admitted=0))
    send_doses(site, [1])
    assert check_centre(world.centre.engine).findings == ()
    with write_transaction(world.centre.engine) as connection:
        for verb in ("update", "delete"):
            connection.execute(text(f"DROP TRIGGER closings_no_{verb}"))
        assert connection.execute(text(statement)).rowcount == 1
    found = check_centre(world.centre.engine).findings
    assert {finding.invariant for finding in found} == {"I12"}
    assert "entry 1" in {finding.place for finding in found}


def test_a_closing_touches_no_dose_and_no_verdict(world: World) -> None:
    site = world.site()
    held = snapshot(world)
    close(site, sheet_of(site, admitted=7))
    after = snapshot(world)
    changed = {name for name, value in after.items() if value != held[name]}
    assert changed == {"heads", "ledger_entries", "tree_heads", "bundles", "bundle_seals", "closings"}


def test_the_command_line_names_the_closings_of_a_day(world: World, tmp_path: Path) -> None:
    here, there = world.site(), world.site("19002", "19002A")
    send_doses(here, [1, 2])
    send_doses(there, [3])
    close(here, sheet_of(here, admitted=2, recorded=3, waiting=(("unsigned", 1),)))
    place = str(tmp_path / "centre")
    asked = CliRunner().invoke(main, ["--directory", place, "status", "--json", "--day", DAY], catch_exceptions=False)
    assert asked.exit_code == 0
    told = json.loads(asked.stdout)["closings"]
    assert told["silent"] == {"19002A": 1}
    assert told["unheard"] == []
    assert told["closed"]["19001A"]["waiting"] == {"unsigned": 1}
    assert (told["closed"]["19001A"]["counted"], told["closed"]["19001A"]["agreement"]) == (2, "same")
    assert "CHƯA CHỐT NGÀY: Trạm y tế 19002" in asked.stderr
    assert "Trần Thị Lan" not in asked.output
    without = CliRunner().invoke(main, ["--directory", place, "status", "--json"], catch_exceptions=False)
    assert "closings" not in json.loads(without.stdout)
