"""Builds the population pack of a node: signed for its facility, sealed to the node alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import ec
from sqlalchemy import Connection, Engine

from central.store import facilities, nodes
from central.store.database import write_transaction
from central.store.key_store import KeyRing
from central.store.published_sets import PublishedKind, PublishedSet, newest_set, put_set
from central.store.registry_people import RegistryPerson, people_of_units
from sync_protocol.dose import Sex
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.population import PACK_KEY_BYTES, PersonKey, build_pack, sign_pack
from sync_protocol.sealing import Entropy, seal


@dataclass(frozen=True, slots=True, repr=False)
class SealedPack:
    """A pack ready to travel.

    Attributes:
        node: who can open it.
        version: of the pack; evidence in doses refers to it as "pack-VERSION".
        people: how many people it covers.
        sealed: the envelope.
    """

    node: str
    version: int
    people: int
    sealed: bytes


def build_population_pack(
    node: str, *, whole: bool, good_seconds: int, engine: Engine, keys: KeyRing, entropy: Entropy, now: int
) -> SealedPack:
    """Builds the next version of a node's pack.

    Args:
        node: an enrolled node.
        whole: everybody in the registry, instead of the people of the communes that the facility serves.
        good_seconds: how long the pack is good.
        engine, keys, entropy: of the centre.
        now: epoch seconds, UTC.

    Raises:
        ProtocolError: NODE_UNKNOWN for a node that is not enrolled; FIELD_MISSING where its facility serves no
            commune; TOO_LARGE with more people than a pack holds.
    """
    with write_transaction(engine) as connection:
        found = nodes.find_node(connection, node)
        recipient = nodes.sealing_key_of(connection, node)
        if found is None or not isinstance(recipient, ec.EllipticCurvePublicKey):
            raise ProtocolError(Code.NODE_UNKNOWN, "node: is not enrolled")
        newest = newest_set(connection, PublishedKind.POPULATION, scope=node)
        people = list(_everybody(_people_for(connection, found.facility, whole=whole)))
        pack = build_pack(
            people,
            pack_key=entropy.token(PACK_KEY_BYTES),
            version=1 if newest is None else newest.version + 1,
            facility=found.facility,
            issued_at=now,
            expires_at=now + good_seconds,
        )
        # The pack holds its own key, so it leaves, and is kept, only sealed to its node.
        sealed = seal(sign_pack(pack, keys.publisher), recipient=recipient, entropy=entropy)
        put_set(
            connection,
            PublishedSet(PublishedKind.POPULATION, node, pack.version, pack.issued_at, pack.expires_at, sealed),
        )
    return SealedPack(node, version=pack.version, people=len(people), sealed=sealed)


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
