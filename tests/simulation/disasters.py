"""What befalls disks: backups that are put back, copies that go on living, at the sites."""

from __future__ import annotations

from typing import Final

from central.store import node_epochs as central_epochs
from central.store import nodes
from central.store.database import StoreError as CentralStoreError
from central.store.database import read_transaction
from central.workflow.decide_epoch import decide_epoch
from edge.store import node_epochs, node_identity
from edge.store.database import Database
from edge.store.errors import StoreError
from edge.store.node_epochs import AskState
from edge.workflow.begin_epoch import begin_epoch
from edge.workflow.renumber_dose import renumber_all
from sync_protocol.api import NetworkError
from sync_protocol.errors import ProtocolError
from sync_protocol.node_epoch import EpochReason
from tests.simulation.link import Link
from tests.simulation.machines import NodeMachine
from tests.simulation.template import OFFICER
from tests.simulation.world import World

_CLONES: Final = 2


def back_up(world: World, node: NodeMachine) -> str:
    """Somebody makes a backup."""
    made = world.copies.setdefault(node.code, [])
    path = world.work / f"{node.code}.copy{len(made)}"
    node.back_up(path)
    made.append(path)
    return f"copy {len(made)}"


def restore(world: World, node: NodeMachine) -> str:
    """The disk is gone and a backup is put in its place; what was recorded since is nowhere, unless it was sent.

    A backup of an epoch that is over is none that serves: the centre turns it away, and the site is enrolled anew.
    """
    made = world.copies.get(node.code)
    if not made:
        return "there is no copy"
    number = world.dice.between(1, len(made))
    before, chain = lots_of(node.database), _chain(node.database)
    kept = world.work / f"{node.code}.lost"
    node.back_up(kept)
    node.restore(made[number - 1])
    if _epoch(node.database) < _epoch_at_centre(world, node.code):
        node.restore(kept)
        return f"copy {number} is of an epoch that is over"
    lost = before - lots_of(node.database)
    world.gone |= lost
    if chain - _chain(node.database):
        world.torn.add(node.code)
    world.asking.add(node.name)
    return f"copy {number}, {len(lost)} versions of doses are not in it"


def clone(world: World, node: NodeMachine) -> str:
    """A copied disk is started in another computer, while the first one goes on."""
    made = world.copies.get(node.code)
    if not made or len(world.clones) == _CLONES:
        return "there is no copy"
    copied = world.clone(node, world.dice.pick(made))
    world.torn.add(node.code)
    world.asking.add(copied.name)
    return f"{copied.name} runs"


def ask_epoch(world: World, node: NodeMachine) -> str:
    """Whoever put the backup back, or started the copy, follows the instructions."""
    if node.name not in world.asking:
        return "nobody asks"
    link, reason = Link(world), EpochReason.COPIED if node in world.clones else EpochReason.RESTORED
    try:
        asked = begin_epoch(node.database, link, reason, entropy=node.entropy, at=node.clock.now(), by=OFFICER)
        again = renumber_all(node.database, at=node.clock.now(), by=OFFICER)
    except (NetworkError, ProtocolError, StoreError) as error:
        return f"{type(error).__name__} {error}{link.said}"
    if asked.state is AskState.GRANTED:
        world.asking.discard(node.name)
        world.torn.add(node.code)
    return f"{asked.state}, {len(again)} doses get another number{link.said}"


def decide(world: World) -> str:
    """Somebody at the centre lets the machine go on that stands at the site."""
    centre, said = world.centre, []
    with read_transaction(centre.engine) as connection:
        waiting = central_epochs.waiting_requests(connection)
    for one in waiting:
        is_ours = one.digest in _asked(world.nodes[one.node].database)
        try:
            decide_epoch(
                one.digest,
                is_granted=is_ours,
                by="Lê Thị Hoa",
                why="Máy tại trạm",
                engine=centre.engine,
                keys=centre.keys,
                entropy=centre.entropy,
                now=centre.clock.now(),
            )
        except (ProtocolError, CentralStoreError) as error:
            said.append(type(error).__name__)
        else:
            said.append(f"{one.node} {'goes on' if is_ours else 'copy refused'}")
    return ", ".join(said) or "nothing waits"


def _asked(database: Database) -> set[bytes]:
    with database.read() as tables:
        return {one.digest for one in node_epochs.all_asks(tables)}


def _epoch(database: Database) -> int:
    with database.read() as tables:
        return node_identity.get(tables).epoch


def _epoch_at_centre(world: World, code: str) -> int:
    with read_transaction(world.centre.engine) as connection:
        return max(one.epoch for one in nodes.node_keys(connection) if one.node == code)


def lots_of(database: Database) -> set[str]:
    """The lots in a store: each recorded version has its own."""
    with database.read() as tables:
        return {str(row[0]) for row in tables.execute("SELECT lot FROM doses")}


def _chain(database: Database) -> set[bytes]:
    with database.read() as tables:
        return {bytes(row[0]) for row in tables.execute("SELECT digest FROM bundles")}
