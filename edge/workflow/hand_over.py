"""Hand unsigned doses over to the site's delegated signer: one sealed bundle in the chain for each turn of the hub.

The rules are those of signing: what could not be signed here is not handed over either. In one transaction the bundle
takes its place in the chain and its doses are no longer free; only the centre's word gives them back.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from edge.domain.day_figures import Standing
from edge.domain.handover import HandedEvent, Offer, offers
from edge.domain.pass_journal import PassCode, PassRefusedError
from edge.domain.refusals import EdgeCode, refuse
from edge.domain.signing_pass import OutlinedPass
from edge.domain.waiting import Waiting
from edge.store import audit, bundles, delegations, doses, handovers, node_identity, standings
from edge.store.audit import Action
from edge.store.bundles import StoredBundle
from edge.store.database import Database, Tables
from edge.store.handovers import NewHandover, StoredHandover
from edge.workflow.plan_passes import Selection, outline_selection, require_unchanged
from edge.workflow.seal_bundle import seal_bundle
from sync_protocol.batch import count_people
from sync_protocol.bundle import BundleKind
from sync_protocol.catalogue import Policy
from sync_protocol.columns import pack_doses
from sync_protocol.days import local_day
from sync_protocol.delegation import Delegation
from sync_protocol.handover import Handover, encode_handover, seal_for_hub
from sync_protocol.keys import encode_public_key, load_ec_public_key
from sync_protocol.limits import LONG_CHARS
from sync_protocol.sealing import Entropy

# The selection is shown before the reason is typed, so its digest does not hold it.
_ANY_REASON: Final = "-"


@dataclass(frozen=True, slots=True)
class ToHandOver:
    """What could be handed over now, to whom, and what was.

    Attributes:
        offers: the signers who may be asked; the first one is meant where nobody chooses.
        days: local days with unsigned doses and their number, oldest first.
    """

    offers: tuple[Offer, ...]
    days: tuple[tuple[str, int], ...]


def to_hand_over(tables: Tables, *, now: int) -> ToHandOver:
    """Look at what waits. Raises StoreError NOT_ENROLLED."""
    facility = node_identity.codes(tables).facility
    found = offers(delegations.current(tables), facility=facility, now=now)
    return ToHandOver(tuple(found), tuple(standings.unsigned_days(tables)))


def offer_of(tables: Tables, number: int | None, days: Sequence[str], *, now: int) -> Offer:
    """The signer with this number of a delegation (None for the first one) if it takes doses of all these days.

    Raises:
        RefusedError: HANDOVER_NOBODY where nobody may sign for this site, or not for these days.
    """
    for offer in to_hand_over(tables, now=now).offers:
        # One day is asked for at a time.
        takes = all(map(offer.takes, days)) and (offer.is_standing or len(set(days)) == 1)
        if takes and number in (None, offer.delegation.number):
            return offer
    raise refuse(EdgeCode.HANDOVER_NOBODY, "days")


def select_days(tables: Tables, policy: Policy, days: Sequence[str], *, now: int) -> tuple[Selection, bool]:
    """The unsigned doses of these local days as they would be handed over.

    Returns:
        The selection, and whether some of its doses come late without a reason of their own: then one is needed for
        handing over, and it is all that they lack.

    Raises:
        StoreError: NOT_ENROLLED.
    """
    sequences = [one.facts.sequence for day in sorted(set(days)) for one in _unsigned(tables, day)]
    selection = outline_selection(tables, policy, sequences, now=now, late_reason=_ANY_REASON)
    bare = outline_selection(tables, policy, selection.outline.sequences, now=now)
    return selection, any(one.reason is Waiting.LATE_REASON for one in bare.outline.refused)


def hand_over(
    database: Database,
    policy: Policy,
    days: Sequence[str],
    *,
    number: int | None,
    shown: bytes | None,
    reason: str,
    now: int,
    by: str,
    entropy: Entropy,
) -> list[int]:
    """Hand over the unsigned doses of these days; returns the numbers of the handovers, one for each turn of the hub.

    Args:
        days: local days "YYYY-MM-DD".
        number: of the delegation; None for the first that takes these days.
        shown: digest of the selection as it was previewed, 32 bytes; None where there is no preview.
        reason: why the site does not sign itself; needed where one day is asked for, and for doses that come late.
        now: epoch seconds UTC.
        by: who hands over.

    Raises:
        RefusedError: HANDOVER_NOBODY, REASON_MISSING; nothing was stored.
        PassRefusedError: NOTHING_TO_SIGN, SELECTION_CHANGED; nothing was stored.
        ProtocolError: FIELD_INVALID for a reason that nobody could read; nothing was stored.
        StoreError: nothing was stored.
    """
    reason = " ".join(unicodedata.normalize("NFC", reason).split())[:LONG_CHARS]
    with database.write_transaction() as tables:
        offer = offer_of(tables, number, days, now=now)
        selection, is_late = select_days(tables, policy, days, now=now)
        if shown is not None:
            require_unchanged(selection, shown)
        if (offer.asks or is_late) and not reason:
            raise refuse(EdgeCode.REASON_MISSING, "reason")
        if not selection.outline.passes:
            raise PassRefusedError(PassCode.NOTHING_TO_SIGN)
        # Once this is committed only the centre gives these doses back.
        return [
            _seal(tables, sequences, offer=offer, reason=reason, now=now, by=by, entropy=entropy)
            for sequences in _turns(selection.outline.passes, policy)
        ]


def handover_file(database: Database, handover_id: int, *, entropy: Entropy) -> tuple[StoredHandover, bytes]:
    """A handover as a file for a stick: the same signed bundle as in the chain, sealed to the hub's node.

    Raises:
        KeyError: there is no such handover.
    """
    with database.read() as tables:
        found = handovers.find(tables, handover_id)
        if found is None:
            raise KeyError("a handover that is not in the store")
        bundle = bundles.find(tables, found.epoch, found.bundle)
    assert bundle is not None
    return found, seal_for_hub(bundle.inner, hub_key=load_ec_public_key(found.hub_key), entropy=entropy)


def take_back_refused(tables: Tables, bundle: StoredBundle, *, actor: str, at: int, code: str) -> None:
    """Free the doses of a handover whose bundle the centre refused by receipt, in the transaction that keeps it."""
    handover_id = handovers.of_bundle(tables, bundle.epoch, bundle.sequence)
    if handover_id is None:
        return
    freed = handovers.free(tables, handover_id, HandedEvent.REFUSAL)
    details = f"{freed} doses, {code}"
    audit.append(tables, Action.HANDOVER_RETURNED, f"handover:{handover_id}", actor=actor, at=at, details=details)


def _unsigned(tables: Tables, day: str) -> list[Standing]:
    rows = standings.standings(tables, facility=node_identity.codes(tables).facility, day=day)
    return [one for one in rows if not (one.facts.in_live_batch or one.facts.is_handed)]


def _turns(passes: Sequence[OutlinedPass], policy: Policy) -> list[tuple[int, ...]]:
    """The doses in as few turns of the hub as there can be: it signs them whatever kind they are."""
    turns: list[list[int]] = []
    people = 0
    for one in passes:
        is_full = not turns or people + one.people > policy.batch_people
        if is_full or len(turns[-1]) + len(one.sequences) > policy.batch_doses:
            turns.append([])
            people = 0
        turns[-1].extend(one.sequences)
        people += one.people
    return [tuple(sorted(turn)) for turn in turns]


def _seal(
    tables: Tables, sequences: tuple[int, ...], *, offer: Offer, reason: str, now: int, by: str, entropy: Entropy
) -> int:
    codes, delegation = node_identity.get(tables), offer.delegation
    packed = doses.assemble(tables, sequences)
    given = sorted(local_day(dose.given_at) for dose in packed)
    handover = Handover(
        hub=delegation.hub,
        first_day=given[0],
        last_day=given[-1],
        people=count_people(packed),
        doses=len(packed),
        reason=reason,
        asks_day=offer.asks_day(given[0]),
        columns=pack_doses(packed, node=codes.node, facility=codes.facility),
    )
    bundle = seal_bundle(tables, BundleKind.DOSES, encode_handover(handover), pass_id=None, now=now, entropy=entropy)
    place = (bundle.epoch, bundle.sequence)
    row = _row(handover, delegation, sequences, place=place, digest=bundle.digest, by=by, at=now)
    handover_id = handovers.add(tables, row)
    details = f"bundle {bundle.epoch}/{bundle.sequence}, {len(sequences)} doses, for {delegation.hub}"
    audit.append(tables, Action.DOSES_HANDED, f"handover:{handover_id}", actor=by, at=now, details=details)
    return handover_id


def _row(
    handover: Handover,
    delegation: Delegation,
    sequences: tuple[int, ...],
    *,
    place: tuple[int, int],
    digest: bytes,
    by: str,
    at: int,
) -> NewHandover:
    return NewHandover(
        epoch=place[0],
        bundle=place[1],
        digest=digest,
        delegation=delegation.number,
        hub=delegation.hub,
        hub_name=delegation.hub_name,
        hub_node=delegation.hub_node,
        hub_key=encode_public_key(delegation.hub_key),
        first_day=handover.first_day,
        last_day=handover.last_day,
        people=handover.people,
        sequences=sequences,
        reason=handover.reason,
        asks_day=handover.asks_day,
        handed_by=by,
        handed_at=at,
    )
