"""How many people each node asked the population database about, and where the answers stand; nobody by name."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from central.store.tables import answered_questions, feed_items, ledger_entries, nodes
from sync_protocol.bundle import BundleKind
from sync_protocol.feed import FeedItem, FeedKind, read_item
from sync_protocol.ledger_entry import ADMITTED


@dataclass(frozen=True, slots=True)
class AnsweredBundle:
    """A bundle of questions that was answered.

    Attributes:
        ledger_index: of the bundle.
        node: who asked.
        asked_at: epoch seconds, UTC, by the ledger.
        people: how many were asked about.
        matched: how many of them are in the population database as they were asked about.
        item: number of the answers in the node's feed.
    """

    ledger_index: int
    node: str
    asked_at: int
    people: int
    matched: int
    item: int


@dataclass(frozen=True, slots=True)
class Asked:
    """How many people a facility asked about, and how many of them matched."""

    people: int = 0
    matched: int = 0


def put_answered(connection: Connection, answered: AnsweredBundle) -> None:
    """Notes a bundle whose answers were put into the feed."""
    connection.execute(
        answered_questions.insert(),
        {
            "ledger_index": answered.ledger_index,
            "node": answered.node,
            "asked_at": answered.asked_at,
            "people": answered.people,
            "matched": answered.matched,
            "item": answered.item,
        },
    )


def count_asked(connection: Connection, node: str, *, start: int, end: int) -> int:
    """How many people a node asked about from `start` to `end` (epoch seconds, UTC)."""
    table = answered_questions
    asked = (table.c.node == node, table.c.asked_at >= start, table.c.asked_at < end)
    return int(connection.execute(select(func.coalesce(func.sum(table.c.people), 0)).where(*asked)).scalar_one())


def asked_by_facility(connection: Connection, *, start: int, end: int) -> dict[str, Asked]:
    """What each facility asked from `start` to `end` (epoch seconds, UTC), by code; left out if nothing."""
    table = answered_questions
    # The index begins with the node, so the day is looked up node by node.
    asked = (table.c.node.in_(select(nodes.c.code)), table.c.asked_at >= start, table.c.asked_at < end)
    statement = (
        select(nodes.c.facility, func.sum(table.c.people), func.sum(table.c.matched))
        .select_from(table.join(nodes, nodes.c.code == table.c.node))
        .where(*asked)
        .group_by(nodes.c.facility)
    )
    return {row[0]: Asked(int(row[1]), int(row[2])) for row in connection.execute(statement)}


def all_answered(connection: Connection) -> dict[int, AnsweredBundle]:
    """Every row by its index in the ledger, for `check`."""
    rows = connection.execute(select(answered_questions)).mappings()
    return {row["ledger_index"]: AnsweredBundle(**row) for row in rows}


def admitted_bundles(connection: Connection) -> dict[int, str]:
    """The index in the ledger of every admitted bundle of questions, with its node, for `check`."""
    table = ledger_entries
    asked = (table.c.kind == BundleKind.QUESTIONS.value, table.c.outcome == ADMITTED)
    rows = connection.execute(select(table.c.idx, table.c.node).where(*asked).order_by(table.c.idx))
    return {row[0]: row[1] for row in rows}


def answer_items(connection: Connection) -> dict[tuple[str, int], FeedItem]:
    """Every item of answers by node and number, for `check`; the answers to one bundle fit into one item."""
    table = feed_items
    statement = select(table.c.node, table.c.number, table.c.item).where(table.c.kind == FeedKind.ANSWERS.value)
    return {(row[0], row[1]): read_item(row[2]) for row in connection.execute(statement)}
