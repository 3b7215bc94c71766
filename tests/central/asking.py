"""A node that asks the centre for its feed over the real call, as tests of what is told need it."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from central.workflow.give_feed import give_feed
from sync_protocol.contact import Statement
from sync_protocol.feed import NONCE_BYTES, FeedItem, FeedKind, FeedRequest, opening_keys_of, sign_request
from sync_protocol.feed_page import open_page
from sync_protocol.signers.key_signer import KeySigner
from tests.builders import ec_key
from tests.central.scenario import Site, World

_NONCES: Final = itertools.count(2 * 10**9)


@dataclass(frozen=True, slots=True)
class Heard:
    """What one contact brought: pieces of items in their order, and what the centre said of itself."""

    items: Sequence[FeedItem]
    statement: Statement

    def of(self, *kinds: FeedKind) -> list[FeedItem]:
        """The items of these kinds."""
        return [item for item in self.items if item.kind in kinds]


def ask(world: World, site: Site, *, after: int = 0) -> Heard:
    """Asks for what follows an item, at the centre's time; only what one answer holds comes."""
    centre, now = world.centre, world.clock.at
    nonce = next(_NONCES).to_bytes(NONCE_BYTES)
    asked = FeedRequest(site.node, site.epoch, after, at=now, nonce=nonce)
    sealed = give_feed(
        sign_request(asked, KeySigner(site.node_key)),
        engine=centre.engine,
        keys=centre.keys,
        tree=centre.ledger,
        entropy=centre.entropy,
        now=now,
    )
    publisher, opening = centre.keys.publisher.public_key, opening_keys_of(ec_key(f"sealing {site.node}"))
    pages = [open_page(page, opening, publisher, node=site.node) for page in sealed]
    assert pages[0].statement is not None
    return Heard([item for page in pages for item, _ in page.items], pages[0].statement)
