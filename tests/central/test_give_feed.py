"""Feeds at the centre: numbered without a gap, given only to the node that they are for, never changed."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from central.app import create_app
from central.domain.node import NodeState
from central.store import feed, nodes
from central.store.database import write_transaction
from central.workflow.check_centre import check_centre
from central.workflow.give_feed import feed_file, give_feed
from sync_protocol import endpoints, limits
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.feed import FeedKind, FeedPage, FeedRequest, open_page, opening_keys_of, sign_request
from sync_protocol.signers.key_signer import KeySigner
from tests.builders import ec_key
from tests.central.scenario import EVENING, Site, World

KIND = FeedKind.REGISTRATIONS


def put(world: World, site: Site, body: bytes = b"\xa0") -> int:
    with write_transaction(world.centre.engine) as connection:
        return feed.put_item(connection, site.node, KIND, body, keys=world.centre.keys, at=EVENING)


def request(site: Site, after: int, *, epoch: int | None = None) -> bytes:
    asked = FeedRequest(site.node, site.epoch if epoch is None else epoch, after, at=EVENING, nonce=bytes(16))
    return sign_request(asked, KeySigner(site.node_key))


def give(world: World, asked: bytes) -> bytes:
    return give_feed(asked, engine=world.centre.engine, entropy=world.centre.entropy)


def opened(world: World, site: Site, sealed: bytes) -> FeedPage:
    key = opening_keys_of(ec_key(f"sealing {site.node}"))
    return open_page(sealed, key, world.centre.keys.publisher.public_key, node=site.node)


def test_a_node_gets_what_follows_and_its_neighbour_nothing_of_it(any_world: World) -> None:
    world = any_world
    site, other = world.site(), world.site("79001", "79001A")
    assert [put(world, site) for _ in range(3)] == [1, 2, 3]
    assert put(world, other) == 1
    page = opened(world, site, give(world, request(site, after=1)))
    assert [item.number for item, _ in page.items] == [2, 3]
    assert page.newest == 3
    assert opened(world, site, give(world, request(site, after=3))).items == ()
    with pytest.raises(ProtocolError, match=Code.RECIPIENT_UNKNOWN):
        opened(world, other, give(world, request(site, after=0)))
    assert check_centre(world.centre.engine).findings == ()


def test_large_items_come_in_pages_and_each_page_brings_at_least_one(any_world: World) -> None:
    world = any_world
    site = world.site()
    for _ in range(3):
        put(world, site, bytes(limits.FEED_ITEM_BYTES // 2))
    numbers: list[int] = []
    while len(numbers) < 3:
        page = opened(world, site, give(world, request(site, after=len(numbers))))
        assert page.newest == 3
        assert len(page.items) == 1
        numbers += [item.number for item, _ in page.items]
    assert numbers == [1, 2, 3]
    on_stick = feed_file(site.node, after=0, engine=world.centre.engine, entropy=world.centre.entropy)
    assert len(opened(world, site, on_stick).items) == 1


def test_whoever_is_not_the_node_gets_nothing(world: World) -> None:
    site = world.site()
    put(world, site)
    forged = FeedRequest(site.node, site.epoch, 0, at=EVENING, nonce=bytes(16))
    for asked, code in (
        (sign_request(forged, KeySigner(ec_key("stranger"))), Code.SIGNATURE_INVALID),
        (sign_request(FeedRequest("99999Z", 1, 0, EVENING, bytes(16)), KeySigner(ec_key("x"))), Code.NODE_UNKNOWN),
        (request(site, 0, epoch=site.epoch + 1), Code.EPOCH),
        (b"\xa0", Code.NOT_COSE),
    ):
        with pytest.raises(ProtocolError, match=code):
            give(world, asked)
    with write_transaction(world.centre.engine) as connection:
        nodes.set_state(connection, site.node, NodeState.DENIED)
    with pytest.raises(ProtocolError, match=Code.NODE_DENIED):
        give(world, request(site, 0))
    with pytest.raises(ProtocolError, match=Code.NODE_DENIED):
        feed_file(site.node, after=0, engine=world.centre.engine, entropy=world.centre.entropy)


def test_a_node_that_was_enrolled_anew_goes_on_in_the_same_feed(world: World) -> None:
    before = world.site()
    put(world, before)
    after = world.site()
    assert after.epoch == before.epoch + 1
    put(world, after)
    # The one in between is the list of the facility's certificates, of which every fresh machine is told.
    assert [item.number for item, _ in opened(world, after, give(world, request(after, after=0))).items] == [1, 2, 3]
    with pytest.raises(ProtocolError, match=Code.EPOCH):
        give(world, request(before, after=0))


def test_over_http_a_page_has_its_media_type(world: World) -> None:
    site = world.site()
    put(world, site)
    client = create_app(world.centre).test_client()
    answer = client.post(endpoints.FEED.path, data=request(site, after=0), content_type=endpoints.FEED.request_type)
    assert (answer.status_code, answer.content_type) == (200, endpoints.FEED.answer_type)
    assert len(opened(world, site, answer.data).items) == 1


def test_an_item_that_was_changed_in_the_database_is_found(world: World) -> None:
    site = world.site()
    put(world, site)
    put(world, site)
    with write_transaction(world.centre.engine) as connection:
        connection.execute(text("DROP TRIGGER feed_items_no_update"))
        connection.execute(text("UPDATE feed_items SET at = at + 1 WHERE number = 2"))
    assert [found.place for found in check_centre(world.centre.engine).findings] == [f"feed {site.node}/2"]
