"""What somebody on the way, or a dishonest centre, may answer to a transfer in place of the truth."""

from __future__ import annotations

from typing import Final

from central.store import ledger
from central.store.database import read_transaction
from sync_protocol.api import encode_problem
from sync_protocol.errors import Code
from sync_protocol.ledger_entry import entry_leaf, genesis_entry, parse_entry
from sync_protocol.merkle import Tree
from sync_protocol.receipt import build_receipt, verify_inclusion
from sync_protocol.transfer import (
    Answered,
    Held,
    PartAnswer,
    TurnedAway,
    encode_transfer_answer,
    parse_transfer,
    parse_transfer_answer,
)
from tests.simulation.world import World

_PROBLEMS: Final = (Code.NOT_NEXT, Code.FORKED, Code.NODE_DENIED, Code.HEAD_INCONSISTENT, Code.TOO_LARGE)


def altered(world: World, ticket: bytes, answer: bytes) -> bytes:
    """The answer to a transfer, changed."""
    _, request = parse_transfer(ticket)
    parts = parse_transfer_answer(answer, request)
    return encode_transfer_answer([_altered(world, part) for part in parts])


def _altered(world: World, part: PartAnswer) -> PartAnswer:
    dice = world.dice
    if isinstance(part, Held):
        return Held(dice.below(part.offset + 1))
    match dice.weighted({"flipped": 1, "other": 4, "problem": 4, "nothing": 1, "rewritten": 12, "true": 1}):
        case "flipped" if isinstance(part, Answered):
            at = dice.below(len(part.answer))
            return Answered(part.answer[:at] + bytes([part.answer[at] ^ 1]) + part.answer[at + 1 :])
        case "other" if world.seen.answers:
            return Answered(dice.pick(list(world.seen.answers.values())))
        case "problem":
            return TurnedAway(encode_problem(dice.pick(_PROBLEMS), rule="stranger"))
        case "nothing":
            return Answered(b"")
        case "rewritten" if isinstance(part, Answered):
            return Answered(_rewritten(world, part.answer))
        case _:
            return part


def _rewritten(world: World, answer: bytes) -> bytes:
    """A receipt for the same entry, signed by the true ledger key over a ledger whose past was changed."""
    centre = world.centre
    true = verify_inclusion(answer, ledger_keys=[centre.keys.ledger.public_key])
    with read_transaction(centre.engine) as connection:
        history = [parse_entry(stored.entry) for stored in ledger.all_entries(connection)][: true.entry.index + 1]
    if len(history) <= true.entry.index or history[-1] != true.entry:
        return answer
    forged = [genesis_entry(history[0].admitted_at - 1), *history[1:]]
    return build_receipt(
        true.entry,
        Tree([entry_leaf(entry) for entry in forged]),
        epoch=true.head.epoch,
        at=true.head.at,
        # A path is there, so that a node which knows no head yet is not caught out: it could not tell.
        known_head_size=1,
        ledger_signer=centre.keys.ledger,
        verdicts=true.verdicts,
    )
