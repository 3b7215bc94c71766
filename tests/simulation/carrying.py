"""What goes by stick and by neighbours: real folders, written and read by the programs of both sides.

Beside them lies what people do with files: copied ones are brought to the centre in any order and any number of times,
and a stick loses a file or a bit.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from central.store.database import StoreError as CentralStoreError
from central.workflow.exchange_folder import FolderDesk, exchange_folder
from edge.store import bundles
from edge.store.errors import StoreError
from edge.workflow.carry_files import carry_files
from edge.workflow.export_stick import export_stick
from edge.workflow.import_stick import import_stick
from sync_protocol.api import NetworkError
from sync_protocol.errors import ProtocolError
from sync_protocol.signers.token_errors import TokenError
from sync_protocol.stick_errors import StickError
from tests.simulation.fuse import Blow, Crash
from tests.simulation.link import Link
from tests.simulation.machines import NodeMachine
from tests.simulation.template import NURSE
from tests.simulation.world import Parcel, World

_MOST: Final = 50
_STICKS: Final = 2


def export(world: World, node: NodeMachine) -> str:
    """Writes what is due to a stick."""
    with node.database.read() as tables:
        due = bundles.due_run(tables, most=_MOST, most_bytes=2**20)
    try:
        made = export_stick(node.database, _stick(world), now=node.clock.now, entropy=node.entropy, by=NURSE)
    except (StickError, StoreError) as error:
        return f"{type(error).__name__}"
    files = [Parcel(node.code, one.sealed) for one in due]
    world.parcels += files
    world.exported += files
    return f"{made.written.total()} written, {made.there.total()} there, {made.taken_off} taken off"


def take_in(world: World, node: NodeMachine) -> str:
    """Reads a stick: answers, feeds, and what is to be carried for the other site."""
    try:
        made = import_stick(node.database, _stick(world), now=node.clock.now, by=NURSE)
    except (StickError, StoreError) as error:
        return f"{type(error).__name__}"
    faulty = ", ".join(f"{code} {count}" for code, count in sorted(made.faulty.items()))
    return f"{made.admitted} in, {made.refused} refused, {made.items} items, {made.carried} carried {faulty}"


def relay(world: World, node: NodeMachine) -> str:
    """Sends what it carries for others."""
    link = Link(world)
    try:
        made = carry_files(node.database, link, now=node.clock.now, is_asked=True)
    except (NetworkError, StoreError) as error:
        return f"{type(error).__name__}{link.said}"
    return f"{made.answered} answered, {made.turned_away} turned away{link.said}"


def folder(world: World) -> str:
    """The centre takes in a stick and writes the answers to it."""
    centre = world.centre
    desk = FolderDesk(
        centre.engine,
        centre.keys,
        centre.centre.registry,
        centre.centre.ledger,
        centre.entropy,
        centre.clock.now,
    )
    if world.dice.happens(world.faults // 2):
        centre.fuse.arm(world.dice.between(1, 3), world.dice.pick(tuple(Blow)))
    try:
        with centre.wired():
            made = exchange_folder(_stick(world), desk)
    except Crash:
        centre.start()
        return "power cut"
    except (StickError, CentralStoreError, TokenError) as error:
        return type(error).__name__
    finally:
        centre.fuse.disarm()
    return f"{len(made.lines)} judged, {made.written} written, {made.refused} refused"


def spoil(world: World) -> str:
    """A stick loses a file, or one bit of it."""
    files = sorted(path for path in _stick(world).rglob("*") if path.is_file())
    if not files:
        return "an empty stick"
    path = world.dice.pick(range(len(files)))
    content = files[path].read_bytes()
    if not content or world.dice.happens(50):
        files[path].unlink()
        return "a file is gone"
    at = world.dice.below(len(content))
    files[path].write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
    return "a bit has fallen over"


def carry(world: World) -> str:
    """Somebody brings copied files to the centre; they stay where they are, and may be brought again."""
    if not world.parcels:
        return "no files"
    brought = world.dice.shuffled(world.parcels)[: world.dice.between(1, 6)]
    link, taken = Link(world), 0
    for parcel in brought:
        try:
            link.offer(parcel.sealed)
        except (NetworkError, ProtocolError):
            continue
        taken += 1
    return f"{taken} of {len(brought)} files{link.said}"


def _stick(world: World) -> Path:
    path = world.work / f"stick{world.dice.below(_STICKS)}"
    path.mkdir(exist_ok=True)
    return path
