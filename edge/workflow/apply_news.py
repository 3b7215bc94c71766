"""Take what the centre sends of the site's doses and people: packs and their changes, answers, verdicts, passports.

Each does what one item of the feed says, in the transaction that keeps the item.
"""

from __future__ import annotations

from edge.store import audit, contacts, health_certificates, node_identity, population, verdict_changes
from edge.store.audit import Action
from edge.store.database import Tables
from edge.store.node_identity import NodeIdentity
from edge.store.population import PackGap, PackState
from edge.workflow.exchange import ACTOR
from edge.workflow.take_answers import take_answers
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.feed import FeedItem
from sync_protocol.passports import parse_passports
from sync_protocol.population import PopulationPack, verify_pack
from sync_protocol.population_change import PopulationChange, apply_change, parse_news, verify_change
from sync_protocol.verdict_changes import parse_changes


def apply_population(tables: Tables, item: FeedItem, *, at: int) -> None:
    """Put a whole pack in place, or make the next version of the one held; a version held already changes nothing.

    Where a change cannot be applied to the pack held, that pack stays, and the node says so until a newer one holds:
    the next whole pack cures it, by feed or by file.

    Raises:
        ProtocolError: SIGNATURE_INVALID, SET_FOREIGN, SET_EXPIRED or a code of form; the pack held stays.
    """
    news = parse_news(item.body)
    identity = node_identity.get(tables)
    held = population.state(tables)
    judged_at = contacts.time_by_centre(tables, at)
    if news.is_whole:
        pack = verify_pack(news.signed, identity.publisher_key, facility=identity.facility, at=judged_at)
        if held is not None and held.version >= pack.version:
            return
    else:
        change = _verified_change(news.signed, identity, held, at=judged_at)
        if held is not None and held.version >= change.version:
            return
        try:
            pack = _changed(tables, change, held)
        except ProtocolError as error:
            if error.code not in (Code.PACK_BASE, Code.PACK_MISMATCH):
                raise
            population.note_gap(tables, PackGap(change.version, error.code.value, at))
            subject = f"pack-{change.version}"
            audit.append(tables, Action.PACK_MISSED, subject, actor=ACTOR, at=at, details=error.code.value)
            return
    population.replace(tables, pack, at=at)
    details = f"{pack.people} people, {'whole' if news.is_whole else 'change'}"
    audit.append(tables, Action.PACK_IMPORTED, pack.reference, actor=ACTOR, at=at, details=details)


def apply_answers(tables: Tables, item: FeedItem, *, at: int) -> None:
    """Take what the centre answers about people who were asked about. ProtocolError: a code of form."""
    take_answers(tables, item.body, item=item.number, at=at, actor=ACTOR)


def apply_verdicts(tables: Tables, item: FeedItem, *, at: int) -> None:
    """Keep what the centre says now of doses that this node recorded, or signed for a site; the old word stays too.

    Raises:
        ProtocolError: SET_FOREIGN for doses with which this node has nothing to do, or a code of form.
    """
    told = parse_changes(item.body)
    is_own = told.node == node_identity.codes(tables).node
    if not is_own and not _signed_for(tables, told.node):
        raise ProtocolError(Code.SET_FOREIGN, "verdict changes: doses of a node with which this one has nothing to do")
    count = verdict_changes.add(tables, told, is_own=is_own, item=item.number, at=at)
    details = f"{count} doses of {told.node}"
    audit.append(tables, Action.VERDICTS_CHANGED, f"feed:{item.number}", actor=ACTOR, at=at, details=details)


def apply_passports(tables: Tables, item: FeedItem, *, at: int) -> None:
    """Keep the health certificates of this node's doses; each is verified when it is shown.

    Raises:
        ProtocolError: SET_FOREIGN for another node's doses, or a code of form.
    """
    told = parse_passports(item.body)
    if told.node != node_identity.codes(tables).node:
        raise ProtocolError(Code.SET_FOREIGN, "passports: certificates of another node's doses")
    count = sum(
        health_certificates.add(tables, certificate, item=item.number, at=at) for certificate in told.certificates
    )
    details = f"{count} certificates"
    audit.append(tables, Action.PASSPORTS_TAKEN, f"feed:{item.number}", actor=ACTOR, at=at, details=details)


def _verified_change(signed: bytes, identity: NodeIdentity, held: PackState | None, *, at: int) -> PopulationChange:
    change = verify_change(signed, identity.publisher_key, facility=identity.facility, at=None)
    # A node that was away for long goes step by step from one pack that has ended to the next, until it has a good one;
    # what is past its end never takes the place of what is good still.
    if at >= change.expires_at and (held is None or held.expires_at > at):
        raise ProtocolError(Code.SET_EXPIRED, "population change: past its end")
    return change


def _changed(tables: Tables, change: PopulationChange, held: PackState | None) -> PopulationPack:
    if held is None or held.version != change.base:
        raise ProtocolError(Code.PACK_BASE, "population change: starts from another version than the one held")
    pack_key, tags = population.content(tables)
    return apply_change(change, version=held.version, pack_key=pack_key, tags=tags)


def _signed_for(tables: Tables, node: str) -> bool:
    row = tables.execute("SELECT 1 FROM delegated_leaves WHERE node = ? LIMIT 1", (node,)).fetchone()
    return row is not None
