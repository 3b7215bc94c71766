"""Doses handed over come back as they were, or are refused; so does what the hub and the centre answer."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_protocol import cbor, contexts, limits
from sync_protocol.bundle import NO_PREVIOUS, Bundle, BundleKind, sign_bundle
from sync_protocol.columns import pack_doses
from sync_protocol.dose import Dose
from sync_protocol.errors import Code
from sync_protocol.handover import (
    HANDOVER_BYTES,
    HandedBack,
    HandedDoses,
    Handover,
    SignedDoses,
    encode_handed,
    encode_handed_back,
    encode_handover,
    encode_signed,
    parse_handed,
    parse_handed_back,
    parse_handover,
    parse_signed,
    seal_for_hub,
    unpack_handover,
    verify_handover,
)
from sync_protocol.keys import key_id
from sync_protocol.sealing import open_sealed
from sync_protocol.signers.key_signer import KeySigner
from sync_protocol.verdict import ADMITTED, encode_verdicts
from tests.builders import SeededEntropy, ec_key
from tests.protocol.refusals import refused
from tests.protocol.synthetic import FACILITY, NODE, SECRET, generate_doses

NODE_SIGNER = KeySigner(ec_key("site"))
DOSES = generate_doses(40)
DAY = "2022-04-15"


def a_handover(given: tuple[Dose, ...] = DOSES, /, **changes: Any) -> Handover:
    """The doses of a day for the hub."""
    values: dict[str, Any] = {
        "hub": "19000",
        "first_day": DAY,
        "last_day": DAY,
        "people": len({dose.recipient.number for dose in given}),
        "doses": len(given),
        "reason": "Mất thiết bị ký",
        "asks_day": "",
        "columns": pack_doses(given, node=NODE, facility=FACILITY),
    }
    return Handover(**(values | changes))


def bundle_of(handover: Handover, **changes: Any) -> bytes:
    """The site's signed bundle around a handover."""
    bundle = Bundle(
        node=NODE,
        epoch=1,
        sequence=1,
        previous=NO_PREVIOUS,
        kind=BundleKind.DOSES,
        known_head=None,
        created_at=1_650_020_000,
        body=encode_handover(handover),
    )
    return sign_bundle(dataclasses.replace(bundle, **changes), NODE_SIGNER)


def test_doses_handed_over_come_back_as_they_were() -> None:
    verified = verify_handover(bundle_of(a_handover()), NODE_SIGNER.public_key)
    assert verified.handover == a_handover()
    assert unpack_handover(verified.handover, node=NODE, facility=FACILITY) == DOSES


def test_only_a_bundle_of_doses_by_the_sites_node_is_a_handover() -> None:
    with refused(Code.SIGNATURE_INVALID):
        verify_handover(bundle_of(a_handover()), ec_key("another").public_key())
    with refused(Code.KIND_UNKNOWN):
        verify_handover(bundle_of(a_handover(), kind=BundleKind.REPORT), NODE_SIGNER.public_key)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"hub": "190 00"}, Code.FIELD_INVALID),
        ({"first_day": "2022-04-16"}, Code.FIELD_INVALID),
        ({"last_day": "2022-4-15"}, Code.FIELD_INVALID),
        ({"people": 0}, Code.BATCH_PEOPLE),
        ({"people": limits.BATCH_PEOPLE + 1}, Code.BATCH_PEOPLE),
        ({"doses": 0}, Code.BATCH_DOSES),
        ({"doses": limits.BATCH_DOSES + 1}, Code.BATCH_DOSES),
        ({"asks_day": "2022-04-14"}, Code.FIELD_INVALID),
        ({"asks_day": DAY, "first_day": "2022-04-14"}, Code.FIELD_INVALID),
        ({"reason": "x" * (limits.LONG_CHARS + 1)}, Code.FIELD_INVALID),
        ({"columns": bytes(HANDOVER_BYTES)}, Code.TOO_LARGE),
    ],
)
def test_a_handover_outside_its_bounds_is_neither_written_nor_read(changes: dict[str, Any], code: Code) -> None:
    with refused(code):
        encode_handover(a_handover(**changes))


def test_a_handover_with_more_or_less_than_its_fields_is_refused() -> None:
    decoded: Any = cbor.decode(encode_handover(a_handover()), max_bytes=HANDOVER_BYTES)
    with refused(Code.FIELD_UNKNOWN):
        parse_handover(cbor.encode({**decoded, 9: 1}))
    with refused(Code.FIELD_MISSING):
        parse_handover(cbor.encode({key: value for key, value in decoded.items() if key != 8}))


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"people": 1}, Code.COUNT_MISMATCH),
        ({"doses": 41}, Code.COUNT_MISMATCH),
        ({"columns": b"no columns"}, Code.VERSION),
        ({"first_day": "2022-04-14", "last_day": "2022-04-14"}, Code.DOSE_DAY),
        (
            {"columns": pack_doses([*DOSES[:-1], dataclasses.replace(DOSES[-1], node="19002A")])},
            Code.DOSE_FACILITY,
        ),
        (
            {"columns": pack_doses([*DOSES[:-1], dataclasses.replace(DOSES[-1], facility="19002")])},
            Code.DOSE_FACILITY,
        ),
        ({"columns": pack_doses([*DOSES[:-1], dataclasses.replace(DOSES[-1], sequence=1)])}, Code.DOSE_REPEATED),
    ],
)
def test_doses_that_are_not_those_stated_are_refused(changes: dict[str, Any], code: Code) -> None:
    with refused(code):
        unpack_handover(a_handover(**changes), node=NODE, facility=FACILITY)


def test_the_largest_handover_fits_an_item_of_the_hubs_feed() -> None:
    inner = bundle_of(a_handover(columns=bytes(HANDOVER_BYTES - 200)))
    handed = HandedDoses(inner=inner, delegation=limits.COUNTER)
    assert len(encode_handed(handed)) <= limits.FEED_ITEM_BYTES
    assert parse_handed(encode_handed(handed)) == handed


def test_a_handover_by_stick_opens_for_the_hubs_node_and_for_nothing_else() -> None:
    hub, inner = ec_key("hub"), bundle_of(a_handover())
    sealed = seal_for_hub(inner, hub_key=hub.public_key(), entropy=SeededEntropy(1))
    opening = {key_id(hub.public_key()): hub}
    assert open_sealed(sealed, opening, context=contexts.HANDOVER.aad) == inner
    # An envelope for the centre's door does not open as one for the hub, nor the other way round.
    with refused(Code.ENVELOPE_UNREADABLE):
        open_sealed(sealed, opening)


_sequences = st.lists(st.integers(1, 999_999_999), min_size=1, max_size=20, unique=True).map(tuple)
_digests = st.binary(min_size=32, max_size=32)


@given(_digests, _sequences, st.binary(max_size=50))
def test_signed_doses_come_back_as_they_were(digest: bytes, sequences: tuple[int, ...], statement: bytes) -> None:
    signed = SignedDoses(
        handover=digest,
        statement=statement,
        secret=SECRET,
        sequences=sequences,
        verdicts=encode_verdicts([ADMITTED] * len(sequences)),
        receipt=b"receipt",
    )
    assert parse_signed(encode_signed(signed)) == signed


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"handover": bytes(31)}, Code.FIELD_INVALID),
        ({"secret": bytes(31)}, Code.FIELD_INVALID),
        ({"sequences": ()}, Code.FIELD_INVALID),
        ({"sequences": (1, 1)}, Code.FIELD_INVALID),
        ({"sequences": (0, 1)}, Code.FIELD_INVALID),
        ({"sequences": (True, 2)}, Code.FIELD_INVALID),
        ({"sequences": (1, 2, 3)}, Code.COUNT_MISMATCH),
        ({"verdicts": b"\xa0"}, Code.FIELD_MISSING),
    ],
)
def test_signed_doses_of_another_form_are_refused(changes: dict[str, Any], code: Code) -> None:
    signed = SignedDoses(bytes(32), b"statement", SECRET, (1, 2), encode_verdicts([ADMITTED] * 2), b"receipt")
    assert parse_signed(encode_signed(signed)) == signed
    with refused(code):
        encode_signed(dataclasses.replace(signed, **changes))


@given(_digests, _sequences)
def test_doses_handed_back_come_back_as_they_were(digest: bytes, sequences: tuple[int, ...]) -> None:
    back = HandedBack(handover=digest, sequences=tuple(sorted(sequences)), reason="Thiếu số lô")
    assert parse_handed_back(encode_handed_back(back)) == back


@pytest.mark.parametrize(
    "changes", [{"handover": b""}, {"sequences": ()}, {"sequences": (2, 1)}, {"sequences": (1, 1)}, {"reason": ""}]
)
def test_doses_handed_back_in_another_form_are_refused(changes: dict[str, Any]) -> None:
    with refused(Code.FIELD_INVALID):
        encode_handed_back(dataclasses.replace(HandedBack(bytes(32), (1, 2), "Thiếu số lô"), **changes))


@pytest.mark.parametrize("read", [parse_handover, parse_handed, parse_signed, parse_handed_back])
def test_what_is_no_message_is_refused(read: Any) -> None:
    with refused(Code.NOT_CBOR):
        read(b"")
    with refused(Code.FIELD_UNKNOWN, Code.FIELD_MISSING):
        read(cbor.encode({99: 1}))
