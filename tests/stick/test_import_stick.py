"""By stick there is one truth: exported is not delivered, a receipt is verified as ever, and nothing comes twice."""

from __future__ import annotations

import contextlib
import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from edge.domain.outbox import BundleState
from edge.store import audit, bundles, feed, receipts, stick_exports
from edge.store.audit import Action
from edge.store.database import Database
from edge.web.frame.sentences import bundle_sentence
from edge.workflow.check_store import check_store
from edge.workflow.day_status import day_status
from edge.workflow.export_stick import ONLINE_SECONDS, REQUEST_SECONDS, Part
from edge.workflow.import_stick import import_stick
from sync_protocol.dose import IdentityState
from sync_protocol.errors import Code
from sync_protocol.feed import FeedKind
from sync_protocol.registration_list import Registrations, encode_registrations
from sync_protocol.sealing import sealed_digest
from sync_protocol.stick import StickKind, file_name
from sync_protocol.stick_errors import StickCode, StickError
from sync_protocol.stick_folder import Passed
from tests.builders import SeededEntropy
from tests.edge.power_cut import Fuse, PowerCutError
from tests.edge.station import DATA_KEY, FACILITY, NODE
from tests.simulator import POLICY, Fault
from tests.stick.files import digest_of, feed_file, handover_file, sealed_bundle
from tests.stick.neighbours import OTHER, Neighbours, exchange_all, make_neighbours, sign, states


@pytest.fixture
def two(tmp_path: Path) -> Neighbours:
    return make_neighbours(tmp_path)


def put(two: Neighbours, name: str, data: bytes) -> None:
    folder = two.stick / "HCVX"
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(data)


def say(two: Neighbours, count: int = 1) -> None:
    """The centre has something for the site."""
    for _ in range(count):
        body = encode_registrations(Registrations(FACILITY, ()))
        two.site.centre.put_item(NODE, FeedKind.REGISTRATIONS, body)


def answer_by_carrier(two: Neighbours) -> None:
    """The neighbour takes the stick home, asks the centre and brings it back."""
    exchange_all(two.carrier)
    two.read(two.carrier)
    two.carry()
    two.export(two.carrier)


def test_exported_is_not_delivered_until_the_receipt_has_come_back(two: Neighbours) -> None:
    sign(two.site)
    sign(two.site)
    found = two.export()
    assert (found.written, found.there) == ({Part.OWN: 2, Part.REQUEST: 1}, {})
    assert states(two.site) == ["sealed", "sealed"]
    with two.site.database.read() as tables:
        lines = bundles.lines(tables)
        assert bundles.unsent(tables) == 2
        link = day_status(two.site.database, POLICY, now=two.site.clock.now()).link
    said = bundle_sentence(lines[0], link, two.site.clock.now())
    assert "Chờ gửi" in said.word
    assert "Đã chép ra USB lúc" in said.text
    assert "chưa tính là đã gửi" in said.text
    answer_by_carrier(two)
    assert states(two.site) == ["sealed", "sealed"]
    brought = two.read()
    assert (brought.admitted, brought.refused, brought.faulty.total()) == (2, 0, 0)
    assert states(two.site) == ["receipted", "receipted"]
    assert len(two.site.centre.entries) == 3
    assert check_store(two.site.database).findings == ()


def test_the_files_are_the_sealed_bytes_of_the_network_and_nothing_else(two: Neighbours) -> None:
    sign(two.site)
    two.export()
    with two.site.database.read() as tables:
        due = bundles.due(tables)
    assert due is not None
    name = file_name(StickKind.BUNDLE, sealed_digest(due.sealed), place=1)
    assert two.files()[name] == due.sealed
    two.read(two.carrier)
    two.export(two.carrier)
    assert two.files()[name] == due.sealed


def test_the_same_export_twice_writes_nothing_and_a_new_bundle_alone_is_added(two: Neighbours) -> None:
    sign(two.site)
    two.export()
    before = two.files()
    again = two.export()
    assert (again.written.total(), again.size_bytes, again.there.total()) == (0, 0, 2)
    assert two.files() == before
    sign(two.site)
    assert two.export().written == {Part.OWN: 1}


def test_what_is_settled_is_taken_off_the_stick_and_of_others_nothing(two: Neighbours) -> None:
    sign(two.site)
    theirs = sealed_bundle(5)
    put(two, file_name(StickKind.BUNDLE, digest_of(theirs)), theirs)
    two.export()
    answer_by_carrier(two)
    brought = two.read()
    assert brought.taken_off == 3
    # What is left: the site's own request, which was answered and is made anew next time, and what is not the site's.
    assert two.kinds() == {"q": 1, "b": 1}
    two.site.clock.at += 60
    assert two.export().taken_off == 1


def test_delivered_over_the_network_meanwhile_the_stick_brings_nothing_new(two: Neighbours) -> None:
    sign(two.site)
    two.export()
    answer_by_carrier(two)
    exchange_all(two.site)
    assert states(two.site) == ["receipted"]
    brought = two.read()
    assert (brought.admitted, brought.known >= 1, brought.faulty.total()) == (0, True, 0)
    assert len(two.site.centre.entries) == 2


def test_carried_twice_and_sent_besides_it_is_in_the_ledger_once(two: Neighbours) -> None:
    sign(two.site)
    two.export()
    two.read(two.carrier)
    exchange_all(two.site)
    two.carry()
    two.read(two.carrier)
    two.carry(is_asked=True)
    assert len(two.site.centre.entries) == 2
    assert states(two.site) == ["receipted"]


@pytest.mark.parametrize("fault", [Fault.FLIPPED_BIT, Fault.FORGED_KEY, Fault.HISTORY_REWRITTEN])
def test_an_answer_that_does_not_hold_is_evidence_and_delivers_nothing(two: Neighbours, fault: Fault) -> None:
    sign(two.site)
    exchange_all(two.site)
    sign(two.site)
    two.export()
    with two.site.database.read() as tables:
        due = bundles.due(tables)
    assert due is not None
    two.site.centre.faults = [fault]
    wrong = two.site.centre.offer(due.sealed)
    true = two.site.centre.offer(due.sealed)
    put(two, "wrong", wrong)
    found = two.read()
    # A flipped bit may hit what makes it an answer at all.
    assert found.faulty.total() + found.passed[Passed.FOREIGN] == 1
    assert states(two.site) == ["receipted", "sealed"]
    with two.site.database.read() as tables:
        assert receipts.evidence_count(tables) == found.faulty.total()
    put(two, "true", true)
    assert two.read().admitted == 1
    assert states(two.site) == ["receipted", "receipted"]


def test_an_answer_to_another_bundle_under_a_good_name_is_not_believed(two: Neighbours) -> None:
    sign(two.site)
    exchange_all(two.site)
    first = next(kept.receipt for kept in two.site.centre.kept.values())
    sign(two.site)
    put(two, file_name(StickKind.ANSWER, digest_of(first)), first)
    assert two.read().known == 1
    assert states(two.site) == ["receipted", "sealed"]


def test_a_refused_bundle_gives_its_doses_back_by_stick_too(two: Neighbours) -> None:
    sign(two.site)
    two.site.centre.refuse = [Code.ROOT_MISMATCH]
    two.export()
    answer_by_carrier(two)
    assert two.read().refused == 1
    assert states(two.site) == [BundleState.REFUSED.value]
    assert two.site.plan()


def test_the_feed_comes_by_stick_in_whatever_order_its_files_lie(two: Neighbours) -> None:
    say(two, 2)
    two.export()
    answer_by_carrier(two)
    first = two.files()
    # A second feed that goes on where the first one ended, under a name that is read before it.
    late = make_feed_after(two, 2)
    say_more = next(name for name in first if name.startswith("f"))
    put(two, "a-first-in-order", late)
    assert say_more > "a-first-in-order"
    found = two.read()
    assert (found.items, found.left, found.faulty.total()) == (3, 0, 0)
    with two.site.database.read() as tables:
        assert feed.newest_number(tables) == 3
    assert two.read().items == 0


def make_feed_after(two: Neighbours, after: int) -> bytes:
    """The feed that a site gets that has so many items: as the centre writes it into a folder."""
    say(two)
    return two.site.centre.feed_file(NODE, after=after)


def test_a_feed_with_a_gap_waits_for_what_comes_before_it(two: Neighbours) -> None:
    say(two, 2)
    put(two, "later", two.site.centre.feed_file(NODE, after=1))
    found = two.read()
    assert (found.items, found.faulty) == (0, {Code.NOT_NEXT.value: 1})
    assert "later" in two.files()
    put(two, "whole", two.site.centre.feed_file(NODE, after=0))
    assert two.read().items == 2


def test_somebody_elses_feed_and_answers_are_carried_and_not_opened(two: Neighbours) -> None:
    put(two, "one", feed_file(1, node=OTHER))
    sign(two.carrier)
    exchange_all(two.carrier)
    put(two, "two", next(kept.receipt for kept in two.site.centre.kept.values()))
    found = two.read()
    assert (found.carried, found.admitted, found.items, found.faulty.total()) == (2, 0, 0, 0)


def test_a_handover_is_left_to_its_own_verb(two: Neighbours) -> None:
    put(two, "handover", handover_file(1))
    found = two.read()
    assert (found.carried, found.passed[Passed.FOREIGN]) == (0, 1)


def test_a_hostile_stick_costs_nothing_and_takes_nothing(two: Neighbours, tmp_path: Path) -> None:
    sign(two.site)
    two.export()
    answer_by_carrier(two)
    folder, secret = two.stick / "HCVX", tmp_path / "secret"
    secret.write_bytes(b"kept")
    os.mkfifo(folder / "a-pipe")
    (folder / "a-link").symlink_to(tmp_path / "site" / "node.db")
    (folder / "a-dangling").symlink_to(tmp_path / "away")
    (folder / "a-deep").mkdir()
    (folder / ".hidden").write_bytes(b"x")
    (folder / os.fsdecode(b"\xff\x1b[2J\n")).write_bytes(b"\xa4" * 400)
    put(two, "a-random", SeededEntropy(3).token(4_000))
    put(two, "a-empty", b"")
    put(two, "a-html", b"<html>portal</html>")
    put(two, "a-bomb", b"\xd8\x60" + b"\x81" * 5_000)
    found = two.read()
    assert found.admitted == 1
    assert found.passed == {Passed.NO_FILE: 4, Passed.HIDDEN: 1, Passed.FOREIGN: 5}
    assert secret.read_bytes() == b"kept"
    assert check_store(two.site.database).findings == ()


def test_a_stick_that_is_pulled_while_it_is_read_keeps_what_was_taken(two: Neighbours) -> None:
    sign(two.site)
    two.export()
    answer_by_carrier(two)
    again = make_copy(two)

    def pull(place: int) -> None:
        if place == 1:
            shutil.rmtree(two.stick)

    with pytest.raises(StickError) as caught:
        import_stick(two.site.database, two.stick, now=two.site.clock.now, by="Hoa", tell=pull)
    assert caught.value.code is StickCode.GONE
    assert states(two.site) == ["receipted"]
    assert again.read().admitted == 0


def make_copy(two: Neighbours) -> Neighbours:
    """The same with a copy of the stick."""
    copy = two.stick.with_name("copy")
    shutil.copytree(two.stick, copy)
    return replace(two, stick=copy)


def test_an_export_to_a_stick_that_fails_says_nothing_was_exported(two: Neighbours) -> None:
    sign(two.site)
    (two.stick / "HCVX").write_bytes(b"a file")
    with pytest.raises(StickError) as caught:
        two.export()
    assert caught.value.code is StickCode.NO_FOLDER
    with two.site.database.read() as tables:
        assert [line.exported_at for line in bundles.lines(tables)] == [None]
        assert Action.STICK_EXPORTED not in {one.action for one in audit.entries(tables)}
    (two.stick / "HCVX").unlink()
    two.export()
    with two.site.database.read() as tables:
        assert [line.exported_at for line in bundles.lines(tables)] == [two.site.clock.now()]


def test_a_request_is_written_again_while_it_is_fresh_and_made_anew_after(two: Neighbours) -> None:
    two.export()
    assert two.export().there == {Part.REQUEST: 1}
    two.site.clock.at += REQUEST_SECONDS
    assert two.export().written == {Part.REQUEST: 1}
    assert two.kinds() == {"q": 1}
    say(two)
    answer_by_carrier(two)
    two.read()
    assert two.export().written == {Part.REQUEST: 1}


def test_a_node_that_has_a_network_asks_nobody_to_carry_its_request(two: Neighbours) -> None:
    exchange_all(two.site)
    assert two.export().written == {}
    two.site.clock.at += ONLINE_SECONDS
    assert two.export().written == {Part.REQUEST: 1}


def test_nothing_on_a_stick_names_a_person(two: Neighbours) -> None:
    two.site.record(2, state=IdentityState.MATCHED)
    two.site.clock.at += 60
    two.site.sign()
    two.export()
    answer_by_carrier(two)
    everything = b"".join(two.files().values()) + " ".join(two.files()).encode()
    for word in ("Nguyễn", "Thử", "054185000001", "0900000001", "ABX1234"):
        assert word.encode() not in everything


def test_only_the_newest_requests_are_kept(two: Neighbours) -> None:
    for _ in range(25):
        two.site.clock.at += REQUEST_SECONDS
        two.export()
    with two.site.database.read() as tables:
        assert len(stick_exports.requests(tables)) == 20
    assert two.kinds() == {"q": 1}


def test_power_that_goes_at_any_statement_costs_nothing_that_the_next_import_does_not_bring(tmp_path: Path) -> None:
    statements = _import_with_power_cut(tmp_path / "whole", None)
    assert statements > 60
    for at in range(1, statements + 1, 7):
        _import_with_power_cut(tmp_path / str(at), at)


def _import_with_power_cut(directory: Path, at: int | None) -> int:
    """An import that dies at this statement, and the next one; gives how many statements the first had."""
    directory.mkdir()
    fuse = Fuse()
    two = make_neighbours(directory, tracer=fuse.statement)
    say(two)
    sign(two.site)
    sign(two.site)
    two.export()
    answer_by_carrier(two)
    before, fuse.blows_at = fuse.events, None if at is None else fuse.events + at
    with contextlib.suppress(PowerCutError):
        two.read()
    events, fuse.blows_at = fuse.events - before, None
    if at is not None:
        # What stays is what the file has; the process with its connections is gone.
        database = Database(directory / "site" / "node.db", DATA_KEY)
        two = replace(two, site=replace(two.site, database=database))
        two.read()
    assert states(two.site) == ["receipted", "receipted"]
    with two.site.database.read() as tables:
        assert feed.newest_number(tables) == 1
    assert check_store(two.site.database).findings == ()
    assert len(two.site.centre.entries) == 3
    return events
