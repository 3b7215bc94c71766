"""What runs by itself while the node is open: the exchange with the centre. The schedule holds no state.

The outbox and the link row say what is due and when; a process that dies takes nothing with it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from apscheduler.executors.pool import ThreadPoolExecutor  # type: ignore[import-untyped]
from apscheduler.schedulers.background import BackgroundScheduler  # type: ignore[import-untyped]

from edge.bootstrap import Node
from edge.clients.centre_tls import ANCHOR_BYTES, read_anchors
from edge.clients.http_central import HttpCentral
from edge.config import ConfigError
from edge.store import bundles, carried, exchanges, link, node_identity
from edge.store.exchanges import ExchangeLine
from edge.workflow.ask_identity import ask_identity
from edge.workflow.begin_epoch import epoch_turn
from edge.workflow.carry_files import carry_files
from edge.workflow.exchange import ACTOR, ExchangeResult, exchange
from edge.workflow.exchange_progress import Asked, Phase, Watch
from edge.workflow.notice_copy import note_refusal
from edge.workflow.show_epochs import fetch_or_show
from sync_protocol.api import CentralApi, NetworkError
from sync_protocol.enrolment_file import enrolled_anchors
from sync_protocol.errors import Code, ProtocolError

_LOG: Final = logging.getLogger(__name__)
# So long a node that has nothing to send waits before it asks the centre for news.
FEED_SECONDS: Final = 300
# No pause is longer: a day, as the centre may ask for, and what is drawn beyond it.
_LONGEST_PAUSE_SECONDS: Final = 25 * 3_600


def open_central(node: Node) -> HttpCentral:
    """The centre of this node's enrolment, or the address of its settings.

    Raises:
        ConfigError: the file of `centre_ca` cannot be read, or holds no certificates.
    """
    with node.database.read() as tables:
        identity = node_identity.find(tables)
    url = node.config.centre_url or ("" if identity is None else identity.centre_url)
    anchors = _anchors(node.config.centre_ca) or (
        b"" if identity is None else enrolled_anchors(identity.enrolment_file)
    )
    return HttpCentral(url, silence_seconds=float(node.config.timeout_seconds), anchors=anchors)


def _anchors(name: str) -> bytes:
    """What the setting names. A file that is not as it must be is no reason to believe everybody."""
    if not name:
        return b""
    try:
        with Path(name).open("rb") as file:
            return read_anchors(file.read(ANCHOR_BYTES + 1))
    except (OSError, ValueError) as error:
        raise ConfigError((f"centre_ca: cannot be read as PEM certificates ({type(error).__name__})",)) from error


def exchange_once(
    node: Node, central: CentralApi, *, asked: Asked = Asked.COMMAND, watch: Watch | None = None
) -> ExchangeResult:
    """One exchange, now: what is due goes up, then what the centre has comes down. Errors as `exchange`.

    What went up is told whatever befalls the way down: the feed comes with the next exchange.

    Args:
        asked: who wanted it, for the history.
        watch: told how far it is.
    """
    started_at, before = node.clock.now(), _traffic(node, central)
    result, code = ExchangeResult(), ""
    try:
        held_up = epoch_turn(node.database, central, entropy=node.entropy, at=node.clock.now())
        result = exchange(node.database, central, now=node.clock.now, entropy=node.entropy, watch=watch)
        result = replace(result, problem=result.problem or held_up)
        if not result.problem and _ask(node):
            # What was signed is at the centre already: nobody's dose waits for a question.
            result = result.and_then(
                exchange(node.database, central, now=node.clock.now, entropy=node.entropy, watch=watch)
            )
        result, code = _fetch(node, central, result, watch)
    except NetworkError as error:
        code = error.fault.value
        raise
    finally:
        sent, received = (now - then for now, then in zip(_traffic(node, central), before, strict=True))
        with node.database.write_transaction() as tables:
            done = ExchangeLine(
                started_at,
                node.clock.now(),
                tries=1,
                asked=asked.value,
                admitted=result.admitted,
                refused=result.refused,
                taken=result.taken,
                sent=sent,
                received=received,
                code=code,
            )
            exchanges.add(tables, done)
    return result


def _ask(node: Node) -> bool:
    """Whether somebody is asked about from now on whom no pack here knows; the answers come with the feed."""
    return ask_identity(node.database, at=node.clock.now(), by=ACTOR, entropy=node.entropy).bundles > 0


def _fetch(node: Node, central: CentralApi, result: ExchangeResult, watch: Watch | None) -> tuple[ExchangeResult, str]:
    """What came down as well, and the code of what stopped the whole, or ""."""
    if watch is not None:
        watch(Phase.NEWS, ())
    try:
        found = fetch_or_show(node.database, central, now=node.clock.now, entropy=node.entropy, problem=result.problem)
    except NetworkError as error:
        _LOG.info("feed: %s", error)
        return result, result.problem or error.fault.value
    except ProtocolError as error:
        note_refusal(node.database, error, at=node.clock.now())
        _carry(node, central)
        # That a person has to confirm says more than that nothing was taken meanwhile.
        problem = error.code.value if error.code is Code.EPOCH_SHOWN else result.problem or error.code.value
        return replace(result, problem=problem), problem
    # The centre has just told its time.
    node.clock.look_again()
    _carry(node, central)
    return replace(result, taken=found.taken), result.problem


def _traffic(node: Node, central: CentralApi) -> tuple[int, int]:
    """Bytes sent and received so far: all of HTTP where the client knows, else what the exchange itself counted."""
    if isinstance(central, HttpCentral):
        return central.traffic.sent_bytes, central.traffic.received_bytes
    with node.database.read() as tables:
        state = link.state(tables)
    return state.bytes_sent, state.bytes_received


def _carry(node: Node, central: CentralApi) -> None:
    """What is carried for others comes last, and a network that breaks meanwhile is no matter of this node's own."""
    try:
        carry_files(node.database, central, now=node.clock.now)
    except NetworkError as error:
        _LOG.info("carried: %s", error)


def exchange_if_due(
    node: Node, central: CentralApi, *, asked: Asked = Asked.SCHEDULE, watch: Watch | None = None
) -> ExchangeResult | None:
    """One exchange if something is due, or the centre was not heard for a while; None if there was nothing to do.

    The pause after a failure is kept. A network that is away is not an error of a schedule: the link row says it, and
    the next round tries again.
    """
    node.clock.look()
    now = node.clock.now()
    with node.database.read() as tables:
        due = bundles.due(tables)
        state = link.state(tables)
        is_carrying = carried.is_waiting(tables, at=now)
    is_heard = state.reached_at is not None and 0 <= now - state.reached_at < FEED_SECONDS
    if (due is None and is_heard and not is_carrying) or _must_wait(state.next_try_at, now):
        return None
    try:
        return exchange_once(node, central, asked=asked, watch=watch)
    except NetworkError as error:
        _LOG.info("exchange: %s", error)
        return None


def _must_wait(next_try_at: int | None, now: int) -> bool:
    """Whether the pause goes on. One longer than any was begun before the clock was put back: it is over."""
    return next_try_at is not None and now < next_try_at <= now + _LONGEST_PAUSE_SECONDS


def start_exchange(node: Node, turn: Callable[[], object]) -> BackgroundScheduler:
    """Start the background exchange; the caller shuts the scheduler down.

    Args:
        node: its settings say how often.
        turn: has an exchange begun if one is due, and does not wait for its end.
    """
    scheduler = BackgroundScheduler(executors={"default": ThreadPoolExecutor(1)}, timezone="Asia/Ho_Chi_Minh")
    scheduler.add_job(
        turn,
        "interval",
        seconds=node.config.exchange_seconds,
        # Nodes that were switched on together do not come together.
        jitter=max(1, node.config.exchange_seconds // 5),
        # Rounds that were missed while the machine slept are one round.
        max_instances=1,
        coalesce=True,
    )
    scheduler.start()
    return scheduler
