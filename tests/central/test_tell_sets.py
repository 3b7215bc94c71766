"""What is for everybody is in the feed of every node that asks: once, in its order, whatever stops in between."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import pytest
from sqlalchemy import delete, func, select

from central.domain.node import NodeState
from central.store import feed, nodes
from central.store.database import read_transaction, write_transaction
from central.store.tables import feed_items, set_tellings
from central.workflow.begin_ledger_epoch import begin_ledger_epoch
from central.workflow.check_centre import check_centre
from central.workflow.publish_sets import publish_catalogue, publish_trust_list
from sync_protocol.catalogue import verify_catalogue
from sync_protocol.feed import FeedItem, FeedKind, verify_item
from sync_protocol.ledger_epoch import first_item_of, read_ledger_epoch
from sync_protocol.trust_list import verify_trust_list
from tests.central.asking import Heard, ask
from tests.central.scenario import EVENING, Site, World

CATALOGUE: Final = Path(__file__).parents[2] / "central" / "data" / "catalogue.toml"
SECOND: Final = [(FeedKind.CATALOGUE, 2), (FeedKind.TRUST_LIST, 2)]
THIRD: Final = [(FeedKind.CATALOGUE, 3), (FeedKind.TRUST_LIST, 3)]
_LATER: Final = EVENING + 3_600
_SITES: Final = tuple(f"790{number:02}" for number in range(6))


def publish(world: World, *, at: int = _LATER) -> None:
    centre = world.centre
    with write_transaction(centre.engine) as connection:
        text = CATALOGUE.read_text(encoding="utf-8")
        publish_catalogue(connection, text, keys=centre.keys, days=30, now=at)
        publish_trust_list(connection, keys=centre.keys, days=30, now=at)
    world.clock.at = at


def declare(world: World, *, base_size: int = 1) -> int:
    """A new epoch of the ledger; gives its number."""
    centre = world.centre
    world.clock.at += 60
    return begin_ledger_epoch(
        reason="Khôi phục",
        engine=centre.engine,
        keys=centre.keys,
        now=world.clock.at,
        base_size=base_size,
        without_evidence=True,
    ).epoch


def put(world: World, node: str, body: bytes, *, kind: FeedKind = FeedKind.HANDED_BACK) -> None:
    with write_transaction(world.centre.engine) as connection:
        feed.put_item(connection, node, kind, body, keys=world.centre.keys, at=world.clock.at)


def versions(world: World, items: list[FeedItem]) -> list[tuple[FeedKind, int]]:
    """Kinds and versions of the sets among items."""
    publisher = world.centre.keys.publisher.public_key
    found: list[tuple[FeedKind, int]] = []
    for item in items:
        if item.kind in (FeedKind.CATALOGUE, FeedKind.TRUST_LIST):
            verify = verify_catalogue if item.kind is FeedKind.CATALOGUE else verify_trust_list
            found.append((item.kind, verify(item.body, publisher, at=_LATER).version))
    return found


def told(world: World, site: Site) -> list[tuple[FeedKind, int]]:
    """What a node hears of sets when it asks for everything."""
    return versions(world, list(ask(world, site).items))


def feed_of(world: World, site: Site) -> list[FeedItem]:
    """Everything in a node's feed, over all epochs."""
    publisher = world.centre.keys.publisher.public_key
    with read_transaction(world.centre.engine) as connection:
        return [verify_item(row.item, publisher, node=site.node) for _, row in feed.all_items(connection)]


def rows(world: World) -> int:
    with read_transaction(world.centre.engine) as connection:
        return int(connection.execute(select(func.count()).select_from(feed_items)).scalar_one())


def test_a_publication_goes_to_every_node_and_to_none_that_is_made_later(any_world: World) -> None:
    world = any_world
    site = world.site()
    assert told(world, site) == []
    publish(world)
    assert told(world, site) == told(world, site) == SECOND
    world.clock.at = _LATER + 60
    later = world.site("79001", "79001A")
    assert told(world, later) == []
    publish(world, at=_LATER + 120)
    assert told(world, site) == [*SECOND, *THIRD]
    assert told(world, later) == THIRD
    assert check_centre(world.centre.engine).findings == ()


def test_a_node_that_asks_after_two_publications_hears_of_the_later_one(any_world: World) -> None:
    site = any_world.site()
    publish(any_world)
    publish(any_world, at=_LATER + 120)
    assert told(any_world, site) == THIRD


def test_a_node_that_waits_or_is_locked_out_finds_it_when_it_comes(world: World) -> None:
    site = world.site()
    centre = world.centre
    with write_transaction(centre.engine) as connection:
        nodes.set_state(connection, site.node, NodeState.DENIED)
        nodes.add_node(connection, "19001B", facility="19001", at=EVENING)
    publish(world)
    with write_transaction(centre.engine) as connection:
        nodes.set_state(connection, site.node, NodeState.ENROLLED)
    world.clock.at = _LATER + 60
    assert told(world, site) == told(world, world.site("19001", "19001B")) == SECOND


def test_a_decision_for_everybody_writes_into_nobodys_feed(world: World) -> None:
    for code in _SITES:
        world.site(code, f"{code}A")
    publish(world)
    declare(world)
    assert rows(world) == 0


def test_what_is_due_comes_before_what_is_put_there_later(any_world: World) -> None:
    site = any_world.site()
    put(any_world, site.node, b"\x01")
    publish(any_world)
    put(any_world, site.node, b"\x02")
    epoch = declare(any_world)
    put(any_world, site.node, b"\x03")
    heard = feed_of(any_world, site)
    first = first_item_of(epoch)
    kinds = [FeedKind.HANDED_BACK, FeedKind.CATALOGUE, FeedKind.TRUST_LIST, FeedKind.HANDED_BACK]
    # What was put there since the base is said again behind the epoch, in its order.
    assert [item.kind for item in heard] == [*kinds, FeedKind.LEDGER_EPOCH, *kinds, FeedKind.HANDED_BACK]
    assert [item.number for item in heard] == [1, 2, 3, 4, *range(first, first + 6)]
    assert [item.body for item in heard if item.kind is FeedKind.HANDED_BACK] == [
        b"\x01",
        b"\x02",
        b"\x01",
        b"\x02",
        b"\x03",
    ]
    assert rows(any_world) == len(heard)
    assert check_centre(any_world.centre.engine).findings == ()


def test_a_node_that_asks_after_two_restores_hears_of_both_and_loses_nothing(any_world: World) -> None:
    site = any_world.site()
    put(any_world, site.node, b"\x01")
    first = declare(any_world)
    # The second one goes on from the first: it alone would say nothing of what was put there before that.
    last = declare(any_world, base_size=any_world.head().size)
    put(any_world, site.node, b"\x02")
    (earlier,) = ask(any_world, site, after=1).items
    assert (earlier.number, read_ledger_epoch(earlier.body).epoch) == (first_item_of(first), first)
    heard = ask(any_world, site, after=earlier.number).items
    assert [item.number for item in heard] == list(range(first_item_of(last), first_item_of(last) + 3))
    assert read_ledger_epoch(heard[0].body).epoch == last
    assert [item.body for item in heard[1:]] == [b"\x01", b"\x02"]
    assert check_centre(any_world.centre.engine).findings == ()


def test_a_statement_promises_no_version_whose_item_is_not_there(any_world: World) -> None:
    site = any_world.site()
    held = dict.fromkeys(("catalogue", "trust-list"), 1)
    after = 0
    for step in range(3):
        heard = ask(any_world, site, after=after)
        held |= {kind.value: version for kind, version in versions(any_world, list(heard.items))}
        assert heard.statement.versions == held
        after = max([after, *(item.number for item in heard.items)])
        assert heard.statement.newest_item == after
        publish(any_world, at=_LATER + step)


class _StoppedError(Exception):
    """Stands for a process that ends."""


@pytest.fixture
def half_told(any_world: World, monkeypatch: pytest.MonkeyPatch) -> tuple[World, list[Site]]:
    """A publication and a restore of which half of the nodes have heard, and one was just being told."""
    world = any_world
    sites = [world.site(code, f"{code}A") for code in _SITES]
    publish(world)
    declare(world)
    for site in sites[:3]:
        ask(world, site)

    def stop(*_: object) -> None:
        raise _StoppedError

    with monkeypatch.context() as patch:
        patch.setattr(feed, "note_told", stop)
        with pytest.raises(_StoppedError):
            ask(world, sites[3])
    return world, sites


def heard_once(heard: Heard) -> bool:
    return [item.kind for item in heard.items] == [FeedKind.LEDGER_EPOCH, FeedKind.CATALOGUE, FeedKind.TRUST_LIST]


def test_killed_between_nodes_and_within_one_every_node_hears_it_once(half_told: tuple[World, list[Site]]) -> None:
    world, sites = half_told
    assert rows(world) == 3 * 3
    for _ in range(2):
        assert all(heard_once(ask(world, site)) for site in sites)
    assert rows(world) == 3 * len(sites)
    assert check_centre(world.centre.engine).findings == ()


def test_bundles_are_admitted_while_nodes_are_told(half_told: tuple[World, list[Site]]) -> None:
    world, sites = half_told
    sender = sites[-1]
    with ThreadPoolExecutor(len(sites)) as pool:
        asking = [pool.submit(ask, world, site) for site in sites[:-1] for _ in range(2)]
        # Each goes on the one before, so that they are offered one after another while the others ask.
        receipts = [sender.send(sender.doses([number])) for number in (1, 2, 3)]
        answers = [future.result() for future in asking]
    assert [receipt.entry.sequence for receipt in receipts] == [1, 2, 3]
    assert all(heard_once(heard) for heard in answers)
    assert rows(world) == 3 * (len(sites) - 1)


def test_what_was_told_before_anybody_noted_it_is_not_told_again(world: World) -> None:
    site = world.site()
    publish(world)
    assert told(world, site) == SECOND
    with write_transaction(world.centre.engine) as connection:
        connection.execute(delete(set_tellings))
    assert told(world, site) == SECOND
    assert check_centre(world.centre.engine).findings == ()


def test_check_finds_a_set_that_counts_as_told_and_is_not_there(world: World) -> None:
    site = world.site()
    publish(world)
    with write_transaction(world.centre.engine) as connection:
        for kind in ("catalogue", "trust-list"):
            connection.execute(set_tellings.insert(), {"node": site.node, "kind": kind, "version": 2})
    assert [one.invariant for one in check_centre(world.centre.engine).findings] == ["I22", "I22"]
