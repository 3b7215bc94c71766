"""Versioned signed sets: signature, audience, version and end, in this order."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_protocol import cbor, contexts, cose, limits
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.signed_set import EVERYBODY, SetKind, SignedSet, sign_set, verify_set
from sync_protocol.signers.key_signer import KeySigner
from tests.builders import ec_key, rsa_key

PUBLISHER = KeySigner(ec_key("publisher"))
STRANGER = KeySigner(ec_key("stranger"))
ISSUED = 1_650_000_000
EXPIRES = ISSUED + 30 * 86_400
CONTENT = SignedSet(
    kind=SetKind.CATALOGUE, version=3, issued_at=ISSUED, expires_at=EXPIRES, audience=EVERYBODY, body=b"\xa0"
)


def verify(data: bytes, **changes: object) -> SignedSet:
    arguments: dict[str, object] = {"kind": SetKind.CATALOGUE, "at": ISSUED, **changes}
    return verify_set(data, PUBLISHER.public_key, **arguments)  # type: ignore[arg-type]


@given(
    st.sampled_from(list(SetKind)),
    st.integers(1, limits.COUNTER),
    st.sampled_from(["", "19001", "79ABC"]),
    st.binary(max_size=200),
)
def test_sets_come_back_as_they_were(kind: SetKind, version: int, audience: str, body: bytes) -> None:
    content = replace(CONTENT, kind=kind, version=version, audience=audience, body=body)
    assert verify(sign_set(content, PUBLISHER), kind=kind, audience=audience) == content


def test_a_publisher_with_an_rsa_key_is_verified_too() -> None:
    publisher = KeySigner(rsa_key())
    signed = sign_set(CONTENT, publisher)
    assert verify_set(signed, publisher.public_key, kind=SetKind.CATALOGUE, at=ISSUED) == CONTENT


def test_any_flipped_bit_is_refused() -> None:
    signed = sign_set(CONTENT, PUBLISHER)
    for place in range(len(signed) * 8):
        flipped = bytearray(signed)
        flipped[place // 8] ^= 1 << place % 8
        with pytest.raises(ProtocolError):
            verify(bytes(flipped))


def test_a_stranger_cannot_publish() -> None:
    with pytest.raises(ProtocolError, match=Code.SIGNATURE_INVALID):
        verify(sign_set(CONTENT, STRANGER))


def test_a_set_of_one_kind_is_not_read_as_another() -> None:
    signed = sign_set(replace(CONTENT, kind=SetKind.POPULATION), PUBLISHER)
    with pytest.raises(ProtocolError, match=Code.CONTENT_TYPE):
        verify(signed)
    # Even the publisher itself cannot mix them up: the kind stands in the payload too.
    payload = cose.parse_sign1(signed, max_bytes=limits.SET_BYTES).payload
    assert payload is not None
    context = contexts.CATALOGUE
    mixed = cose.sign1(payload, signer=PUBLISHER, content_type=context.content_type, context=context.aad)
    with pytest.raises(ProtocolError, match=Code.KIND_UNKNOWN):
        verify(mixed)


@pytest.mark.parametrize(("made_for", "here"), [("19001", "19002"), ("19001", ""), ("", "19001")])
def test_a_set_for_another_audience_is_refused(made_for: str, here: str) -> None:
    with pytest.raises(ProtocolError, match=Code.SET_FOREIGN):
        verify(sign_set(replace(CONTENT, audience=made_for), PUBLISHER), audience=here)


def test_a_version_never_goes_back() -> None:
    signed = sign_set(CONTENT, PUBLISHER)
    assert verify(signed, newer_than=2).version == 3
    assert verify(signed, at_least=3).version == 3
    for rule in ({"newer_than": 3}, {"newer_than": 4}, {"at_least": 4}):
        with pytest.raises(ProtocolError, match=Code.SET_OLDER):
            verify(signed, **rule)


def test_a_set_ends_in_the_second_it_states() -> None:
    signed = sign_set(CONTENT, PUBLISHER)
    assert verify(signed, at=EXPIRES - 1) == CONTENT
    with pytest.raises(ProtocolError, match=Code.SET_EXPIRED):
        verify(signed, at=EXPIRES)


def test_the_last_good_set_can_be_read_after_its_end() -> None:
    assert verify(sign_set(CONTENT, PUBLISHER), at=None) == CONTENT


@pytest.mark.parametrize(
    "change",
    [{"version": 0}, {"version": limits.COUNTER + 1}, {"expires_at": ISSUED}, {"audience": "xã 5"}, {"issued_at": -1}],
)
def test_frames_that_break_a_rule_are_refused(change: dict[str, object]) -> None:
    wrong = replace(CONTENT, **change)  # type: ignore[arg-type]
    with pytest.raises(ProtocolError, match=Code.FIELD_INVALID):
        sign_set(wrong, PUBLISHER)
    # A publisher whose program is broken, or not ours.
    payload = cbor.encode(
        {1: "catalogue", 2: wrong.version, 3: wrong.issued_at, 4: wrong.expires_at, 5: wrong.audience, 6: b""}
    )
    context = contexts.CATALOGUE
    signed = cose.sign1(payload, signer=PUBLISHER, content_type=context.content_type, context=context.aad)
    with pytest.raises(ProtocolError, match=Code.FIELD_INVALID):
        verify(signed, audience=wrong.audience)


def test_an_unknown_field_is_refused() -> None:
    payload = cbor.encode({1: "catalogue", 2: 3, 3: ISSUED, 4: EXPIRES, 5: "", 6: b"", 7: True})
    context = contexts.CATALOGUE
    signed = cose.sign1(payload, signer=PUBLISHER, content_type=context.content_type, context=context.aad)
    with pytest.raises(ProtocolError, match=Code.FIELD_UNKNOWN):
        verify(signed)


def test_one_byte_too_many_is_refused_before_the_signature_is_looked_at() -> None:
    signed = sign_set(CONTENT, PUBLISHER)
    assert verify(signed, max_bytes=len(signed)) == CONTENT
    with pytest.raises(ProtocolError, match=Code.TOO_LARGE):
        verify(signed, max_bytes=len(signed) - 1)
