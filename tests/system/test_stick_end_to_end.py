"""A site without a network and the real centre: by stick, by a neighbour, twice, cut off, hostile; entered once."""

from __future__ import annotations

import itertools
import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from central.cli import main as central_main
from central.store import ledger
from central.store.database import read_transaction, write_transaction
from central.store.feed import put_item
from central.workflow.check_centre import check_centre
from central.workflow.exchange_folder import AGAIN, ANSWERED, FolderDesk, FolderResult, exchange_folder
from edge.store import feed
from edge.store.node_epochs import AskState
from edge.workflow.carry_files import carry_files
from edge.workflow.check_store import check_store
from edge.workflow.export_stick import export_stick
from edge.workflow.import_stick import ImportResult, import_stick
from sync_protocol.errors import Code
from sync_protocol.feed import FeedKind
from sync_protocol.ledger_entry import parse_entry
from sync_protocol.registration_list import Registrations, encode_registrations
from sync_protocol.stick_errors import StickCode, StickError
from sync_protocol.stick_folder import Passed
from tests.central.scenario import PASSWORD, World
from tests.stick.files import feed_request, sealed_bundle
from tests.system.copied_nodes import machine_of
from tests.system.test_answers_end_to_end import Node, make_node
from tests.system.test_news_end_to_end import build, townspeople, version

BY = "Lê Thị Hoa"


@pytest.fixture
def site(world: World, tmp_path: Path) -> Node:
    return make_node(world, tmp_path / "site")


@pytest.fixture
def neighbour(world: World, tmp_path: Path) -> Node:
    return make_node(world, tmp_path / "neighbour", facility="19002", code="19002A", seed=7)


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    root = tmp_path / "USB"
    root.mkdir()
    return root


def write(node: Node, stick: Path) -> None:
    station = node.station
    export_stick(station.database, stick, now=station.clock.now, entropy=station.entropy, by=BY)


def read(node: Node, stick: Path) -> ImportResult:
    return import_stick(node.station.database, stick, now=node.station.clock.now, by=BY)


def desk(world: World) -> FolderDesk:
    centre = world.centre
    return FolderDesk(
        engine=centre.engine,
        keys=centre.keys,
        registry=centre.registry,
        tree=centre.ledger,
        entropy=centre.entropy,
        now=centre.clock.now,
    )


def take(world: World, stick: Path) -> FolderResult:
    return exchange_folder(stick, desk(world))


def entered(world: World) -> list[tuple[str, int]]:
    """Whose bundles are in the ledger, in its order."""
    with read_transaction(world.centre.engine) as connection:
        entries = [parse_entry(stored.entry) for stored in ledger.all_entries(connection)]
    return [(entry.node, entry.sequence) for entry in entries if entry.sequence]


def files(stick: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(stick.glob("HCVX/*"))}


def items(node: Node) -> int:
    with node.station.database.read() as tables:
        return feed.newest_number(tables)


def wrong(world: World, *nodes: Node) -> list[object]:
    """What the checks of both sides find."""
    stores = [finding for node in nodes for finding in check_store(node.station.database).findings]
    return [*check_centre(world.centre.engine).findings, *stores]


def say(world: World, node: str) -> None:
    """The centre has something for a node."""
    with write_transaction(world.centre.engine) as connection:
        body = encode_registrations(Registrations(node[:5], ()))
        put_item(connection, node, FeedKind.REGISTRATIONS, body, keys=world.centre.keys, at=world.clock.now())


def test_by_a_neighbour_with_a_network(world: World, site: Node, neighbour: Node, stick: Path) -> None:
    say(world, "19001A")
    site.sign()
    site.sign()
    write(site, stick)
    read(neighbour, stick)
    neighbour.sign()
    neighbour.run()
    station = neighbour.station
    assert carry_files(station.database, neighbour.way, now=station.clock.now).answered == 3
    assert [state.value for state in site.states()] == ["sealed", "sealed"]
    write(neighbour, stick)
    found = read(site, stick)
    assert (found.admitted, +found.faulty) == (2, {})
    assert found.items == items(site) > 0
    assert [state.value for state in site.states()] == ["receipted", "receipted"]
    assert entered(world) == [("19002A", 1), ("19001A", 1), ("19001A", 2)]
    assert wrong(world, site, neighbour) == []


def test_a_feed_that_was_sealed_before_the_node_began_a_new_epoch_is_opened(
    world: World, site: Node, stick: Path
) -> None:
    machine = machine_of(site)
    machine.sign()
    say(world, "19001A")
    write(machine, stick)
    take(world, stick)
    assert machine.ask().state is AskState.GRANTED
    before = items(machine)
    found = read(machine, stick)
    assert (found.items, found.carried, +found.faulty) == (1, 0, {})
    assert items(machine) == before + 1
    machine.sync()
    assert wrong(world, machine) == []


def test_by_the_centres_own_folder(world: World, site: Node, neighbour: Node, stick: Path) -> None:
    for node, code in ((site, "19001A"), (neighbour, "19002A")):
        say(world, code)
        node.sign()
        node.sign()
        write(node, stick)
    found = take(world, stick)
    assert Counter(line.outcome for line in found.lines) == {ANSWERED: 6}
    assert (found.written, found.refused, found.gaps) == (6, 0, [])
    for node in (site, neighbour):
        brought = read(node, stick)
        assert (brought.admitted, +brought.faulty, brought.left) == (2, {}, 0)
        assert items(node) > 0
    assert entered(world) == [("19001A", 1), ("19001A", 2), ("19002A", 1), ("19002A", 2)]
    assert wrong(world, site, neighbour) == []


def test_the_second_run_changes_nothing(world: World, site: Node, stick: Path) -> None:
    site.sign()
    write(site, stick)
    take(world, stick)
    before = files(stick)
    again = take(world, stick)
    assert [line.outcome for line in again.lines] == [AGAIN, AGAIN]
    assert again.written == 0
    assert files(stick) == before
    assert len(entered(world)) == 1


def test_in_turn_whatever_the_names_and_a_gap_is_said(world: World, site: Node, stick: Path) -> None:
    for _ in range(3):
        site.sign()
    write(site, stick)
    named = sorted((stick / "HCVX").glob("b-*"))
    for place, path in enumerate(reversed(named)):
        path.rename(path.with_name(f"{place}.bin"))
    second = (stick / "HCVX" / "1.bin").read_bytes()
    (stick / "HCVX" / "1.bin").unlink()
    found = take(world, stick)
    assert [line.outcome for line in found.lines] == [ANSWERED, Code.NOT_NEXT.value, ANSWERED]
    assert [(line.node, line.sequence) for line in found.gaps] == [("19001A", 3)]
    (stick / "HCVX" / "back").write_bytes(second)
    assert [line.outcome for line in take(world, stick).lines] == [AGAIN, ANSWERED, ANSWERED, ANSWERED]
    assert entered(world) == [("19001A", 1), ("19001A", 2), ("19001A", 3)]
    assert read(site, stick).admitted == 3


def test_stick_network_and_neighbour_at_once_enter_everything_once(
    world: World, site: Node, neighbour: Node, stick: Path, tmp_path: Path
) -> None:
    site.sign()
    site.sign()
    write(site, stick)
    copy = tmp_path / "copy"
    shutil.copytree(stick, copy)
    read(neighbour, stick)
    take(world, copy)
    site.run()
    station = neighbour.station
    carry_files(station.database, neighbour.way, now=station.clock.now)
    write(neighbour, stick)
    assert read(site, copy).known >= 2
    assert read(site, stick).faulty.total() == 0
    assert entered(world) == [("19001A", 1), ("19001A", 2)]
    assert wrong(world, site, neighbour) == []


def test_a_hostile_folder_costs_the_centre_nothing(world: World, site: Node, stick: Path, tmp_path: Path) -> None:
    site.sign()
    write(site, stick)
    folder = stick / "HCVX"
    secret = tmp_path / "secret"
    secret.write_bytes(b"kept")
    os.mkfifo(folder / "pipe")
    (folder / "link").symlink_to(secret)
    (folder / os.fsdecode(b"\xff\n\x1b[2J")).write_bytes(b"x" * 100)
    (folder / "sealed to nobody").write_bytes(sealed_bundle(1))
    (folder / "stranger").write_bytes(feed_request(1, node="54999Z"))
    (folder / "forged").write_bytes(feed_request(2, node="19001A"))
    found = take(world, stick)
    assert Counter(line.outcome for line in found.lines) == {
        ANSWERED: 2,
        Code.RECIPIENT_UNKNOWN.value: 1,
        Code.NODE_UNKNOWN.value: 1,
        Code.SIGNATURE_INVALID.value: 1,
    }
    assert (found.passed[Passed.NO_FILE], found.passed[Passed.FOREIGN]) == (2, 1)
    assert secret.read_bytes() == b"kept"
    assert read(site, stick).admitted == 1


def test_only_the_newest_request_of_a_node_is_answered(world: World, site: Node, stick: Path) -> None:
    write(site, stick)
    old = next((stick / "HCVX").glob("q-*"))
    held = old.read_bytes()
    site.station.clock.at += 7 * 3_600
    world.clock.at = site.station.clock.at
    write(site, stick)
    (stick / "HCVX" / "older").write_bytes(held)
    found = take(world, stick)
    assert (found.superseded, len(found.lines), found.written) == (1, 1, 1)


def test_cut_off_at_any_file_the_next_run_goes_on(world: World, site: Node, stick: Path) -> None:
    for _ in range(3):
        site.sign()
    write(site, stick)

    class CutError(Exception):
        """The operator ends the program."""

    def cut(at: int) -> Iterator[None]:
        def tell(done: int, _total: int) -> None:
            if done == at:
                raise CutError

        with pytest.raises(CutError):
            exchange_folder(stick, desk(world), tell=tell)
        yield

    for at in (1, 2, 3):
        next(cut(at))
        assert len(entered(world)) == at
    found = take(world, stick)
    assert [line.outcome for line in found.lines] == [AGAIN, AGAIN, AGAIN, ANSWERED]
    assert read(site, stick).admitted == 3


def test_an_answer_that_was_not_written_is_written_by_the_next_run(world: World, site: Node, stick: Path) -> None:
    site.sign()
    write(site, stick)
    take(world, stick)
    for path in itertools.chain(stick.glob("HCVX/a-*"), stick.glob("HCVX/f-*")):
        path.unlink()
    again = take(world, stick)
    assert ([line.outcome for line in again.lines], again.written) == ([AGAIN, ANSWERED], 2)
    assert read(site, stick).admitted == 1


def test_a_folder_that_cannot_be_written_is_named_and_loses_nothing(world: World, site: Node, tmp_path: Path) -> None:
    site.sign()
    (tmp_path / "HCVX").write_bytes(b"a file")
    with pytest.raises(StickError) as caught:
        take(world, tmp_path)
    assert caught.value.code is StickCode.NO_FOLDER
    assert entered(world) == []


def run_central(world: World, *words: str) -> tuple[int, dict[str, object]]:
    directory = world.centre.config.directory
    done = CliRunner().invoke(
        central_main,
        ["--directory", str(directory), *words, "--json"],
        obj=world.clock,
        env={"HCVX_CENTRAL_PASSWORD": PASSWORD},
    )
    assert done.exit_code in (0, 1, 3), done.output
    return done.exit_code, json.loads(done.stdout)


def test_the_verb_of_the_centre_tells_each_file_and_how_it_ended(world: World, site: Node, stick: Path) -> None:
    site.sign()
    site.sign()
    write(site, stick)
    first = sorted((stick / "HCVX").glob("b-*"))[0]
    held = first.read_bytes()
    first.unlink()
    code, told = run_central(world, "exchange-folder", str(stick))
    assert (code, told["ok"]) == (3, True)
    first.write_bytes(held)
    code, told = run_central(world, "exchange-folder", str(stick))
    assert (code, told["ok"]) == (0, True)
    listed = told["files"]
    assert isinstance(listed, list)
    assert [(one["kind"], one["node"], one["sequence"]) for one in listed] == [
        ("bundle", "19001A", 1),
        ("bundle", "19001A", 2),
        ("request", "19001A", 0),
    ]
    (stick / "HCVX" / "odd").write_bytes(sealed_bundle(1))
    code, told = run_central(world, "exchange-folder", str(stick))
    assert (code, told["ok"], told["written"]) == (1, False, 0)
    assert read(site, stick).admitted == 2


def test_a_pack_that_is_missed_is_asked_for_and_comes_by_stick(world: World, site: Node, stick: Path) -> None:
    townspeople(world, range(50))
    build(site)
    write(site, stick)
    take(world, stick)
    read(site, stick)
    assert version(site) == 1
    with site.station.database.write_transaction() as tables:
        tables.execute("DELETE FROM population_tags")
        tables.execute("DELETE FROM population_pack")
    townspeople(world, [50])
    assert build(site).is_change
    # With the first round the site learns that it misses one, and asks for it with the second.
    for expected in (0, 2):
        site.station.clock.at += 7 * 3_600
        write(site, stick)
        take(world, stick)
        assert not take(world, stick).written
        read(site, stick)
        assert version(site) == expected
    assert wrong(world, site) == []
