"""What is done at the centre: the end of the day, certificates, and requests that come late."""

from __future__ import annotations

from central.store.database import StoreError
from central.workflow.run_day import run_day
from central.workflow.tell_passports import tell_passports
from central.workflow.tell_verdicts import tell_verdicts
from sync_protocol.days import DAY_SECONDS
from sync_protocol.errors import ProtocolError
from sync_protocol.signers.token_errors import TokenError
from tests.simulation.fuse import Blow, Crash
from tests.simulation.link import Link
from tests.simulation.world import World


def end_of_day(world: World) -> str:
    """The end of the day, under the chance of a power cut or a token that is out."""
    centre = world.centre
    if world.dice.happens(world.faults):
        centre.fuse.arm(world.dice.between(1, 6), world.dice.pick(tuple(Blow)))
    if world.dice.happens(world.faults // 3):
        centre.document_token.fault = "removed"
    try:
        with centre.wired():
            result = run_day(
                centre.engine,
                signer=centre.document_token,
                registry=centre.centre.registry,
                entropy=centre.entropy,
                now=centre.clock.now(),
            )
            changed = tell_verdicts(centre.engine, keys=centre.keys, now=centre.clock.now())
            told = tell_passports(centre.engine, keys=centre.keys, now=centre.clock.now())
    except Crash:
        centre.start()
        return "power cut"
    except (StoreError, TokenError, ProtocolError) as error:
        return type(error).__name__
    finally:
        centre.fuse.disarm()
        centre.document_token.fault = ""
    return f"{result.issued} issued, {result.passports} passports, {told} told, {changed} verdicts changed"


def late_request(world: World) -> str:
    """A request that was cut off or lost comes once more, from wherever it lay."""
    if not world.late:
        return "none"
    return Link(world).deliver_late(world.dice.pick(world.late))


def clock_jump(world: World) -> str:
    """The centre's clock is set wrong, and right again."""
    world.centre.clock.wrong_by = world.dice.pick((0, 0, 0, 600, -600, -DAY_SECONDS))
    return f"wrong by {world.centre.clock.wrong_by} seconds"


def stop(world: World) -> str:
    """The centre goes off and on again."""
    world.centre.start()
    return "started anew"
