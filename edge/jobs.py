"""What runs by itself while the node is open: the exchange with the centre. The schedule holds no state.

The outbox and the link row say what is due and when; a process that dies takes nothing with it.
"""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import Final

from apscheduler.executors.pool import ThreadPoolExecutor  # type: ignore[import-untyped]
from apscheduler.schedulers.background import BackgroundScheduler  # type: ignore[import-untyped]

from edge.bootstrap import Node
from edge.clients.http_central import HttpCentral
from edge.store import bundles, link, node_identity
from edge.workflow.exchange import ExchangeResult, exchange
from edge.workflow.take_feed import fetch_feed
from sync_protocol.api import CentralApi, NetworkError
from sync_protocol.errors import ProtocolError

_LOG: Final = logging.getLogger(__name__)
# So long a node that has nothing to send waits before it asks the centre for news.
FEED_SECONDS: Final = 300


def open_central(node: Node) -> HttpCentral:
    """The centre of this node's enrolment, or the address of its settings. Raises StoreError NOT_ENROLLED."""
    with node.database.read() as tables:
        identity = node_identity.find(tables)
    url = node.config.centre_url or ("" if identity is None else identity.centre_url)
    return HttpCentral(url, silence_seconds=float(node.config.timeout_seconds))


def exchange_once(node: Node, central: CentralApi) -> ExchangeResult:
    """One exchange, now: what is due goes up, then what the centre has comes down. Errors as `exchange`.

    What went up is told whatever befalls the way down: the feed comes with the next exchange.
    """
    result = exchange(node.database, central, now=node.clock.now, entropy=node.entropy)
    try:
        found = fetch_feed(node.database, central, now=node.clock.now, entropy=node.entropy)
    except NetworkError as error:
        _LOG.info("feed: %s", error)
        return result
    except ProtocolError as error:
        return replace(result, problem=result.problem or error.code.value)
    return replace(result, taken=found.taken)


def exchange_if_due(node: Node, central: CentralApi) -> ExchangeResult | None:
    """One exchange if something is due, or the centre was not heard for a while; None if there was nothing to do.

    The pause after a failure is kept. A network that is away is not an error of a schedule: the link row says it, and
    the next round tries again.
    """
    now = node.clock.now()
    with node.database.read() as tables:
        due = bundles.due(tables)
        state = link.state(tables)
    is_heard = state.reached_at is not None and 0 <= now - state.reached_at < FEED_SECONDS
    if (due is None and is_heard) or (state.next_try_at is not None and now < state.next_try_at):
        return None
    try:
        return exchange_once(node, central)
    except NetworkError as error:
        _LOG.info("exchange: %s", error)
        return None


def start_exchange(node: Node, central: CentralApi) -> BackgroundScheduler:
    """Start the background exchange; the caller shuts the scheduler down."""
    scheduler = BackgroundScheduler(executors={"default": ThreadPoolExecutor(1)}, timezone="Asia/Ho_Chi_Minh")
    scheduler.add_job(
        exchange_if_due,
        "interval",
        args=[node, central],
        seconds=node.config.exchange_seconds,
        # One exchange at a time; rounds that were missed while the machine slept are one round.
        max_instances=1,
        coalesce=True,
    )
    scheduler.start()
    return scheduler
