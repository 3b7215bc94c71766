"""What is sealed opens for one key, unchanged, or not at all."""

from __future__ import annotations

import hashlib

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from sync_protocol import cbor, cose_encrypt, key_wrap, keys, sealing
from sync_protocol.errors import Code
from tests.builders import SeededEntropy, ec_key
from tests.protocol.refusals import refused

CENTRE = ec_key("centre")
KEYS = {keys.key_id(CENTRE.public_key()): CENTRE}


def _seal(inner: bytes = b"inner", seed: int = 1) -> bytes:
    return sealing.seal(inner, recipient=CENTRE.public_key(), entropy=SeededEntropy(seed))


@given(st.binary(max_size=500), st.integers(0, 2**32))
def test_what_was_sealed_opens(inner: bytes, seed: int) -> None:
    sealed = _seal(inner, seed)
    assert sealing.open_sealed(sealed, KEYS) == inner
    assert sealing.sealed_digest(sealed) == hashlib.sha256(sealed).digest()


@settings(max_examples=400)
@given(st.data())
def test_a_flipped_bit_anywhere_is_refused(data: st.DataObject) -> None:
    sealed = bytearray(_seal())
    position = data.draw(st.integers(0, len(sealed) * 8 - 1))
    sealed[position // 8] ^= 1 << position % 8
    with refused():
        sealing.open_sealed(bytes(sealed), KEYS)


def test_an_envelope_cut_anywhere_is_refused() -> None:
    sealed = _seal()
    for end in range(len(sealed)):
        with refused(Code.NOT_CBOR):
            sealing.open_sealed(sealed[:end], KEYS)


def test_another_key_cannot_open_it() -> None:
    other = ec_key("other")
    with refused(Code.RECIPIENT_UNKNOWN):
        sealing.open_sealed(_seal(), {keys.key_id(other.public_key()): other})
    with refused(Code.ENVELOPE_UNREADABLE):
        sealing.open_sealed(_seal(), {keys.key_id(CENTRE.public_key()): other})
    with refused(Code.RECIPIENT_UNKNOWN):
        sealing.open_sealed(_seal(), {})


def test_an_old_and_a_new_key_both_open_while_one_replaces_the_other() -> None:
    new = ec_key("new")
    both = KEYS | {keys.key_id(new.public_key()): new}
    assert sealing.open_sealed(_seal(), both) == b"inner"


def test_an_envelope_is_good_for_one_purpose() -> None:
    with refused(Code.ENVELOPE_UNREADABLE):
        sealing.open_sealed(_seal(), KEYS, context=b"hcvx/v1/other")


def test_the_same_entropy_gives_the_same_bytes_and_other_entropy_others() -> None:
    assert _seal(seed=1) == _seal(seed=1)
    assert _seal(seed=1) != _seal(seed=2)


def test_an_envelope_is_bounded() -> None:
    with refused(Code.TOO_LARGE):
        sealing.open_sealed(_seal(), KEYS, max_bytes=100)


def test_the_envelope_weighs_little() -> None:
    assert len(_seal(bytes(45_000))) - 45_000 <= 240


def _parts() -> list[cbor.Value]:
    value = cbor.decode(_seal(), max_bytes=10_000)
    assert isinstance(value, cbor2.CBORTag)
    parts = value.value
    assert isinstance(parts, list)
    return parts


def _recipient(parts: list[cbor.Value]) -> list[cbor.Value]:
    recipients = parts[3]
    assert isinstance(recipients, list)
    first = recipients[0]
    assert isinstance(first, list)
    return first


def _open(parts: list[cbor.Value], tag: int = 96) -> bytes:
    return sealing.open_sealed(cbor.encode(cbor2.CBORTag(tag, parts)), KEYS)


def test_the_parts_put_together_again_open() -> None:
    assert _open(_parts()) == b"inner"


def test_an_envelope_has_just_our_parts() -> None:
    with refused(Code.NOT_COSE):
        _open(_parts(), tag=18)
    with refused(Code.NOT_COSE):
        sealing.open_sealed(cbor.encode(_parts()), KEYS)
    with refused(Code.NOT_COSE):
        _open([*_parts(), 0])
    twice = _parts()
    twice[3] = [_recipient(twice), _recipient(twice)]
    with refused(Code.NOT_COSE):
        _open(twice)
    unprotected = _parts()
    unprotected[1] = {5: bytes(12), 99: 0}
    with refused(Code.NOT_COSE):
        _open(unprotected)
    named = _parts()
    headers = _recipient(named)[1]
    assert isinstance(headers, dict)
    headers[99] = 0
    with refused(Code.NOT_COSE):
        _open(named)


@pytest.mark.parametrize(
    ("protected", "code"),
    [
        ({1: 3, 3: "application/hcvx.sealed+cbor"}, None),
        ({1: 1, 3: "application/hcvx.sealed+cbor"}, Code.ALGORITHM),
        ({1: 3, 3: "application/hcvx.batch+cbor"}, Code.CONTENT_TYPE),
        ({1: 3}, Code.NOT_COSE),
        ({1: 3, 3: "application/hcvx.sealed+cbor", 99: 0}, Code.NOT_COSE),
    ],
)
def test_the_protected_header_says_what_we_write(protected: dict[int, cbor.Value], code: Code | None) -> None:
    parts = _parts()
    parts[0] = cbor.encode(protected)
    if code is None:
        assert _open(parts) == b"inner"
    else:
        with refused(code):
            _open(parts)


@pytest.mark.parametrize("alg", [-29, -30, -32, -34, -25, 0, "x"])
def test_the_recipient_is_reached_by_one_algorithm(alg: cbor.Value) -> None:
    parts = _parts()
    _recipient(parts)[0] = cbor.encode({1: alg})
    with refused(Code.ALGORITHM):
        _open(parts)


@pytest.mark.parametrize("nonce", [b"", bytes(11), bytes(13), bytes(12)])
def test_a_nonce_of_another_length_or_value_is_refused(nonce: bytes) -> None:
    parts = _parts()
    parts[1] = {5: nonce}
    with refused(Code.ENVELOPE_UNREADABLE):
        _open(parts)


@pytest.mark.parametrize("wrapped", [b"", bytes(8), bytes(24), bytes(40), bytes(41)])
def test_a_content_key_that_was_not_wrapped_for_us_is_refused(wrapped: bytes) -> None:
    parts = _parts()
    _recipient(parts)[2] = wrapped
    with refused(Code.ENVELOPE_UNREADABLE):
        _open(parts)


def test_the_ephemeral_point_must_be_on_the_curve() -> None:
    good = key_wrap.cose_key(ec_key("ephemeral").public_key())
    changes: list[dict[int | str, cbor.Value]] = [
        {-2: bytes(32), -3: bytes(32)},
        {-1: 2},
        {1: 1},
        {-2: "x"},
        {-3: 5},
        {-3: bytes(31)},
        {-2: b"\xff" * 32, -3: True},
        {2: b"kid"},
    ]
    for change in changes:
        with refused(Code.KEY_INVALID):
            key_wrap.parse_cose_key({**good, **change})
    wrongs: list[cbor.Value] = [None, [], {}, 1]
    for wrong in wrongs:
        with refused(Code.KEY_INVALID):
            key_wrap.parse_cose_key(wrong)


def test_a_point_is_read_in_both_forms() -> None:
    public_key = ec_key("ephemeral").public_key()
    full = key_wrap.cose_key(public_key)
    assert key_wrap.parse_cose_key(full) == public_key
    y = full[-3]
    assert isinstance(y, bytes)
    assert key_wrap.parse_cose_key({**full, -3: bool(y[-1] & 1)}) == public_key


def test_envelopes_of_others_are_read_when_asked() -> None:
    parts = _parts()
    headers = _recipient(parts)[1]
    assert isinstance(headers, dict)
    # The same content with its map in another order: not deterministic, and not ours.
    _recipient(parts)[1] = dict(reversed(headers.items()))
    data = cbor2.dumps(cbor2.CBORTag(96, parts))
    with refused(Code.NOT_DETERMINISTIC):
        sealing.open_sealed(data, KEYS)
    opened = cose_encrypt.decrypt(
        data,
        key_for=KEYS.get,
        context=b"hcvx/v1/sealed",
        content_type="application/hcvx.sealed+cbor",
        max_bytes=10_000,
        strict=False,
    )
    assert opened == b"inner"


def test_keys_and_nonces_of_another_length_are_a_mistake_of_the_program() -> None:
    for content_key, nonce in ((bytes(16), bytes(12)), (bytes(32), bytes(16))):
        with pytest.raises(ValueError, match="32 bytes and a nonce of 12"):
            cose_encrypt.encrypt(
                b"",
                recipient=CENTRE.public_key(),
                kid=b"",
                content_type="",
                context=b"",
                ephemeral=CENTRE,
                content_key=content_key,
                nonce=nonce,
            )


class _EdgeEntropy:
    """Entropy of all zeros or all ones: the ends of the range of private keys."""

    def __init__(self, byte: int) -> None:
        self.byte = byte

    def token(self, size: int) -> bytes:
        return bytes([self.byte]) * size


@pytest.mark.parametrize("byte", [0, 255])
def test_a_fresh_key_is_always_one_of_the_curve(byte: int) -> None:
    key = sealing.fresh_private_key(_EdgeEntropy(byte))
    assert isinstance(key.curve, ec.SECP256R1)
