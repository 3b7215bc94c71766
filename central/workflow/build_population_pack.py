"""Builds the population pack of a node: signed for its facility, sealed to the node alone, and told in its feed.

The first pack goes into the feed whole. A later one goes as a change of the one before, under the same pack key, unless
the change would be larger; then, and at the operator's word, a new series begins: whole, under a new key. The sealed
file that is given back is always whole, so that a stick cures whatever the feed cannot.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import Connection, Engine

from central.domain.node import NodeState
from central.store import facilities, feed, nodes
from central.store.database import StoreError, lock_ledger, read_transaction, write_transaction
from central.store.key_store import KeyRing
from central.store.population_bases import PopulationBase, base_of, put_base
from central.store.published_sets import PublishedKind, PublishedSet, newest_set, put_set
from central.store.registry_people import RegistryPerson, people_of_units
from sync_protocol import contexts, limits
from sync_protocol.dose import Sex
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.feed import FeedKind
from sync_protocol.population import (
    PACK_KEY_BYTES,
    PersonKey,
    PopulationPack,
    build_pack,
    read_pack,
    sign_pack,
    verify_pack,
)
from sync_protocol.population_change import PopulationNews, build_change, encode_news, parse_news
from sync_protocol.sealing import Entropy, open_sealed, seal
from sync_protocol.signed_set import SignedSet, sign_set

# The envelope around a pack of the greatest size: header, wrapped key, tag.
_ENVELOPE_BYTES = 1_024
_AGAIN_SECONDS = 86_400


@dataclass(frozen=True, slots=True, repr=False)
class SealedPack:
    """A pack ready to travel.

    Attributes:
        node: who can open it.
        version: of the pack; evidence in doses refers to it as "pack-VERSION".
        people: how many people it covers.
        sealed: the envelope of the whole pack, for a file.
        is_change: whether the node's feed got a change of the version before instead.
        told_bytes: what the node's feed got.
    """

    node: str
    version: int
    people: int
    sealed: bytes
    is_change: bool
    told_bytes: int


@dataclass(frozen=True, slots=True, repr=False)
class _Known:
    """What a pack is made of, as it was read."""

    facility: str
    recipient: ec.EllipticCurvePublicKey
    version: int
    base: PopulationPack | None
    people: list[PersonKey]


def build_facility_packs(
    facility: str,
    *,
    whole: bool,
    good_seconds: int,
    engine: Engine,
    keys: KeyRing,
    entropy: Entropy,
    now: int,
    anew: bool = False,
) -> list[SealedPack]:
    """Builds the next pack of every enrolled node of a facility; arguments and errors as of `build_population_pack`."""
    with read_transaction(engine) as connection:
        codes = [
            node.code
            for node in nodes.nodes_of(connection, facility)
            if node.state not in (NodeState.WAITING, NodeState.DENIED)
        ]
    return [
        build_population_pack(
            code,
            whole=whole,
            good_seconds=good_seconds,
            engine=engine,
            keys=keys,
            entropy=entropy,
            now=now,
            anew=anew,
        )
        for code in codes
    ]


def build_population_pack(
    node: str,
    *,
    whole: bool,
    good_seconds: int,
    engine: Engine,
    keys: KeyRing,
    entropy: Entropy,
    now: int,
    anew: bool = False,
) -> SealedPack:
    """Builds the next version of a node's pack and puts it into the node's feed.

    Args:
        node: an enrolled node.
        whole: everybody in the registry, instead of the people of the communes that the facility serves.
        good_seconds: how long the pack is good.
        engine, keys, entropy: of the centre.
        now: epoch seconds, UTC.
        anew: begin a new series: whole in the feed too, for a node whose pack is not what the centre believes.

    Raises:
        ProtocolError: NODE_UNKNOWN for a node that is not enrolled; FIELD_MISSING where its facility serves no
            commune; TOO_LARGE with more people than a pack holds.
        StoreError: somebody else has just built a pack of this node; nothing was kept.
    """
    # What takes long is done before the lock: nobody's bundle waits for some hundred thousand tags.
    known = _read(engine, node, whole=whole, anew=anew, keys=keys)
    pack, signed, news = _make(known, keys=keys, entropy=entropy, now=now, good_seconds=good_seconds)
    # The pack holds its own key, so it leaves, and is kept, only sealed: to its node, or to the centre itself.
    sealed = seal(signed, recipient=known.recipient, entropy=entropy)
    own = seal(signed, recipient=keys.sealing_key, entropy=entropy, context=contexts.POPULATION.aad)
    body = encode_news(news)
    with write_transaction(engine) as connection:
        # The numbers of a feed follow one another: whoever adds to it does so alone.
        lock_ledger(connection)
        if _version(connection, node) != known.version:
            raise StoreError("another pack of this node was built meanwhile", try_again=True)
        put_set(
            connection,
            PublishedSet(PublishedKind.POPULATION, node, pack.version, pack.issued_at, pack.expires_at, sealed),
        )
        put_base(connection, node, PopulationBase(pack.version, own))
        feed.put_item(connection, node, FeedKind.POPULATION, body, keys=keys, at=now)
    return SealedPack(
        node,
        version=pack.version,
        people=len(known.people),
        sealed=sealed,
        is_change=not news.is_whole,
        told_bytes=len(body),
    )


def tell_pack_again(connection: Connection, node: str, *, keys: KeyRing, now: int) -> None:
    """Puts a node's newest pack into its feed again, whole: a machine that was just enrolled has none.

    In the caller's transaction, under the ledger lock. Nothing is told where there is no pack, or none that is good
    still.
    """
    newest, base = newest_set(connection, PublishedKind.POPULATION, scope=node), base_of(connection, node)
    if newest is None or base is None or base.version != newest.version or newest.expires_at <= now:
        return
    body = encode_news(PopulationNews(_opened(base, keys), is_whole=True))
    feed.put_item(connection, node, FeedKind.POPULATION, body, keys=keys, at=now)


def tell_missed_pack(connection: Connection, node: str, *, held: int, keys: KeyRing, now: int) -> None:
    """Puts a node's newest pack into its feed whole, where it says that it could not make it of what it was told.

    In the caller's transaction, under the ledger lock. Where the last word was whole already it is said again after a
    day: what a node refused for a reason of its own it would refuse at once again.

    Args:
        held: the version that the node holds, 0 for none.
        keys: the centre's; the publisher key signs.
        now: epoch seconds, UTC.
    """
    if held >= _version(connection, node):
        return
    last = feed.newest_of_kind(connection, node, FeedKind.POPULATION)
    body = feed.newest_body(connection, node, FeedKind.POPULATION)
    if last is not None and body is not None and now - last.at < _AGAIN_SECONDS and parse_news(body).is_whole:
        return
    # What was kept under a key that was replaced since opens no more: the next pack is built whole then, and the rest
    # of the feed does not wait for it.
    with suppress(ProtocolError):
        tell_pack_again(connection, node, keys=keys, now=now)


def _read(engine: Engine, node: str, *, whole: bool, anew: bool, keys: KeyRing) -> _Known:
    with read_transaction(engine) as connection:
        found = nodes.find_node(connection, node)
        recipient = nodes.sealing_key_of(connection, node)
        if found is None or not isinstance(recipient, ec.EllipticCurvePublicKey):
            raise ProtocolError(Code.NODE_UNKNOWN, "node: is not enrolled")
        version, base = _version(connection, node), base_of(connection, node)
        held = None if anew or base is None else _verified(base, keys, facility=found.facility)
        people = list(_everybody(_people_for(connection, found.facility, whole=whole)))
    return _Known(found.facility, recipient, version=version, base=held, people=people)


def _make(
    known: _Known, *, keys: KeyRing, entropy: Entropy, now: int, good_seconds: int
) -> tuple[SignedSet, bytes, PopulationNews]:
    """The next pack, signed, and what the feed gets of it."""

    def pack_under(pack_key: bytes) -> SignedSet:
        return build_pack(
            known.people,
            pack_key=pack_key,
            version=known.version + 1,
            facility=known.facility,
            issued_at=now,
            expires_at=now + good_seconds,
        )

    if known.base is not None:
        pack = pack_under(known.base.pack_key)
        change = sign_set(build_change(known.base, read_pack(pack)), keys.publisher)
        if len(change) < len(pack.body):
            return pack, sign_pack(pack, keys.publisher), PopulationNews(change, is_whole=False)
    pack = pack_under(entropy.token(PACK_KEY_BYTES))
    signed = sign_pack(pack, keys.publisher)
    return pack, signed, PopulationNews(signed, is_whole=True)


def _version(connection: Connection, node: str) -> int:
    newest = newest_set(connection, PublishedKind.POPULATION, scope=node)
    return 0 if newest is None else newest.version


def _opened(base: PopulationBase, keys: KeyRing) -> bytes:
    most = limits.SET_BYTES + _ENVELOPE_BYTES
    return open_sealed(base.pack, keys.sealing, context=contexts.POPULATION.aad, max_bytes=most)


def _verified(base: PopulationBase, keys: KeyRing, *, facility: str) -> PopulationPack | None:
    """What the node was given last; None where a key of the centre was replaced since: then it gets a whole pack."""
    try:
        return verify_pack(_opened(base, keys), keys.publisher.public_key, facility=facility, at=None)
    except ProtocolError:
        return None


def _people_for(connection: Connection, facility: str, *, whole: bool) -> Iterable[RegistryPerson]:
    if whole:
        return people_of_units(connection, ())
    served = facilities.find_facility(connection, facility)
    if served is None or not served.units:
        raise ProtocolError(Code.FIELD_MISSING, "facility: serves no commune; name some, or ask for the whole registry")
    return people_of_units(connection, served.units)


def _everybody(people: Iterable[RegistryPerson]) -> Iterator[PersonKey]:
    for person in people:
        # Somebody with an old and a new number comes twice.
        for number in filter(None, (person.number, person.old_number)):
            yield PersonKey(number=number, name=person.name, sex=Sex(person.sex), birth_date=person.birth_date)
