"""A bundle says whose it is and where in the chain it stands, and nothing of it changes unseen."""

from __future__ import annotations

import dataclasses
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_protocol import cbor, contexts, cose, limits, sealing
from sync_protocol.bundle import (
    NO_PREVIOUS,
    BatchBody,
    Bundle,
    BundleKind,
    encode_batch_body,
    parse_batch_body,
    parse_bundle,
    sign_bundle,
    verify_bundle,
)
from sync_protocol.errors import Code
from sync_protocol.keys import key_id
from sync_protocol.manifest import Checkpoint
from sync_protocol.signers.key_signer import KeySigner
from tests.builders import SeededEntropy, ec_key
from tests.protocol.refusals import refused
from tests.protocol.synthetic import NODE, SECRET

SIGNER = KeySigner(ec_key("node"))
BUNDLE = Bundle(
    node=NODE,
    epoch=1,
    sequence=1,
    previous=NO_PREVIOUS,
    kind=BundleKind.BATCH,
    known_head=None,
    created_at=1_650_000_000,
    body=b"body",
)
_digests = st.binary(min_size=32, max_size=32)
_bundles = st.builds(
    Bundle,
    node=st.text("ABC019", min_size=2, max_size=12),
    epoch=st.integers(0, limits.COUNTER),
    sequence=st.integers(1, limits.COUNTER),
    previous=_digests,
    kind=st.sampled_from(BundleKind),
    known_head=st.none()
    | st.builds(
        Checkpoint,
        epoch=st.integers(0, limits.COUNTER),
        size=st.integers(1, limits.LEDGER_ENTRIES),
        root=_digests,
        at=st.integers(0, limits.INSTANT),
    ),
    created_at=st.integers(0, limits.INSTANT),
    body=st.binary(max_size=100),
)


def sign_fields(**changes: object) -> bytes:
    """A bundle whose map holds other values, signed all the same."""
    fields = cbor.decode(parse_bundle(sign_bundle(BUNDLE, SIGNER)).message.payload or b"", max_bytes=1_000)
    assert isinstance(fields, dict)
    changed: dict[int | str, object] = {**fields, **{int(key[1:]): value for key, value in changes.items()}}
    return cose.sign1(
        cbor.encode({key: value for key, value in changed.items() if value is not None}),
        signer=SIGNER,
        content_type=contexts.BUNDLE.content_type,
        context=contexts.BUNDLE.aad,
    )


@given(_bundles)
def test_a_bundle_comes_back_as_it_was_signed(bundle: Bundle) -> None:
    inner = sign_bundle(bundle, SIGNER)
    unverified = parse_bundle(inner)
    assert unverified.claimed == bundle
    verified = verify_bundle(unverified, SIGNER.public_key)
    assert verified.bundle == bundle
    assert verified.inner == inner
    assert verified.digest == hashlib.sha256(inner).digest()


@given(st.data())
def test_a_flipped_bit_is_refused(data: st.DataObject) -> None:
    inner = sign_bundle(BUNDLE, SIGNER)
    bit = data.draw(st.integers(0, 8 * len(inner) - 1))
    flipped = (int.from_bytes(inner) ^ (1 << bit)).to_bytes(len(inner))
    with refused():
        verify_bundle(parse_bundle(flipped), SIGNER.public_key)


def test_a_bundle_survives_its_envelope() -> None:
    centre = ec_key("centre")
    inner = sign_bundle(BUNDLE, SIGNER)
    sealed = sealing.seal(inner, recipient=centre.public_key(), entropy=SeededEntropy(1))
    assert sealing.open_sealed(sealed, {key_id(centre.public_key()): centre}) == inner


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"k1": 2}, Code.VERSION),
        ({"k6": len(BundleKind)}, Code.KIND_UNKNOWN),
        ({"k2": "a b"}, Code.FIELD_INVALID),
        ({"k4": 0}, Code.FIELD_INVALID),
        ({"k5": bytes(31)}, Code.FIELD_INVALID),
        ({"k7": {1: 1, 2: 0, 3: bytes(32), 4: 0}}, Code.FIELD_INVALID),
        ({"k7": {1: 1, 2: 1, 3: bytes(32), 4: 0, 5: 0}}, Code.FIELD_UNKNOWN),
        ({"k9": None}, Code.FIELD_MISSING),
        ({"k10": 1}, Code.FIELD_UNKNOWN),
    ],
)
def test_a_bundle_of_another_form_is_refused(changes: dict[str, object], code: Code) -> None:
    with refused(code):
        parse_bundle(sign_fields(**changes))


@pytest.mark.parametrize("changes", [{"node": "a"}, {"previous": bytes(31)}])
def test_a_bundle_outside_its_bounds_is_not_signed(changes: dict[str, object]) -> None:
    with refused(Code.FIELD_INVALID):
        sign_bundle(dataclasses.replace(BUNDLE, **changes), SIGNER)  # type: ignore[arg-type]


def test_a_body_that_would_not_fit_its_envelope_is_not_signed() -> None:
    with refused(Code.TOO_LARGE):
        sign_bundle(dataclasses.replace(BUNDLE, body=bytes(limits.SEALED_BYTES // 2 + 1)), SIGNER)


def test_a_bundle_has_no_headers_that_no_signature_covers() -> None:
    message = parse_bundle(sign_bundle(BUNDLE, SIGNER)).message
    with refused(Code.NOT_COSE):
        parse_bundle(cose.encode_sign1(dataclasses.replace(message, unprotected={cose.KID: b"12345678"})))
    with refused(Code.NOT_COSE):
        parse_bundle(cose.encode_sign1(dataclasses.replace(message, payload=None)))


def test_a_batch_body_comes_back() -> None:
    body = BatchBody(statement=b"statement", secret=SECRET, columns=b"columns")
    assert parse_batch_body(encode_batch_body(body)) == body


def test_a_batch_body_carries_a_few_handovers_and_no_more() -> None:
    body = BatchBody(b"statement", SECRET, b"columns", carried=(b"handover",) * limits.CARRIED_HANDOVERS)
    assert parse_batch_body(encode_batch_body(body)) == body
    with refused(Code.FIELD_INVALID):
        parse_batch_body(encode_batch_body(dataclasses.replace(body, carried=(*body.carried, b"one more"))))


@pytest.mark.parametrize(
    ("key", "value"), [(2, bytes(31)), (1, "text"), (3, None), (4, []), (4, b"handover"), (4, ["text"])]
)
def test_a_batch_body_of_another_form_is_refused(key: int, value: object) -> None:
    fields = {1: b"statement", 2: SECRET, 3: b"columns", key: value}
    with refused(Code.FIELD_INVALID):
        parse_batch_body(cbor.encode(fields))
