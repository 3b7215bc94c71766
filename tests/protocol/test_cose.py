"""Signed envelopes: what goes in comes out, under the right key, kind and context only."""

from __future__ import annotations

from collections.abc import Mapping

import cbor2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sync_protocol import cbor, contexts, cose
from sync_protocol.cose import Sign1
from sync_protocol.errors import Code
from sync_protocol.keys import Algorithm
from sync_protocol.signers.key_signer import KeySigner
from tests.builders import ec_key, rsa_key
from tests.protocol.refusals import refusal_of, refused

TYPE = "application/hcvx.test+cbor"
AAD = b"hcvx/v1/test"
SIGNER = KeySigner(ec_key("cose"))
SIGNERS = [SIGNER, KeySigner(rsa_key()), KeySigner(rsa_key(), algorithm=Algorithm.RS256)]


def _signed(
    payload: bytes = b"payload",
    signer: KeySigner = SIGNER,
    *,
    protected: Mapping[int | str, cbor.Value] | None = None,
    unprotected: Mapping[int | str, cbor.Value] | None = None,
) -> bytes:
    return cose.sign1(
        payload, signer=signer, content_type=TYPE, context=AAD, protected=protected, unprotected=unprotected
    )


def _verify(data: bytes, signer: KeySigner = SIGNER) -> bytes:
    message = cose.parse_sign1(data, max_bytes=10_000)
    return cose.verify_sign1(message, signer.public_key, context=AAD, content_type=TYPE)


def _with_headers(protected: Mapping[int | str, cbor.Value], unprotected: dict[int | str, cbor.Value]) -> bytes:
    """A message with exactly these headers, rightly signed."""
    encoded = cose.encode_protected(protected)
    signature = SIGNER.sign(cose.sig_structure(encoded, AAD, b"payload"))
    return cose.encode_sign1(Sign1(encoded, unprotected, b"payload", signature))


@pytest.mark.parametrize("signer", SIGNERS, ids=lambda signer: signer.algorithm.name)
@settings(max_examples=30)
@given(payload=st.binary(max_size=400))
def test_a_signed_payload_verifies_and_comes_back(signer: KeySigner, payload: bytes) -> None:
    assert _verify(_signed(payload, signer), signer) == payload


@pytest.mark.parametrize("signer", SIGNERS, ids=lambda signer: signer.algorithm.name)
def test_a_message_is_its_own_reencoding(signer: KeySigner) -> None:
    data = _signed(signer=signer, unprotected={cose.X5CHAIN: b"certificate"})
    assert cose.encode_sign1(cose.parse_sign1(data, max_bytes=10_000)) == data


@settings(max_examples=300)
@given(st.data())
def test_a_flipped_bit_anywhere_is_refused(data: st.DataObject) -> None:
    message = bytearray(_signed())
    position = data.draw(st.integers(0, len(message) * 8 - 1))
    message[position // 8] ^= 1 << position % 8
    with refused():
        _verify(bytes(message))


def test_a_message_cut_anywhere_is_refused() -> None:
    data = _signed()
    for end in range(len(data)):
        with refused(Code.NOT_CBOR):
            _verify(data[:end])


def test_a_signature_is_good_for_one_key_one_kind_and_one_context() -> None:
    message = cose.parse_sign1(_signed(), max_bytes=1000)
    key = SIGNER.public_key
    with refused(Code.CONTENT_TYPE):
        cose.verify_sign1(message, key, context=AAD, content_type="application/hcvx.other+cbor")
    with refused(Code.SIGNATURE_INVALID):
        cose.verify_sign1(message, key, context=b"hcvx/v1/other", content_type=TYPE)
    with refused(Code.SIGNATURE_INVALID):
        cose.verify_sign1(message, ec_key("another").public_key(), context=AAD, content_type=TYPE)
    with refused(Code.ALGORITHM):
        cose.verify_sign1(message, rsa_key().public_key(), context=AAD, content_type=TYPE)


def test_the_algorithm_of_our_messages_is_protected() -> None:
    with refused(Code.ALGORITHM):
        _verify(_with_headers({cose.CONTENT_TYPE: TYPE}, {cose.ALG: -7}))


def test_a_header_in_both_buckets_is_refused() -> None:
    data = _with_headers({cose.ALG: -7, cose.CONTENT_TYPE: TYPE}, {cose.ALG: -7})
    with refused(Code.NOT_COSE):
        cose.parse_sign1(data, max_bytes=1000)
    assert refusal_of(lambda: cose.parse_sign1(data, max_bytes=1000, strict=False)) is None


@pytest.mark.parametrize("critical", [[], [99], [4], 4, [-70_000], ["x"], [[1]], [cose.ALG, 99]], ids=str)
def test_a_critical_header_that_is_not_understood_is_refused(critical: cbor.Value) -> None:
    headers: dict[int | str, cbor.Value] = {cose.ALG: -7, cose.CRIT: critical, cose.CONTENT_TYPE: TYPE, 99: 0}
    with refused(Code.NOT_COSE):
        _verify(_with_headers(headers, {}))


def test_a_critical_header_that_is_understood_passes_if_it_is_protected() -> None:
    headers: dict[int | str, cbor.Value] = {cose.ALG: -7, cose.CRIT: [cose.CONTENT_TYPE], cose.CONTENT_TYPE: TYPE}
    assert _verify(_with_headers(headers, {})) == b"payload"
    with refused(Code.NOT_COSE):
        _verify(_with_headers({cose.ALG: -7, cose.CONTENT_TYPE: TYPE}, {cose.CRIT: [cose.CONTENT_TYPE]}))


def test_a_detached_payload_is_given_apart_and_only_then() -> None:
    data = cose.sign1(b"root", signer=SIGNER, content_type=TYPE, context=AAD, detached=True)
    message = cose.parse_sign1(data, max_bytes=1000)
    assert message.payload is None
    key = SIGNER.public_key
    assert cose.verify_sign1(message, key, context=AAD, content_type=TYPE, payload=b"root") == b"root"
    with refused(Code.SIGNATURE_INVALID):
        cose.verify_sign1(message, key, context=AAD, content_type=TYPE, payload=b"other")
    with refused(Code.NOT_COSE):
        cose.verify_sign1(message, key, context=AAD, content_type=TYPE)
    attached = cose.parse_sign1(_signed(), max_bytes=1000)
    with refused(Code.NOT_COSE):
        cose.verify_sign1(attached, key, context=AAD, content_type=TYPE, payload=b"payload")


def test_the_certificate_is_named_in_the_protected_header() -> None:
    message = cose.parse_sign1(_signed(protected={cose.X5T: cose.x5t(bytes(range(32)))}), max_bytes=1000)
    assert cose.signer_thumbprint(message) == bytes(range(32))
    assert message.header(cose.X5T) == [-16, bytes(range(32))]
    wrongs: list[cbor.Value] = [[-16, bytes(31)], [-15, bytes(32)], [-16], bytes(32), None, "x"]
    for wrong in wrongs:
        message = cose.parse_sign1(_signed(protected={cose.X5T: wrong}), max_bytes=1000)
        with refused(Code.NOT_COSE):
            cose.signer_thumbprint(message)


def test_the_chain_is_nothing_one_certificate_or_a_short_list() -> None:
    def chain(value: cbor.Value) -> list[bytes]:
        return cose.certificate_chain(cose.parse_sign1(_signed(unprotected={cose.X5CHAIN: value}), max_bytes=1000))

    assert cose.certificate_chain(cose.parse_sign1(_signed(), max_bytes=1000)) == []
    assert chain(b"a") == [b"a"]
    assert chain([b"a", b"b", b"c"]) == [b"a", b"b", b"c"]
    many: list[cbor.Value] = [b"a"] * 6
    wrongs: list[cbor.Value] = [[], [b"a"], [b"a", 1], [b"a", b"b", None], "a", 1, {}, many]
    for wrong in wrongs:
        with refused(Code.NOT_COSE):
            chain(wrong)


def _content() -> list[cbor.Value]:
    value = cbor2.loads(_signed())
    return [bytes(value.value[0]), {}, bytes(value.value[2]), bytes(value.value[3])]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (lambda c: c, "no tag"),
        (lambda c: cbor2.CBORTag(96, c), "another tag"),
        (lambda c: cbor2.CBORTag(18, c[:3]), "no signature"),
        (lambda c: cbor2.CBORTag(18, [*c, 0]), "one element too many"),
        (lambda c: cbor2.CBORTag(18, [c[0], [], c[2], c[3]]), "headers that are no map"),
        (lambda c: cbor2.CBORTag(18, [{1: -7}, {}, c[2], c[3]]), "protected headers that are not wrapped"),
        (lambda c: cbor2.CBORTag(18, [b"\x80", {}, c[2], c[3]]), "protected headers that are a list"),
        (lambda c: cbor2.CBORTag(18, [c[0], {}, "text", c[3]]), "a payload that is text"),
        (lambda c: cbor2.CBORTag(18, {}), "a map"),
        (lambda c: 18, "a number"),
    ],
)
def test_what_is_not_shaped_as_a_message_is_refused(change, why: str) -> None:  # type: ignore[no-untyped-def]
    with refused(Code.NOT_COSE):
        cose.parse_sign1(cbor.encode(change(_content())), max_bytes=1000)


@pytest.mark.parametrize(
    ("protected", "code"),
    [
        ("a2 0126 0126", Code.NOT_CBOR),
        ("a1 0126 00", Code.NOT_CBOR),
        ("a1 01 3806", Code.NOT_DETERMINISTIC),
        ("bf 0126 ff", Code.NOT_DETERMINISTIC),
        ("a0", Code.NOT_DETERMINISTIC),
        ("a2 0300 0126", Code.NOT_DETERMINISTIC),
    ],
)
def test_a_protected_header_is_as_strict_as_the_message(protected: str, code: Code) -> None:
    content = _content()
    content[0] = bytes.fromhex(protected)
    with refused(code):
        cose.parse_sign1(cbor.encode(cbor2.CBORTag(18, content)), max_bytes=1000)


def test_messages_of_others_may_be_untagged_or_inside_a_cwt_tag() -> None:
    data = _signed()
    for variant in (data, data[1:], b"\xd8\x3d" + data, b"\xd8\x3d" + data[1:]):
        message = cose.parse_sign1(variant, max_bytes=1000, strict=False)
        assert cose.verify_sign1(message, SIGNER.public_key, context=AAD, content_type=TYPE) == b"payload"
    for wrong in (b"\xd8\x60" + data[1:], b"\xd8\x3d\xd8\x3d" + data, b"\x01"):
        with refused(Code.NOT_COSE):
            cose.parse_sign1(wrong, max_bytes=1000, strict=False)


def test_the_signature_covers_the_bytes_that_came_and_not_a_reencoding() -> None:
    # The protected header has its keys out of order: a foreign message, signed as it stands.
    protected = bytes.fromhex("a2 0300 0126")
    signature = SIGNER.sign(cose.sig_structure(protected, b"", b"p"))
    data = cbor.encode([protected, {}, b"p", signature])
    message = cose.parse_sign1(data, max_bytes=1000, strict=False)
    assert cose.verify_sign1(message, SIGNER.public_key, context=b"", content_type=None) == b"p"


def test_the_signed_bytes_are_those_of_the_standard() -> None:
    # RFC 9052, 4.4: the array of context, protected header, external data, payload.
    for payload in (b"", b"x" * 23, b"x" * 24, b"x" * 300, b"x" * 70_000):
        assert cose.sig_structure(b"\xa1\x01\x26", AAD, payload) == cbor2.dumps(
            ["Signature1", b"\xa1\x01\x26", AAD, payload]
        )


def test_a_message_is_bounded() -> None:
    with refused(Code.TOO_LARGE):
        cose.parse_sign1(_signed(), max_bytes=50)


def test_no_two_kinds_of_message_share_a_type_or_a_context() -> None:
    every = [value for value in vars(contexts).values() if isinstance(value, contexts.Context)]
    assert len(every) >= 10
    assert len({context.content_type for context in every}) == len({context.aad for context in every}) == len(every)
    for context in every:
        kind = context.aad.removeprefix(b"hcvx/v1/").decode()
        assert context.content_type == f"application/hcvx.{kind}+cbor"


@pytest.mark.parametrize(
    "odd",
    [1.5, cbor2.CBORTag(1, 5), cbor2.undefined, {(1, 2): 3}, {True: 1}],
    ids=["float", "tag", "undefined", "list", "true"],
)
def test_a_header_of_ours_that_holds_what_we_never_write_is_refused_as_such(odd: object) -> None:
    # Headers are decoded with the patience that foreign certificates need, so this is where it must end.
    header = cbor2.dumps({1: -7, 99: odd})
    data = cbor2.dumps(cbor2.CBORTag(18, [header, {}, b"payload", bytes(64)]))
    with refused(Code.NOT_DETERMINISTIC):
        cose.parse_sign1(data, max_bytes=10_000)
