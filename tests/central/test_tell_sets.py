"""A new catalogue or trust list is in the feed of every node that may hold an older one, once."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from central.domain.node import NodeState
from central.store import nodes
from central.store.database import write_transaction
from central.store.published_sets import PublishedKind, newest_set
from central.workflow.check_centre import check_centre
from central.workflow.publish_sets import publish_catalogue, publish_trust_list
from central.workflow.tell_sets import tell_sets
from sync_protocol.catalogue import verify_catalogue
from sync_protocol.feed import FeedKind
from sync_protocol.trust_list import verify_trust_list
from tests.central.handing import items_of
from tests.central.scenario import EVENING, World

CATALOGUE: Final = Path(__file__).parents[2] / "central" / "data" / "catalogue.toml"
_LATER: Final = EVENING + 3_600


def publish(world: World, *, at: int = _LATER) -> None:
    centre = world.centre
    with write_transaction(centre.engine) as connection:
        text = CATALOGUE.read_text(encoding="utf-8")
        publish_catalogue(connection, text, keys=centre.keys, days=30, now=at)
        publish_trust_list(connection, keys=centre.keys, days=30, now=at)


def told(world: World, node: str) -> list[tuple[FeedKind, int]]:
    """Kinds and versions of the sets in a node's feed."""
    publisher = world.centre.keys.publisher.public_key
    found = []
    for item in items_of(world, node, FeedKind.CATALOGUE, FeedKind.TRUST_LIST):
        verify = verify_catalogue if item.kind is FeedKind.CATALOGUE else verify_trust_list
        found.append((item.kind, verify(item.body, publisher, at=_LATER).version))
    return found


def test_a_publication_goes_to_every_node_and_to_none_that_is_made_later(any_world: World) -> None:
    world = any_world
    site = world.site()
    assert told(world, site.node) == []
    publish(world)
    both = [(FeedKind.CATALOGUE, 2), (FeedKind.TRUST_LIST, 2)]
    assert told(world, site.node) == both
    world.clock.at = _LATER + 60
    later = world.site("79001", "79001A")
    assert told(world, later.node) == []
    publish(world, at=_LATER + 120)
    assert told(world, site.node) == [*both, (FeedKind.CATALOGUE, 3), (FeedKind.TRUST_LIST, 3)]
    assert told(world, later.node) == [(FeedKind.CATALOGUE, 3), (FeedKind.TRUST_LIST, 3)]
    assert check_centre(world.centre.engine).findings == ()


def test_a_node_that_waits_or_is_locked_out_finds_it_when_it_comes(world: World) -> None:
    site = world.site()
    centre = world.centre
    with write_transaction(centre.engine) as connection:
        nodes.set_state(connection, site.node, NodeState.DENIED)
        nodes.add_node(connection, "19001B", facility="19001", at=EVENING)
    publish(world)
    assert told(world, site.node) == told(world, "19001B") == [(FeedKind.CATALOGUE, 2), (FeedKind.TRUST_LIST, 2)]


def test_what_was_told_is_not_told_again(world: World) -> None:
    world.site()
    publish(world)
    centre = world.centre
    with write_transaction(centre.engine) as connection:
        assert tell_sets(connection, keys=centre.keys, at=_LATER) == 0
        held = newest_set(connection, PublishedKind.CATALOGUE)
    assert held is not None
    assert items_of(world, "19001A", FeedKind.CATALOGUE)[-1].body == held.content
