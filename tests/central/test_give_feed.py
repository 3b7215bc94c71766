"""Feeds at the centre: numbered without a gap, given only to the node that they are for, never changed."""

from __future__ import annotations

import itertools
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest
from sqlalchemy import select, text

from central.app import create_app
from central.domain.ledger import LedgerTree
from central.domain.node import NodeState
from central.store import feed, feed_requests, nodes
from central.store.database import read_transaction, write_transaction
from central.store.tables import feed_items
from central.store.tables import feed_requests as request_rows
from central.workflow.check_centre import check_centre
from central.workflow.give_feed import feed_file, give_feed
from sync_protocol import endpoints, limits
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.feed import (
    NONCE_BYTES,
    FeedItem,
    FeedKind,
    FeedRequest,
    opening_keys_of,
    sign_item,
    sign_request,
    whole_items,
)
from sync_protocol.feed_page import FeedPage, PageReader, framed, open_page, split_file
from sync_protocol.manifest import Checkpoint
from sync_protocol.signers.key_signer import KeySigner
from sync_protocol.tree_head import check_follows
from tests.builders import SeededEntropy, ec_key
from tests.central.scenario import EVENING, Site, World

KIND: Final = FeedKind.REGISTRATIONS
_NONCES: Final = itertools.count(10**9)


def put(world: World, site: Site, body: bytes = b"\xa0") -> int:
    with write_transaction(world.centre.engine) as connection:
        return feed.put_item(connection, site.node, KIND, body, keys=world.centre.keys, at=EVENING)


def request(site: Site, after: int, *, epoch: int | None = None) -> bytes:
    epoch = site.epoch if epoch is None else epoch
    asked = FeedRequest(site.node, epoch, after, at=EVENING, nonce=next(_NONCES).to_bytes(NONCE_BYTES))
    return sign_request(asked, KeySigner(site.node_key))


def give(world: World, asked: bytes, *, now: int = EVENING) -> list[bytes]:
    centre = world.centre
    return give_feed(asked, engine=centre.engine, keys=centre.keys, tree=centre.ledger, entropy=centre.entropy, now=now)


def file_for(world: World, site: Site, *, known: Checkpoint | None = None) -> list[bytes]:
    centre = world.centre
    data = feed_file(
        site.node,
        after=0,
        engine=centre.engine,
        keys=centre.keys,
        tree=centre.ledger,
        entropy=centre.entropy,
        now=EVENING,
        known=known,
    )
    return list(split_file(data))


def opened(world: World, site: Site, sealed: bytes) -> FeedPage:
    key = opening_keys_of(ec_key(f"sealing {site.node}"))
    return open_page(sealed, key, world.centre.keys.publisher.public_key, node=site.node)


def numbers(world: World, site: Site, pages: list[bytes]) -> list[int]:
    return [item.number for sealed in pages for item, _ in opened(world, site, sealed).items]


def test_a_node_gets_what_follows_and_its_neighbour_nothing_of_it(any_world: World) -> None:
    world = any_world
    site, other = world.site(), world.site("79001", "79001A")
    assert [put(world, site) for _ in range(3)] == [1, 2, 3]
    assert put(world, other) == 1
    pages = give(world, request(site, after=1))
    assert numbers(world, site, pages) == [2, 3]
    assert opened(world, site, pages[0]).newest == 3
    assert numbers(world, site, give(world, request(site, after=3))) == []
    with pytest.raises(ProtocolError, match=Code.RECIPIENT_UNKNOWN):
        opened(world, other, give(world, request(site, after=0))[0])
    assert check_centre(world.centre.engine).findings == ()


def test_a_large_body_comes_in_pieces_and_pages_that_a_bad_link_can_carry(any_world: World) -> None:
    world = any_world
    site = world.site()
    body = SeededEntropy().token(200_000)
    last = put(world, site, body)
    assert last == -(-len(body) // limits.FEED_PIECE_BYTES)
    put(world, site, b"\xa0")
    items: list[FeedItem] = []
    answers = 0
    while len(items) < last + 1:
        pages = give(world, request(site, after=len(items)))
        for sealed in pages:
            assert len(sealed) < limits.FEED_PAGE_ITEMS_BYTES + 1_024
            items += [item for item, _ in opened(world, site, sealed).items]
        assert sum(map(len, pages)) < limits.FEED_ANSWER_BYTES
        answers += 1
    assert answers == 2
    assert [(item.number, item.body) for item in whole_items(items)] == [(last, body), (last + 1, b"\xa0")]
    with read_transaction(world.centre.engine) as connection:
        assert feed.newest_body(connection, site.node, KIND) == b"\xa0"
    assert numbers(world, site, file_for(world, site)) == list(range(1, last + 2))
    assert check_centre(world.centre.engine).findings == ()


def test_an_item_from_before_there_were_pieces_still_comes_whole(world: World) -> None:
    site = world.site()
    old = FeedItem(site.node, 1, KIND, EVENING, bytes(limits.FEED_ITEM_BYTES))
    with write_transaction(world.centre.engine) as connection:
        row = {"node": site.node, "number": 1, "kind": KIND.value, "at": EVENING}
        connection.execute(feed_items.insert(), {**row, "item": sign_item(old, world.centre.keys.publisher)})
    put(world, site)
    pages = give(world, request(site, after=0))
    assert [item for item, _ in opened(world, site, pages[0]).items] == [old]
    assert len(framed(pages[0])) <= limits.FEED_ANSWER_BYTES
    assert numbers(world, site, give(world, request(site, after=1))) == [2]


def test_a_body_larger_than_any_set_is_not_put_into_a_feed(world: World) -> None:
    site = world.site()
    with pytest.raises(ProtocolError, match=Code.TOO_LARGE):
        put(world, site, bytes(limits.FEED_BODY_BYTES + 1))


def test_the_first_page_says_how_things_stand_and_shows_that_the_ledger_has_only_grown(any_world: World) -> None:
    world = any_world
    site = world.site()
    before = world.head()
    site.send(site.doses([1]))
    put(world, site)
    nonce = bytes([7]) * NONCE_BYTES
    asked = FeedRequest(site.node, site.epoch, 0, at=EVENING, nonce=nonce, known=before)
    pages = give(world, sign_request(asked, KeySigner(site.node_key)))
    page = opened(world, site, pages[0])
    assert page.statement is not None
    assert page.stated is not None
    assert (page.statement.nonce, page.statement.newest_item) == (nonce, 1)
    assert dict(page.statement.versions) == {"catalogue": 1, "trust-list": 1}
    assert page.statement.head == world.head()
    assert page.stated.path_from == before.size
    check_follows(page.statement.head, before, path=page.stated.path)
    in_file = opened(world, site, file_for(world, site, known=before)[0])
    assert in_file.statement is not None
    assert in_file.statement.nonce == b""
    assert in_file.stated is not None
    check_follows(in_file.statement.head, before, path=in_file.stated.path)


def test_no_request_is_answered_twice_and_the_nonces_that_are_kept_are_bounded(any_world: World) -> None:
    world = any_world
    site, other = world.site(), world.site("79001", "79001A")
    first = request(site, after=0)
    give(world, first)
    with pytest.raises(ProtocolError, match=Code.REPLAYED):
        give(world, first)
    give(world, request(other, after=0))
    with write_transaction(world.centre.engine) as connection:
        for number in range(limits.FEED_NONCES + 5):
            # A clock that ran ahead once: for a while every answer says the same time.
            feed_requests.use_nonce(connection, site.node, number.to_bytes(NONCE_BYTES), at=EVENING + 1)
        rows = connection.execute(select(request_rows.c.node)).scalars().all()
        with pytest.raises(ProtocolError, match=Code.REPLAYED):
            feed_requests.use_nonce(connection, site.node, (5).to_bytes(NONCE_BYTES), at=EVENING + 1)
    assert rows.count(site.node) == limits.FEED_NONCES
    assert rows.count(other.node) == 1


def test_a_database_that_was_put_back_under_a_running_worker_accuses_nobody(world: World, tmp_path: Path) -> None:
    site, other = world.site(), world.site("79001", "79001A")
    store = world.centre.config.directory / "centre.db"
    site.send(site.doses([1]))
    before = world.head()
    world.centre.engine.dispose()
    shutil.copyfile(store, tmp_path / "copy.db")
    site.send(site.doses([2]))
    world.centre.engine.dispose()
    for ending in ("", "-wal", "-shm"):
        store.with_name(f"{store.name}{ending}").unlink(missing_ok=True)
    shutil.copyfile(tmp_path / "copy.db", store)
    # Another worker has read the ledger since; this one still has the leaf of a bundle that is gone.
    theirs = replace(world, centre=replace(world.centre, ledger=LedgerTree()))
    for person in (3, 4):
        inner = other.inner(other.doses([person]))
        theirs.offer(other.seal(inner))
        other.moved(inner)
    asked = FeedRequest(other.node, other.epoch, 0, at=EVENING, nonce=bytes(NONCE_BYTES), known=before)
    page = opened(world, other, give(world, sign_request(asked, KeySigner(other.node_key)))[0])
    assert page.statement is not None
    assert page.stated is not None
    check_follows(page.statement.head, before, path=page.stated.path)


def test_the_time_that_is_said_to_a_node_never_goes_back(world: World) -> None:
    site = world.site()
    later = opened(world, site, give(world, request(site, after=0), now=EVENING + 900)[0]).statement
    earlier = opened(world, site, give(world, request(site, after=0), now=EVENING)[0]).statement
    assert later is not None
    assert earlier is not None
    assert (later.at, earlier.at) == (EVENING + 900, EVENING + 900)


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
        file_for(world, site)


def test_a_node_that_was_enrolled_anew_goes_on_in_the_same_feed(world: World) -> None:
    before = world.site()
    put(world, before)
    after = world.site()
    assert after.epoch == before.epoch + 1
    put(world, after)
    # The one in between is the list of the facility's certificates, of which every fresh machine is told.
    assert numbers(world, after, give(world, request(after, after=0))) == [1, 2, 3]
    with pytest.raises(ProtocolError, match=Code.EPOCH):
        give(world, request(before, after=0))


def test_over_http_a_page_has_its_media_type(world: World) -> None:
    site = world.site()
    put(world, site)
    client = create_app(world.centre).test_client()
    answer = client.post(endpoints.FEED.path, data=request(site, after=0), content_type=endpoints.FEED.request_type)
    assert (answer.status_code, answer.content_type) == (200, endpoints.FEED.answer_type)
    assert numbers(world, site, list(PageReader().add(answer.data))) == [1]


def test_an_item_that_was_changed_in_the_database_is_found(world: World) -> None:
    site = world.site()
    put(world, site)
    put(world, site)
    with write_transaction(world.centre.engine) as connection:
        connection.execute(text("DROP TRIGGER feed_items_no_update"))
        connection.execute(text("UPDATE feed_items SET at = at + 1 WHERE number = 2"))
    assert [found.place for found in check_centre(world.centre.engine).findings] == [f"feed {site.node}/2"]
