"""What it costs to tell all nodes of a country something: how long others wait, and how many items are made a second.

A catalogue and a trust list are published and an epoch of the ledger is declared; then every node asks once, over the
same call as in the field. The peer is what was done before: the items of all nodes in the transaction that decides.

The longest of thousands of transactions also holds whatever else the machine did just then. So the slope is that of the
two that decide, or of what 99 of 100 contacts stay below, whichever is longer.
"""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, event, func, select

from central.store import feed
from central.store.database import read_transaction, write_transaction
from central.store.tables import facilities, feed_items, node_epochs, nodes
from central.workflow.begin_ledger_epoch import begin_ledger_epoch
from central.workflow.give_feed import give_feed
from central.workflow.publish_sets import publish_catalogue, publish_trust_list
from sync_protocol.feed import NONCE_BYTES, FeedKind, FeedRequest, sign_request
from sync_protocol.signers.key_signer import KeySigner
from tests.central.scenario import Site, World
from tests.central.template import Template

# Commune stations of the whole country are about 11,000.
SIZES: Final = (100, 1_000, 11_000)
# The epoch, the catalogue, the trust list.
_ITEMS_EACH: Final = 3
_AGAIN: Final = 500
# Transactions that decide: the two sets, the epoch.
_DECISIONS: Final = 2
_CATALOGUE: Final = Path(__file__).parents[1] / "central" / "data" / "catalogue.toml"
# An admission that has to wait longer than this is felt at a site.
_LONGEST: Final = 0.1
_RATE: Final = 200
_SLOPE: Final = 0.2


@dataclass(slots=True)
class _Writes:
    """How long each transaction held the write lock, in seconds."""

    spent: list[float] = field(default_factory=list)
    _since: dict[int, float] = field(default_factory=dict)

    def begun(self, connection: Connection) -> None:
        if connection.get_execution_options().get("hcvx_writes", False):
            self._since[id(connection.connection.dbapi_connection)] = time.perf_counter()

    def ended(self, dbapi_connection: Any, _record: object) -> None:
        since = self._since.pop(id(dbapi_connection), None)
        if since is not None:
            self.spent.append(time.perf_counter() - since)


def measure(sizes: tuple[int, ...] = SIZES) -> Iterator[dict[str, object]]:
    """Yields two lines for each number of nodes, then how the longest transaction grows with it."""
    longest: dict[int, float] = {}  # seconds, by the number of nodes; without the outliers
    with tempfile.TemporaryDirectory() as directory:
        template = Template.make(Path(directory) / "template")
        for count in sizes:
            world = template.copy(Path(directory) / f"centre-{count}")
            site = _fill(world, count)
            yield from _tell(world, site, count, longest)
            world.centre.engine.dispose()
    slope = math.log(longest[max(sizes)] / longest[min(sizes)]) / math.log(max(sizes) / min(sizes))
    yield {
        "metric": "tell_nodes.slope",
        "value": round(slope, 3),
        "unit": f"exponent of write transactions from {min(sizes)} to {max(sizes)} nodes; 1 is proportional",
        "target": _SLOPE,
        "met": slope <= _SLOPE,
    }


def _tell(world: World, site: Site, count: int, longest: dict[int, float]) -> Iterator[dict[str, object]]:
    requests = [_request(world, site, code) for code in _codes(count)]
    with _watched(world.centre.engine) as writes:
        _decide(world)
        started = time.perf_counter()
        for request in requests:
            _ask(world, request)
        spent = time.perf_counter() - started
    made = _items(world.centre.engine)
    if made != _ITEMS_EACH * count:
        raise RuntimeError(f"{made} items were made for {count} nodes")
    deciding, asking = writes.spent[:_DECISIONS], sorted(writes.spent[_DECISIONS:])
    longest[count] = max(*deciding, asking[len(asking) * 99 // 100])
    worst = max(writes.spent)
    # Some of the same contacts again, of nodes that have everything: what is left is the telling.
    asked_again = _codes(count)[:: max(1, count // _AGAIN)]
    again = [_request(world, site, code, turn=1) for code in asked_again]
    started = time.perf_counter()
    for request in again:
        _ask(world, request)
    telling = max(spent - (time.perf_counter() - started) * count / len(again), 1e-9)
    before = _all_at_once(world, count)
    yield {
        "metric": f"tell_nodes.{count}",
        "value": round(worst * 1_000, 1),
        "unit": f"ms, the longest write transaction for {count} nodes; {longest[count] * 1_000:.1f} without outliers",
        "limit": round(before * 1_000, 1),
        "ratio": round(worst / before, 4),
        "peer": "one item for each node, all in one transaction",
        "target": _LONGEST * 1_000,
        "met": worst <= _LONGEST,
    }
    yield {
        "metric": f"tell_nodes.rate.{count}",
        "value": round(made / spent),
        "unit": f"items/s with the contact that each node makes anyway; {round(made / telling)} without it",
        "limit": round(count / before),
        "ratio": round(made / spent / (count / before), 3),
        "peer": "one item for each node, all in one transaction",
        "target": _RATE,
        "met": made / spent >= _RATE,
    }


def _fill(world: World, count: int) -> Site:
    """Enrols one node over the real calls, and the others as rows with its keys."""
    site = world.site()
    with write_transaction(world.centre.engine) as connection:
        node = dict(connection.execute(nodes.select()).mappings().one())
        epoch = dict(connection.execute(node_epochs.select()).mappings().one())
        codes = [code for code in _codes(count) if code != site.node]
        made = [{"code": code[:-1], "name": code, "created_at": node["created_at"]} for code in codes]
        connection.execute(facilities.insert(), made)
        connection.execute(nodes.insert(), [node | {"code": code, "facility": code[:-1]} for code in codes])
        connection.execute(node_epochs.insert(), [epoch | {"node": code} for code in codes])
    return site


def _codes(count: int) -> list[str]:
    return ["19001A", *(f"{20_000 + number}A" for number in range(count - 1))]


def _decide(world: World) -> None:
    centre = world.centre
    world.clock.at += 60
    with write_transaction(centre.engine) as connection:
        text = _CATALOGUE.read_text(encoding="utf-8")
        publish_catalogue(connection, text, keys=centre.keys, days=30, now=world.clock.at)
        publish_trust_list(connection, keys=centre.keys, days=30, now=world.clock.at)
    begin_ledger_epoch(
        reason="Khôi phục",
        engine=centre.engine,
        keys=centre.keys,
        now=world.clock.at,
        base_size=1,
        without_evidence=True,
    )


def _request(world: World, site: Site, code: str, *, turn: int = 0) -> bytes:
    nonce = bytes([turn]).rjust(NONCE_BYTES, b"\x01")
    return sign_request(FeedRequest(code, site.epoch, 0, at=world.clock.at, nonce=nonce), KeySigner(site.node_key))


def _ask(world: World, request: bytes) -> None:
    centre = world.centre
    give_feed(
        request,
        engine=centre.engine,
        keys=centre.keys,
        tree=centre.ledger,
        entropy=centre.entropy,
        now=world.clock.at,
    )


def _all_at_once(world: World, count: int) -> float:
    started = time.perf_counter()
    with write_transaction(world.centre.engine) as connection:
        for code in _codes(count):
            feed.put_item(connection, code, FeedKind.HANDED_BACK, bytes(500), keys=world.centre.keys, at=world.clock.at)
    return time.perf_counter() - started


def _items(engine: Engine) -> int:
    with read_transaction(engine) as connection:
        return int(connection.execute(select(func.count()).select_from(feed_items)).scalar_one())


@contextmanager
def _watched(engine: Engine) -> Iterator[_Writes]:
    writes = _Writes()
    event.listen(engine, "begin", writes.begun)
    event.listen(engine, "checkin", writes.ended)
    yield writes
    event.remove(engine, "begin", writes.begun)
    event.remove(engine, "checkin", writes.ended)
