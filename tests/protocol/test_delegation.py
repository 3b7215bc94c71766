"""A list of delegations says exactly who may sign whose doses when, and is read strictly."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_protocol import cbor, keys, limits
from sync_protocol.days import DAY_SECONDS, day_start, local_day
from sync_protocol.delegation import (
    SITE_NODES,
    Delegation,
    DelegationKind,
    encode_delegations,
    one_day_bounds,
    parse_delegations,
)
from sync_protocol.errors import Code
from sync_protocol.trust_list import NodeKey
from tests.builders import ec_key
from tests.protocol.refusals import refused

START = day_start("2022-04-15")
HUB_KEY = ec_key("hub").public_key()
SITE_KEY = ec_key("site").public_key()


def a_delegation(**changes: Any) -> Delegation:
    """A hub that signs for a site from 15 April on."""
    values: dict[str, Any] = {
        "number": 7,
        "site": "19001",
        "site_name": "Trạm Y tế xã Hóa Thượng",
        "hub": "19000",
        "hub_name": "Trung tâm Y tế huyện Đồng Hỷ",
        "hub_node": "19000A",
        "hub_key": HUB_KEY,
        "site_nodes": (NodeKey("19001A", 2, SITE_KEY),),
        "valid_from": START,
        "valid_until": None,
        "kind": DelegationKind.STANDING,
    }
    return Delegation(**(values | changes))


def fields_of(delegation: Delegation) -> dict[int | str, Any]:
    """The delegation's map as it travels."""
    decoded: Any = cbor.decode(encode_delegations([delegation]), max_bytes=10_000)
    found: dict[int | str, Any] = decoded[1][0]
    return found


def with_fields(**changes: object) -> bytes:
    """A list of one delegation whose map holds other values."""
    changed = fields_of(a_delegation()) | {int(key[1:]): value for key, value in changes.items()}
    return cbor.encode({1: [{key: value for key, value in changed.items() if value is not None}]})


_codes = st.text("ABCX019", min_size=2, max_size=12)
_starts = st.integers(0, 30_000).map(lambda day: day * DAY_SECONDS + 17 * 3_600)
_delegations = st.builds(
    a_delegation,
    number=st.integers(1, limits.COUNTER),
    site=_codes,
    hub=_codes.map(lambda code: f"H{code[1:]}9"[:12]),
    hub_node=_codes,
    site_nodes=st.lists(_codes, max_size=4, unique=True).map(
        lambda found: tuple(NodeKey(node, 1, SITE_KEY) for node in sorted(found))
    ),
    valid_from=_starts,
    kind=st.sampled_from(DelegationKind),
).filter(lambda found: found.site != found.hub)


@given(st.lists(_delegations, max_size=4, unique_by=lambda found: found.number), st.booleans())
def test_a_list_comes_back_as_it_was_written(found: list[Delegation], ended: bool) -> None:
    if ended:
        found = [dataclasses.replace(item, valid_until=item.valid_from + 1) for item in found]
    written = encode_delegations(found)
    assert parse_delegations(written) == tuple(sorted(found, key=lambda item: item.number))
    assert encode_delegations(found[::-1]) == written


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"k1": 0}, Code.FIELD_INVALID),
        ({"k2": "1900 1"}, Code.FIELD_INVALID),
        ({"k4": "19001"}, Code.FIELD_INVALID),
        ({"k3": None}, Code.FIELD_MISSING),
        ({"k6": "a"}, Code.FIELD_INVALID),
        ({"k7": b"no key"}, Code.KEY_INVALID),
        ({"k8": [["19001A", 1]]}, Code.FIELD_INVALID),
        ({"k8": [["19001A", True, keys.encode_public_key(SITE_KEY)]]}, Code.FIELD_INVALID),
        ({"k8": [["19001A", 1, keys.encode_public_key(SITE_KEY)]] * 2}, Code.FIELD_INVALID),
        ({"k8": [["19001A", 1, keys.encode_public_key(SITE_KEY)]] * (SITE_NODES + 1)}, Code.FIELD_INVALID),
        ({"k10": START - 1}, Code.FIELD_INVALID),
        ({"k11": len(DelegationKind)}, Code.KIND_UNKNOWN),
        ({"k9": START + 1, "k11": 2}, Code.FIELD_INVALID),
        ({"k12": 1}, Code.FIELD_UNKNOWN),
    ],
)
def test_a_list_of_another_form_is_refused(changes: dict[str, object], code: Code) -> None:
    assert parse_delegations(with_fields()) == (a_delegation(),)
    with refused(code):
        parse_delegations(with_fields(**changes))


def test_a_number_stands_in_a_list_once_and_in_order() -> None:
    first, second = fields_of(a_delegation(number=1)), fields_of(a_delegation(number=2))
    assert len(parse_delegations(cbor.encode({1: [first, second]}))) == 2
    for wrong in ([first, first], [second, first]):
        with refused(Code.FIELD_INVALID):
            parse_delegations(cbor.encode({1: wrong}))


def test_a_list_has_room_for_a_provinces_hub_and_no_more() -> None:
    many = [a_delegation(number=number) for number in range(1, limits.DELEGATIONS + 2)]
    assert len(parse_delegations(encode_delegations(many[:-1]))) == limits.DELEGATIONS
    with refused(Code.FIELD_INVALID):
        encode_delegations(many)


def test_a_delegation_holds_from_its_start_to_just_before_its_end() -> None:
    held = a_delegation(valid_until=START + 10)
    assert [held.is_open(at) for at in (START - 1, START, START + 9, START + 10)] == [False, True, True, False]
    assert a_delegation().is_open(limits.INSTANT)


def test_a_one_day_delegation_covers_a_days_doses_and_may_be_signed_until_the_next_day_ends() -> None:
    start, end = one_day_bounds("2022-04-15")
    one_day = a_delegation(valid_from=start, valid_until=end, kind=DelegationKind.ONE_DAY)
    assert one_day.dose_day == "2022-04-15"
    assert local_day(end - 1) == "2022-04-16"
    assert local_day(end) == "2022-04-17"
    assert a_delegation().dose_day is None


def test_the_key_of_a_site_is_found_by_node_and_epoch() -> None:
    assert a_delegation().key_of("19001A", epoch=2) == SITE_KEY
    assert a_delegation().key_of("19001A", epoch=1) is None
    assert a_delegation().key_of("19001B", epoch=2) is None
