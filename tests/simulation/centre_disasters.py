"""What befalls the centre's disk: its database is put back to an older copy, and the operator has to say so."""

from __future__ import annotations

import shutil

from central.store import nodes
from central.store.database import StoreError, read_transaction
from central.workflow.begin_ledger_epoch import begin_ledger_epoch
from sync_protocol.errors import ProtocolError
from sync_protocol.signers.token_errors import TokenError
from tests.simulation.disasters import lots_of
from tests.simulation.invariants import sent_lots
from tests.simulation.world import World

_CENTRE = "centre"
_REASON = "Khôi phục từ bản sao"


def back_up(world: World) -> str:
    """The operator makes a backup."""
    made = world.copies.setdefault(_CENTRE, [])
    path = world.work / f"centre.copy{len(made)}"
    world.centre.back_up(path)
    made.append(path)
    return f"copy {len(made)}"


def restore(world: World) -> str:
    """The centre's disk is gone. A copy from before a node's newest epoch is none that anybody would put back."""
    made = world.copies.get(_CENTRE)
    if not made:
        return "there is no copy"
    number = world.dice.between(1, len(made))
    kept = world.work / "centre.lost"
    world.centre.back_up(kept)
    before, epochs = _lots(world), _epochs(world)
    world.centre.restore(made[number - 1])
    if _epochs(world) != epochs:
        world.centre.restore(kept)
        return f"copy {number} lacks an epoch of a node"
    shutil.rmtree(world.centre.spool, ignore_errors=True)
    stored = set[str]().union(*(lots_of(node.database) for node in world.machines()))
    world.gone |= before - _lots(world) - stored
    world.undeclared = world.was_restored = True
    # What was answered before counts no more; the receipts that nodes hold are what shows it.
    world.seen.answers.clear()
    world.seen.forked.clear()
    return f"copy {number}"


def declare(world: World, *, without_evidence: bool = False) -> str:
    """The operator declares the epoch, once a node has shown that something is missing, or because it is known."""
    if not world.was_restored or not (world.undeclared or world.faults == 0):
        return "nothing to declare"
    centre = world.centre
    try:
        made = begin_ledger_epoch(
            reason=_REASON,
            engine=centre.engine,
            keys=centre.keys,
            now=centre.clock.now(),
            without_evidence=without_evidence,
        )
    except (ProtocolError, StoreError, TokenError) as error:
        return f"{type(error).__name__} {error}"
    world.undeclared = False
    world.seen.answers.clear()
    # The tree in memory is of the process that was running.
    centre.start()
    return f"epoch {made.epoch} from {made.base_size}"


def _lots(world: World) -> set[str]:
    return {lot for lot, _ in sent_lots(world)}


def _epochs(world: World) -> list[tuple[str, int]]:
    with read_transaction(world.centre.engine) as connection:
        return [(one.node, one.epoch) for one in nodes.node_keys(connection)]
