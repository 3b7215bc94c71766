"""What a person needs to decide which machine of a node goes on: both histories side by side, and who asks.

No dose and no recipient is shown: places, digests, times, how many doses, and which officer signed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, Engine

from central.domain.node import NodeState
from central.store import facilities, node_epochs, nodes
from central.store.database import read_transaction
from central.store.node_epochs import HistoryLink, Overflow, Side, StoredEpochRequest
from central.store.nodes import NodeRow
from sync_protocol.batch import parse_batch
from sync_protocol.bundle import Bundle, BundleKind, parse_batch_body, parse_bundle
from sync_protocol.errors import ProtocolError
from sync_protocol.handover import parse_handover
from sync_protocol.node_epoch import EpochRequest, parse_epoch_request

# So many links of each history are shown; the rest is counted.
LINKS_SHOWN: Final = 50
_DECIDED_SHOWN: Final = 20


@dataclass(frozen=True, slots=True)
class EpochAsk:
    """A request with what it says of its store.

    Attributes:
        stored: as it was taken and decided.
        request: what the node signed.
        unsent: links of the store that have no receipt.
    """

    stored: StoredEpochRequest
    request: EpochRequest
    unsent: int

    @property
    def short(self) -> str:
        """The first letters of the digest, by which a person names the request."""
        return self.stored.digest.hex()[:12]


@dataclass(frozen=True, slots=True)
class EpochCase:
    """A node with two histories, or one that asks for a new epoch.

    Attributes:
        node: its row.
        facility_name: where it stands.
        epoch: of which the histories are.
        is_over: whether that epoch has ended already; its histories are shown as evidence.
        parted_after: the newest link that both histories have.
        ledger, second: the links behind it, of what the ledger has (with what continues it) and of the other one.
        more_ledger, more_second: how many are not shown.
        overflow: offers beyond what is kept, or None.
        waiting: requests that wait for a decision.
    """

    node: NodeRow
    facility_name: str
    epoch: int
    is_over: bool
    parted_after: int
    ledger: Sequence[HistoryLink]
    second: Sequence[HistoryLink]
    more_ledger: int
    more_second: int
    overflow: Overflow | None
    waiting: Sequence[EpochAsk]


@dataclass(frozen=True, slots=True)
class EpochCases:
    """Everything about new epochs: what waits, and what was decided last."""

    open: Sequence[EpochCase]
    over: Sequence[EpochCase]
    decided: Sequence[EpochAsk]


def epoch_cases(engine: Engine) -> EpochCases:
    """All nodes whose history parted or that ask for a new epoch.

    Raises:
        StoreError: the store is away.
    """
    with read_transaction(engine) as connection:
        rows = {row.code: row for row in nodes.list_nodes(connection)}
        places = set(node_epochs.forked_nodes(connection))
        places |= {(one.node, one.epoch) for one in node_epochs.waiting_requests(connection)}
        places |= {(row.code, row.epoch) for row in rows.values() if row.state is NodeState.FORKED}
        cases = [_case(connection, rows[node], epoch) for node, epoch in sorted(places)]
        decided = [ask_of(one) for one in node_epochs.decided_requests(connection, limit=_DECIDED_SHOWN)]
    return EpochCases(
        open=[case for case in cases if not case.is_over],
        over=[case for case in cases if case.is_over],
        decided=decided,
    )


def ask_of(stored: StoredEpochRequest) -> EpochAsk:
    """A stored request with what it says."""
    request = parse_epoch_request(stored.request).claimed
    return EpochAsk(stored, request, unsent=request.chain.newest - request.chain.delivered)


def waiting_digest(engine: Engine, short: str) -> bytes | None:
    """The digest of the one waiting request that begins with these hexadecimal digits, or None."""
    with read_transaction(engine) as connection:
        found = [one.digest for one in node_epochs.waiting_requests(connection)]
    named = [digest for digest in found if len(short) >= 8 and digest.hex().startswith(short.lower())]
    return named[0] if len(named) == 1 else None


def _case(connection: Connection, row: NodeRow, epoch: int) -> EpochCase:
    facility = facilities.find_facility(connection, row.facility)
    assert facility is not None
    waiting = [one for one in node_epochs.waiting_requests(connection, row.code) if one.epoch == epoch]
    links = node_epochs.links(connection, row.code, epoch=epoch, first=0)
    kept = list(node_epochs.kept_forks(connection, row.code, epoch=epoch))
    continuing, second, parted = _part(kept, links)
    parted = min([parted, *(one.known_until for one in waiting)])
    ledger = node_epochs.ledger_links(connection, row.code, epoch=epoch, after=parted, limit=len(links))
    whole = [*ledger, *continuing]
    return EpochCase(
        node=row,
        facility_name=facility.name,
        epoch=epoch,
        is_over=epoch != row.epoch,
        parted_after=parted,
        ledger=whole[:LINKS_SHOWN],
        second=second[:LINKS_SHOWN],
        more_ledger=max(0, len(whole) - LINKS_SHOWN),
        more_second=max(0, len(second) - LINKS_SHOWN),
        overflow=node_epochs.overflow(connection, row.code),
        waiting=[ask_of(one) for one in waiting],
    )


def _part(
    kept: Iterable[tuple[bytes, int, bytes]], links: dict[int, bytes]
) -> tuple[list[HistoryLink], list[HistoryLink], int]:
    """What is kept, as what continues the ledger's history, what is of another one, and where they parted."""
    newest = max(links)
    own, continuing, second, parted = set(links.values()), [], [], newest
    for digest, received_at, inner in kept:
        bundle = parse_bundle(inner).claimed
        # While a node counts as forked nothing of it is admitted, so that its true continuation is kept here too.
        if bundle.sequence > newest and bundle.previous in own:
            own.add(digest)
            continuing.append(_link(Side.LEDGER, bundle, digest, received_at))
        else:
            parted = min(parted, bundle.sequence - 1)
            second.append(_link(Side.SECOND, bundle, digest, received_at))
    return continuing, second, parted


def _link(side: Side, bundle: Bundle, digest: bytes, received_at: int) -> HistoryLink:
    doses, officer = _content(bundle)
    return HistoryLink(
        side, bundle.sequence, digest, bundle.kind.value, received_at, doses, outcome="", officer=officer
    )


def _content(bundle: Bundle) -> tuple[int, str]:
    """How many doses a bundle claims to hold, and which officer its statement names."""
    try:
        if bundle.kind is BundleKind.BATCH:
            manifest = parse_batch(parse_batch_body(bundle.body).statement).statement.manifest
            return manifest.doses, manifest.signer_name
        if bundle.kind is BundleKind.DOSES:
            return parse_handover(bundle.body).doses, ""
    except ProtocolError:
        return 0, ""
    return 0, ""
