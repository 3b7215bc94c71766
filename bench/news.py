"""What comes down for the people of a site: packs as changes, and certificates after the end of the day."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from sqlalchemy import func, select

from bench.end_of_day import filled_store
from central.store.database import read_transaction
from central.store.tables import feed_items
from central.workflow.run_day import run_day
from central.workflow.tell_passports import tell_passports
from sync_protocol.dose import Sex
from sync_protocol.feed import FeedKind
from sync_protocol.population import PersonKey, PopulationPack, build_pack, read_pack
from sync_protocol.population_change import PopulationNews, apply_change, build_change, encode_news, verify_change
from sync_protocol.signed_set import SignedSet, sign_set
from sync_protocol.signers.key_signer import KeySigner
from tests.builders import SeededEntropy, ec_key
from tests.demo.people import Population

CERTIFICATES: Final = 10_000
PEOPLE: Final = 10_000
CHANGED: Final = 100
_AT: Final = 1_649_415_600
_BYTES_EACH: Final = 160
_RATE: Final = 1_500
_PART: Final = 0.02


def measure(
    certificates: int = CERTIFICATES, people: int = PEOPLE, changed: int = CHANGED
) -> Iterator[dict[str, object]]:
    """Yields a line for each figure."""
    yield from _packs(people, changed)
    yield from _passports(certificates)


def _packs(people: int, changed: int) -> Iterator[dict[str, object]]:
    population = Population(seed=people)
    everybody = [_key(population) for _ in range(people + changed // 2)]
    # Half of them moved away, half of them came.
    held, new = _frame(everybody[changed // 2 : people], 1), _frame(everybody[changed:], 2)
    publisher = KeySigner(ec_key("publisher"))
    started = time.perf_counter()
    before, after = read_pack(held), read_pack(new)
    signed = sign_set(build_change(before, after), publisher)
    built = time.perf_counter() - started
    part = len(encode_news(PopulationNews(signed, is_whole=False))) / len(new.body)
    yield {
        "metric": f"population_change.{people // 1_000}k",
        "value": round(part, 4),
        "unit": f"of the pack's bytes, {changed} of {people} people changed",
        "target": _PART,
        "met": part <= _PART,
    }
    yield {"metric": "population_change.build", "value": round(built, 3), "unit": "s", "target": 2, "met": built <= 2}
    started = time.perf_counter()
    made = _apply(signed, before, publisher)
    applied = time.perf_counter() - started
    if made != after:
        raise RuntimeError("the change does not give the pack")
    yield {
        "metric": "population_change.apply",
        "value": round(applied, 3),
        "unit": "s",
        "target": 1,
        "met": applied <= 1,
    }


def _passports(count: int) -> Iterator[dict[str, object]]:
    with tempfile.TemporaryDirectory() as directory:
        store = filled_store(Path(directory), count)
        run_day(store.engine, signer=store.signer, registry=store.registry, entropy=SeededEntropy(1), now=store.at)
        started = time.perf_counter()
        told = tell_passports(store.engine, keys=store.keys, now=store.at)
        spent = time.perf_counter() - started
        with read_transaction(store.engine) as connection:
            size = select(func.sum(func.length(feed_items.c.item))).where(feed_items.c.kind == FeedKind.PASSPORTS.value)
            weight = connection.execute(size).scalar_one()
        store.engine.dispose()
    if told != count:
        raise RuntimeError(f"{told} of {count} certificates were told")
    yield {
        "metric": f"tell_passports.{count // 1_000}k",
        "value": round(told / spent),
        "unit": "certificates/s, stored to feed, after the run and outside of it",
        "target": _RATE,
        "met": told / spent >= _RATE,
    }
    yield {
        "metric": "tell_passports.bytes",
        "value": round(weight / told, 1),
        "unit": "bytes for each certificate in the feed",
        "target": _BYTES_EACH,
        "met": weight / told <= _BYTES_EACH,
    }


def _apply(signed: bytes, held: PopulationPack, publisher: KeySigner) -> PopulationPack:
    change = verify_change(signed, publisher.public_key, facility="19001", at=_AT)
    return apply_change(change, version=held.version, pack_key=held.pack_key, tags=held.tags)


def _frame(people: list[PersonKey], version: int) -> SignedSet:
    return build_pack(
        people, pack_key=bytes(32), version=version, facility="19001", issued_at=_AT, expires_at=_AT + 86_400
    )


def _key(population: Population) -> PersonKey:
    person = population.villager(["Xóm 1"]).registered
    return PersonKey(person.number, person.name, Sex(person.sex), person.birth_date)
