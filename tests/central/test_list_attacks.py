"""Attacks on the lists of revoked certificates that the centre takes: each is refused by its code, the last good stays.

The attacker brings what authorities once signed, in whole and in parts, and what it can sign with keys of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import pytest
from cryptography import x509
from sqlalchemy import select

from central.domain.demo_certificates import make_authority
from central.store.database import StoreError, read_transaction
from central.store.tables import crl_revocations, crls
from central.workflow import import_crl as importing
from central.workflow.import_crl import import_crl
from sync_protocol import limits
from sync_protocol.errors import Code, ProtocolError
from tests.builders import ec_key
from tests.central.scenario import EVENING, MORNING, World
from tests.revocation_lists import make_crl

_HELD: Final = 5
_OTHER_KEY: Final = ec_key("a stranger's authority")


def honest(world: World, *, at: int = EVENING - 60, number: int = _HELD, serial: int = 1) -> bytes:
    return make_crl(world.authority.certificate, world.authority.key, {serial: MORNING}, at=at, number=number)


def spliced(world: World) -> bytes:
    """The signature of one list under the content of another."""
    signature = x509.load_der_x509_crl(honest(world, at=EVENING - 30, number=6)).signature
    while True:
        other = honest(world, at=EVENING - 20, number=7, serial=2)
        # Signatures by such a key are of 70 to 72 bytes: only one of the same length leaves the list well formed.
        if len(x509.load_der_x509_crl(other).signature) == len(signature):
            return other[: -len(signature)] + signature


def of_a_namesake(world: World) -> bytes:
    """A list under the authority's name, by another key."""
    return make_crl(world.authority.certificate, _OTHER_KEY, {}, at=EVENING - 30, number=6)


def of_a_stranger(_: World) -> bytes:
    stranger = make_authority(_OTHER_KEY, "Người lạ", serial=bytes(15) + b"\1", now=MORNING)
    return make_crl(stranger.certificate, stranger.key, {}, at=EVENING - 30, number=6)


@dataclass(frozen=True, slots=True)
class Attack:
    """What is brought, and the code by which it is refused."""

    name: str
    code: Code
    make: Callable[[World], bytes]


ATTACKS: Final = (
    Attack("old by its number", Code.CRL_OLDER, lambda world: honest(world, at=EVENING - 30, number=4)),
    Attack("old by its time", Code.CRL_OLDER, lambda world: honest(world, at=EVENING - 61, number=6)),
    Attack("the same number, other content", Code.CRL_OLDER, lambda world: honest(world, serial=2)),
    Attack("mixed", Code.CRL_UNTRUSTED, spliced),
    Attack("wrong key", Code.CRL_UNTRUSTED, of_a_namesake),
    Attack("of somebody else", Code.CRL_UNTRUSTED, of_a_stranger),
    Attack("another kind", Code.CRL_INVALID, lambda world: world.authority.certificate.der),
    Attack("no list", Code.CRL_INVALID, lambda _: b"<html>log in</html>"),
    Attack("without an end", Code.TOO_LARGE, lambda _: bytes(limits.CRL_BYTES + 1)),
)


def rows(world: World) -> object:
    with read_transaction(world.centre.engine) as connection:
        return [tuple(row) for table in (crls, crl_revocations) for row in connection.execute(select(table))]


def bring(world: World, data: bytes) -> None:
    import_crl(data, source="list.crl", engine=world.centre.engine, now=EVENING)


def assert_refused(world: World, attack: Attack) -> None:
    """The attack is refused by its code, changes nothing, and a newer list is taken all the same."""
    bring(world, honest(world))
    before = rows(world)
    code = None
    try:
        bring(world, attack.make(world))
    except ProtocolError as error:
        code = error.code
    assert code is attack.code
    assert rows(world) == before
    bring(world, honest(world, at=EVENING - 10, number=9))
    assert rows(world) != before


@pytest.mark.parametrize("attack", ATTACKS, ids=[attack.name for attack in ATTACKS])
def test_an_attack_on_a_list_is_refused_and_the_last_good_one_stays(world: World, attack: Attack) -> None:
    assert_refused(world, attack)


@pytest.mark.parametrize("attack", ATTACKS[:3], ids=[attack.name for attack in ATTACKS[:3]])
def test_the_harness_sees_a_centre_that_takes_older_lists(
    world: World, attack: Attack, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The planted fault: whatever an authority signed is news.
    monkeypatch.setattr(importing, "check_newer", lambda *_args, **_kwargs: None)
    # The harness says no, or the store's own key does.
    with pytest.raises((AssertionError, StoreError)):
        assert_refused(world, attack)
