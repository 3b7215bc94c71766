"""A site without a token and the hub that signs for it, two nodes of one simulated centre that relays between them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from edge.store import handovers
from edge.store.database import Tracer
from edge.store.handovers import StoredHandover
from edge.workflow.exchange import exchange
from edge.workflow.hand_over import hand_over
from edge.workflow.sign_delegated import late_reason_of, plan_delegated, plan_shown
from edge.workflow.sign_pass import SealedPass, sign_pass
from edge.workflow.take_feed import fetch_feed
from sync_protocol.batch import Purpose, parse_batch
from sync_protocol.bundle import BundleKind, parse_batch_body, parse_bundle
from sync_protocol.delegation import Delegation, DelegationKind, encode_delegations, one_day_bounds
from sync_protocol.dose import Dose
from sync_protocol.feed import FeedKind
from sync_protocol.handover import (
    HandedDoses,
    SignedDoses,
    encode_handed,
    encode_signed,
    parse_handed_back,
    parse_handover,
    unpack_handover,
)
from sync_protocol.ledger_entry import ADMITTED
from sync_protocol.trust_list import NodeKey
from sync_protocol.verdict import encode_verdicts
from tests.builders import ec_key
from tests.edge.station import (
    AFTERNOON,
    DAY,
    DAY_SECONDS,
    FACILITY,
    NODE,
    OFFICER,
    REQUEST_DIGEST,
    Station,
    make_station,
)
from tests.simulator import EPOCH, POLICY, SimulatedCentre

HUB: Final = "54001"
HUB_NODE: Final = "54001A"
HUB_NAME: Final = "Trung tâm Y tế thị xã Đông Hòa"
SITE_NAME: Final = "Trạm Y tế xã Hòa Hiệp"
OTHER_NODE: Final = "19002A"


@dataclass(slots=True)
class HubPair:
    """Both nodes and what the centre has relayed so far."""

    site: Station
    hub: Station
    centre: SimulatedCentre
    relayed: set[bytes] = field(default_factory=set)

    def delegate(self, *delegations: Delegation) -> None:
        """Tell both nodes who signs for whom, and let them hear it."""
        for node in (NODE, HUB_NODE):
            self.centre.put_item(node, FeedKind.DELEGATIONS, encode_delegations(delegations))
        self.hear()

    def hand(self, days: Sequence[str] = (DAY,), *, reason: str = "", by: str = "Lê Thị Hoa") -> StoredHandover:
        """Hand over the unsigned doses of these days; gives the newest handover."""
        made = hand_over(
            self.site.database,
            POLICY,
            days,
            number=None,
            shown=None,
            reason=reason,
            now=self.site.clock.now(),
            by=by,
            entropy=self.site.entropy,
        )
        with self.site.database.read() as tables:
            found = handovers.find(tables, made[-1])
        assert found is not None
        return found

    def sign(self, node: str = NODE) -> SealedPass:
        """The hub signs what waits of a site's node."""
        now = self.hub.clock.now()
        with self.hub.database.read() as tables:
            plan = plan_delegated(tables, POLICY, node, now=now)
        planned = plan_shown(self.hub.database, POLICY, node, shown=plan.digest, now=now)
        return sign_pass(
            self.hub.database,
            planned,
            self.hub.signer,
            officer=replace(OFFICER, late_reason=late_reason_of(plan.queue)),
            now=now,
            entropy=self.hub.entropy,
        )

    def send(self) -> None:
        """Both nodes send what is due, the centre relays, both hear of it."""
        for node in (self.site, self.hub):
            exchange(node.database, self.centre, now=node.clock.now, entropy=node.entropy)
        self.relay()
        self.hear()

    def hear(self) -> None:
        """Both nodes take their feed."""
        for node in (self.site, self.hub):
            fetch_feed(node.database, self.centre, now=node.clock.now, entropy=node.entropy)

    def relay(self) -> None:
        """What the real centre does with handovers, delegated batches and what is handed back."""
        for kept in list(self.centre.kept.values()):
            bundle = kept.bundle.bundle
            entry = next(entry for entry in self.centre.entries if entry.digest == kept.bundle.digest)
            if kept.bundle.digest in self.relayed or entry.outcome != ADMITTED:
                continue
            self.relayed.add(kept.bundle.digest)
            match bundle.kind:
                case BundleKind.DOSES:
                    body = encode_handed(HandedDoses(kept.bundle.inner, 1))
                    self.centre.put_item(HUB_NODE, FeedKind.UNSIGNED_DOSES, body)
                case BundleKind.HANDED_BACK:
                    parse_handed_back(bundle.body)
                    self.centre.put_item(NODE, FeedKind.HANDED_BACK, bundle.body)
                case BundleKind.BATCH:
                    for item in self.signed_items(kept.bundle.digest):
                        self.centre.put_item(NODE, FeedKind.SIGNED_DOSES, encode_signed(item))

    def signed_items(self, digest: bytes) -> list[SignedDoses]:
        """What the centre sends of an admitted batch, if it is a delegated one: one item for each handover in it."""
        kept = self.centre.kept[digest]
        body = parse_batch_body(kept.bundle.bundle.body)
        manifest = parse_batch(body.statement).statement.manifest
        if manifest.purpose is not Purpose.DELEGATED:
            return []
        sequences = tuple(dose.sequence for dose in kept.doses)
        item = SignedDoses(
            handover=b"",
            statement=body.statement,
            secret=body.secret,
            sequences=sequences,
            verdicts=encode_verdicts([self.centre.judge(dose) for dose in kept.doses]),
            receipt=kept.receipt,
        )
        return [
            replace(item, handover=name)
            for name, doses in self.handovers().items()
            if any(dose in kept.doses for dose in doses)
        ]

    def handovers(self) -> dict[bytes, tuple[Dose, ...]]:
        """The doses of every handover that the site has sealed, by its digest."""
        with self.site.database.read() as tables:
            rows = tables.execute("SELECT inner_bytes FROM bundles WHERE kind = 'doses' ORDER BY sequence").fetchall()
        return {hashlib.sha256(row[0]).digest(): _doses(row[0]) for row in rows}

    def stages(self) -> dict[int, tuple[str, str, str]]:
        """Where each dose of the site stands: stage, verdict and its code."""
        with self.site.database.read() as tables:
            rows = tables.execute("SELECT sequence, stage, verdict_state, verdict_code FROM standings").fetchall()
        return {row[0]: (row[1], row[2], row[3]) for row in rows}


def make_pair(
    directory: Path,
    *,
    kind: DelegationKind | None = DelegationKind.STANDING,
    site_tracer: Tracer | None = None,
    hub_tracer: Tracer | None = None,
) -> HubPair:
    """A site and its hub, with a delegation of this kind from the beginning of the month, or with none."""
    for name in ("site", "hub"):
        (directory / name).mkdir()
    site = make_station(directory / "site", tracer=site_tracer)
    hub = make_station(directory / "hub", name=HUB_NODE, tracer=hub_tracer)
    with hub.database.write_transaction() as tables:
        tables.execute("UPDATE node SET facility = ?, facility_name = ?", (HUB, HUB_NAME))
    hub.centre = site.centre
    opening = ec_key(f"opening {HUB_NODE}").public_key()
    site.centre.enrol_key(HUB_NODE, ec_key(f"node {HUB_NODE}").public_key(), opening, request_digest=REQUEST_DIGEST)
    pair = HubPair(site, hub, site.centre)
    if kind is not None:
        pair.delegate(delegation(kind))
    return pair


def delegation(kind: DelegationKind, *, number: int = 1, day: str = DAY, node: str = NODE) -> Delegation:
    """The site's delegation to the hub."""
    first, end = one_day_bounds(day) if kind is DelegationKind.ONE_DAY else (AFTERNOON - 14 * DAY_SECONDS, None)
    return Delegation(
        number=number,
        site=FACILITY,
        site_name=SITE_NAME,
        hub=HUB,
        hub_name=HUB_NAME,
        hub_node=HUB_NODE,
        hub_key=ec_key(f"opening {HUB_NODE}").public_key(),
        site_nodes=(NodeKey(node, EPOCH, ec_key(f"node {node}").public_key()),),
        valid_from=first,
        valid_until=end,
        kind=kind,
    )


def _doses(inner: bytes) -> tuple[Dose, ...]:
    return unpack_handover(parse_handover(parse_bundle(inner).claimed.body), node=NODE, facility=FACILITY)
