"""A node of a newer epoch meets a restored centre over real HTTP, and both go on; cuts and portals do no harm."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from central.app import make_server
from central.store import nodes, shown_epochs
from central.store.database import read_transaction
from central.workflow.lost_history import open_losses
from edge.clients.http_central import HttpCentral
from edge.jobs import exchange_once
from edge.store import ledger_epochs
from edge.workflow.show_epochs import show_epochs
from edge.workflow.show_receipts import show_receipts
from sync_protocol import cbor, endpoints
from sync_protocol.api import NetworkError, NetworkFault, RemoteProblem, parse_problem
from sync_protocol.endpoints import SHOWN_EPOCHS, SHOWN_RECEIPTS, Endpoint
from sync_protocol.errors import Code
from sync_protocol.problems import PROBLEMS
from tests.central.scenario import World
from tests.edge.strange_networks import served
from tests.edge.test_jobs import open_node
from tests.edge.test_strange_networks import HTML, says
from tests.system.copied_nodes import Machine
from tests.system.cutting_proxy import Direction, cutting_proxy
from tests.system.restores import Restores, open_evidence, sync, wrong
from tests.system.test_cut_at_every_byte import running

# Every so manieth byte of a call is a cut, and both ends of each direction.
STRIDE = 211


@pytest.fixture
def made(world: World, tmp_path: Path) -> Restores:
    return Restores(world, tmp_path)


@contextmanager
def central_at(url: str) -> Iterator[HttpCentral]:
    central = HttpCentral(url, connect_seconds=10, silence_seconds=10)
    try:
        yield central
    finally:
        central.close()


@contextmanager
def serving(made: Restores) -> Iterator[HttpCentral]:
    """The centre's own server, upon the database as it is now."""
    with running(make_server(made.world.centre, port=0)) as port, central_at(f"http://127.0.0.1:{port}") as central:
        yield central


def one_epoch_is_lost(made: Restores) -> Machine:
    """A node whose second epoch, with a bundle on each side of its beginning, lies behind the copy that is put back."""
    machine = made.node(1)
    made.settle()
    for _ in range(2):
        machine.sign()
        made.tick()
        sync(machine)
        made.tick()
        if not made.copies:
            made.copy("before")
    machine.ask()
    made.tick()
    machine.sign()
    sync(machine)
    made.restore("before")
    return machine


def heal(made: Restores, machine: Machine, central: HttpCentral) -> list[str]:
    """Exchanges until nothing is due, as the program does; gives the codes that ended them."""
    node, codes = open_node(machine.station, made.directory), []
    for _ in range(4):
        made.tick()
        codes.append(exchange_once(node, central).problem)
    return codes


def waiting(made: Restores) -> int:
    with read_transaction(made.world.centre.engine) as connection:
        return len(shown_epochs.waiting(connection))


def epoch_here(made: Restores) -> int:
    with read_transaction(made.world.centre.engine) as connection:
        row = nodes.find_node(connection, "19001A")
    assert row is not None
    return row.epoch


def test_over_http_everything_heals_by_itself(made: Restores) -> None:
    machine = one_epoch_is_lost(made)
    made.begin()
    with serving(made) as central:
        codes = heal(made, machine, central)
    assert codes[-1] == ""
    assert epoch_here(made) == 2
    assert [(entry.epoch, entry.sequence) for entry in made.entries()] == [(1, 1), (1, 2), (2, 1)]
    assert wrong(made) == []


def test_over_http_a_person_is_waited_for_and_the_loss_is_proven(made: Restores) -> None:
    machine = one_epoch_is_lost(made)
    with serving(made) as central:
        assert heal(made, machine, central)[-1] == Code.EPOCH_SHOWN
        with read_transaction(made.world.centre.engine) as connection:
            assert any(lost.is_proven for lost in open_losses(connection))
        assert (waiting(made), epoch_here(made)) == (1, 1)
        # The evidence of the receipts alone is enough to declare the loss, and where it began.
        begun = made.begin(without_evidence=False)
        assert begun.base_size == 2
        assert heal(made, machine, central)[-1] == ""
    assert (waiting(made), open_evidence(machine)) == (0, 0)
    assert wrong(made) == []


def test_a_showing_that_is_cut_anywhere_is_shown_again(made: Restores) -> None:
    machine = one_epoch_is_lost(made)
    station = machine.station
    server = make_server(made.world.centre, port=0)

    def show() -> Code | None:
        return show_epochs(station.database, central, entropy=station.entropy, at=station.clock.now())

    with running(server) as port, cutting_proxy(port) as (proxy, url), central_at(url) as central:
        assert show() is Code.EPOCH_SHOWN
        passed, cuts = dict(proxy.passed), 0
        for direction in Direction:
            for at in [*range(1, passed[direction], STRIDE), passed[direction] - 1]:
                central.close()
                proxy.plan = (direction, at)
                with pytest.raises(NetworkError):
                    show()
                cuts += 1
        assert cuts > 10
        assert waiting(made) == 1
        made.begin()
        central.close()
        proxy.plan = (Direction.ANSWER, 1)
        # It is taken up, and the node does not hear of it.
        with pytest.raises(NetworkError):
            show()
        assert epoch_here(made) == 2
        central.close()
        assert show() is None
    made.settle()
    assert wrong(made) == []


def test_receipts_that_are_cut_anywhere_are_shown_again(made: Restores) -> None:
    machine = one_epoch_is_lost(made)
    station = machine.station

    def show() -> int:
        return show_receipts(station.database, central, Code.LEDGER_EPOCH.value, entropy=station.entropy)

    server = make_server(made.world.centre, port=0)
    with running(server) as port, cutting_proxy(port) as (proxy, url), central_at(url) as central:
        assert show() == 4
        with read_transaction(made.world.centre.engine) as connection:
            before = open_losses(connection)
        for direction, size in dict(proxy.passed).items():
            for at in (1, size // 2, size - 1):
                central.close()
                proxy.plan = (direction, at)
                with pytest.raises(NetworkError):
                    show()
        central.close()
        assert show() == 4
    with read_transaction(made.world.centre.engine) as connection:
        assert [one.head for one in open_losses(connection)] == [one.head for one in before]


class Strayed(HttpCentral):
    """What of a node's calls a portal answers, as one that lets only known addresses pass."""

    portal: HttpCentral
    strays = frozenset[str]()

    def show_epochs(self, showing: bytes) -> bytes:
        return self.portal.show_epochs(showing) if "epochs" in self.strays else super().show_epochs(showing)

    def show_receipts(self, receipts: bytes) -> bytes:
        return self.portal.show_receipts(receipts) if "receipts" in self.strays else super().show_receipts(receipts)


def test_a_portal_in_between_does_no_harm_and_receipts_hold_nothing_up(made: Restores) -> None:
    machine = one_epoch_is_lost(made)
    # Something is due, so that the centre's refusal of it has the node show receipts before anything else.
    machine.sign()
    made.begin()
    node = open_node(machine.station, made.directory)
    server = make_server(made.world.centre, port=0)
    with running(server) as port, served(says(HTML)) as other, central_at(f"http://127.0.0.1:{other}") as portal:
        central = Strayed(f"http://127.0.0.1:{port}", connect_seconds=10, silence_seconds=10)
        central.portal = portal
        central.strays = frozenset({"epochs", "receipts"})
        made.tick()
        exchange_once(node, central)
        with pytest.raises(NetworkError) as caught:
            central.show_epochs(b"anything")
        assert caught.value.fault is NetworkFault.NOT_THE_CENTRE
        assert (epoch_here(made), waiting(made)) == (1, 0)
        with machine.database.read() as tables:
            assert ledger_epochs.obeyed(tables) == []
        # The centre is there again, but for the call that only helps it: the node gets its feed all the same.
        central.strays = frozenset({"receipts"})
        assert heal(made, machine, central)[-1] == ""
        central.close()
    assert wrong(made) == []


@pytest.mark.parametrize("endpoint", [SHOWN_EPOCHS, SHOWN_RECEIPTS])
def test_what_the_calls_do_not_take_is_a_problem_of_the_table(made: Restores, endpoint: Endpoint) -> None:
    made.node(1)
    with running(make_server(made.world.centre, port=0)) as port:
        url = f"http://127.0.0.1:{port}{endpoint.path}"

        def said(body: bytes, media_type: str = endpoint.request_type) -> Code:
            answer = requests.post(url, data=body, headers={"Content-Type": media_type}, timeout=30)
            assert answer.headers["Content-Type"] == endpoints.PROBLEM_MEDIA_TYPE
            found = parse_problem(answer.content).code
            assert PROBLEMS[found].status == answer.status_code
            return found

        assert said(bytes(endpoint.request_bytes + 1)) is Code.TOO_LARGE
        # As much as may come, and no envelope.
        largest = cbor.encode(bytes(endpoint.request_bytes - 5))
        assert len(largest) == endpoint.request_bytes
        assert said(largest) is Code.NOT_COSE
        assert {said(b"x", other) for other in ("application/cbor", "text/plain", "")} == {Code.CONTENT_TYPE}
        assert said(b"") is Code.NOT_CBOR
        assert requests.get(url, timeout=30).status_code == 405
        with central_at(f"http://127.0.0.1:{port}") as central:
            call = central.show_epochs if endpoint is SHOWN_EPOCHS else central.show_receipts
            with pytest.raises(RemoteProblem):
                call(b"\xd8\x60\x84" + bytes(50))
