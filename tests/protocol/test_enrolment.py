"""Enrolment: the file, the request, the answer, and everybody who is not meant."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_protocol import cbor, contexts, cose, keys, sealing
from sync_protocol.enrolment import (
    EnrolmentAnswer,
    EnrolmentRequest,
    VerifiedRequest,
    request_digest,
    sign_enrolment_answer,
    sign_enrolment_request,
    verify_enrolment_answer,
    verify_enrolment_request,
)
from sync_protocol.enrolment_file import (
    ENROLMENT_FILE_BYTES,
    EnrolmentFile,
    fingerprint,
    parse_enrolment_file,
    sign_enrolment_file,
    verify_enrolment_file,
)
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.signers.key_signer import KeySigner
from tests.builders import SeededEntropy, ec_key, rsa_key

PUBLISHER = KeySigner(ec_key("publisher"))
STRANGER = KeySigner(ec_key("stranger"))
NODE = KeySigner(ec_key("node"))
CENTRE_SEALING = ec_key("centre sealing")
NODE_SEALING = ec_key("node sealing")
CODE = bytes(range(16))
NOW = 1_650_000_000

FILE = EnrolmentFile(
    centre_url="http://127.0.0.1:8443",
    facility="19001",
    facility_name="Trạm Y tế xã Phú Xá",
    units=("05413", "05416"),
    node="19001A",
    one_time_code=CODE,
    publisher_key=PUBLISHER.public_key,
    sealing_key=CENTRE_SEALING.public_key(),
    ledger_key=ec_key("ledger").public_key(),
    catalogue=b"catalogue",
    trust_list=b"trust list",
    expires_at=NOW + 900,
)
REQUEST = EnrolmentRequest(
    node="19001A",
    one_time_code=CODE,
    node_key=ec_key("node").public_key(),
    node_sealing_key=NODE_SEALING.public_key(),
)
INNER = sign_enrolment_request(REQUEST, NODE)
OWN = verify_enrolment_request(INNER)
ANSWER = EnrolmentAnswer(node="19001A", epoch=1, node_key=REQUEST.node_key, digest=OWN.digest, at=NOW)


def flipped_bits(data: bytes) -> list[bytes]:
    number = int.from_bytes(data)
    return [(number ^ 1 << place).to_bytes(len(data)) for place in range(len(data) * 8)]


# --- the file ---------------------------------------------------------------------------------------------------------


def test_a_file_whose_fingerprint_was_read_aloud_is_taken() -> None:
    unverified = parse_enrolment_file(sign_enrolment_file(FILE, PUBLISHER))
    assert verify_enrolment_file(unverified, spoken=fingerprint(PUBLISHER.public_key), at=NOW) == FILE


def test_a_publisher_with_an_rsa_key_works_too() -> None:
    publisher = KeySigner(rsa_key())
    content = replace(FILE, publisher_key=publisher.public_key)
    unverified = parse_enrolment_file(sign_enrolment_file(content, publisher))
    assert verify_enrolment_file(unverified, spoken=fingerprint(publisher.public_key), at=NOW).node == "19001A"


def test_a_fingerprint_is_eight_groups_of_four_digits() -> None:
    spoken = fingerprint(PUBLISHER.public_key)
    assert re.fullmatch(r"[0-9]{4}( [0-9]{4}){7}", spoken)
    assert spoken != fingerprint(STRANGER.public_key)


@pytest.mark.parametrize("written", ["{}", "  {} ", "{}\n"])
def test_spaces_and_hyphens_in_a_fingerprint_do_not_matter(written: str) -> None:
    unverified = parse_enrolment_file(sign_enrolment_file(FILE, PUBLISHER))
    spoken = fingerprint(PUBLISHER.public_key)
    for text in (written.format(spoken), spoken.replace(" ", ""), spoken.replace(" ", "-")):
        assert verify_enrolment_file(unverified, spoken=text, at=NOW) == FILE


def test_a_file_of_somebody_elses_key_is_refused() -> None:
    forged = sign_enrolment_file(replace(FILE, publisher_key=STRANGER.public_key), STRANGER)
    unverified = parse_enrolment_file(forged)
    assert unverified.fingerprint == fingerprint(STRANGER.public_key)
    for spoken in (fingerprint(PUBLISHER.public_key), "", fingerprint(STRANGER.public_key)[:-1]):
        with pytest.raises(ProtocolError, match=Code.ENROLMENT_INVALID):
            verify_enrolment_file(unverified, spoken=spoken, at=NOW)


def test_a_file_past_its_end_is_refused() -> None:
    unverified = parse_enrolment_file(sign_enrolment_file(FILE, PUBLISHER))
    with pytest.raises(ProtocolError, match=Code.ENROLMENT_INVALID):
        verify_enrolment_file(unverified, spoken=fingerprint(PUBLISHER.public_key), at=FILE.expires_at)


def test_any_flipped_bit_in_a_file_is_refused() -> None:
    spoken = fingerprint(PUBLISHER.public_key)
    for flipped in flipped_bits(sign_enrolment_file(FILE, PUBLISHER)):
        with pytest.raises(ProtocolError):
            verify_enrolment_file(parse_enrolment_file(flipped), spoken=spoken, at=NOW)


@pytest.mark.parametrize(
    "change",
    [
        {"centre_url": "ftp://centre.example"},
        {"centre_url": "https://centre.example/"},
        {"facility": "x"},
        {"node": "19001a"},
        {"one_time_code": bytes(15)},
        {"facility_name": ""},
        {"units": ("05413",) * 101},
        {"units": ("",)},
    ],
)
def test_a_file_that_breaks_a_rule_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ProtocolError, match=Code.FIELD_INVALID):
        parse_enrolment_file(sign_enrolment_file(replace(FILE, **change), PUBLISHER))  # type: ignore[arg-type]


def test_one_byte_too_many_is_refused_unparsed() -> None:
    with pytest.raises(ProtocolError, match=Code.TOO_LARGE):
        parse_enrolment_file(bytes(ENROLMENT_FILE_BYTES + 1))


def test_the_code_is_in_no_representation() -> None:
    for shown in (repr(FILE), repr(REQUEST), repr(OWN)):
        assert repr(CODE) not in shown
        assert CODE.hex() not in shown
    assert repr(CODE) not in repr(parse_enrolment_file(sign_enrolment_file(FILE, PUBLISHER)))


# --- the request ------------------------------------------------------------------------------------------------------


def test_a_request_proves_that_its_sender_holds_the_node_key() -> None:
    assert VerifiedRequest(REQUEST, digest=request_digest(INNER)) == OWN


def test_a_request_travels_sealed_to_the_centre() -> None:
    sealed = sealing.seal(INNER, recipient=CENTRE_SEALING.public_key(), entropy=SeededEntropy(2))
    assert CODE not in sealed
    opened = sealing.open_sealed(sealed, {keys.key_id(CENTRE_SEALING.public_key()): CENTRE_SEALING})
    assert verify_enrolment_request(opened) == OWN


def test_a_request_with_somebody_elses_node_key_is_refused() -> None:
    payload = cose.parse_sign1(INNER, max_bytes=10_000).payload
    assert payload is not None
    context = contexts.ENROLMENT_REQUEST
    forged = cose.sign1(payload, signer=STRANGER, content_type=context.content_type, context=context.aad)
    with pytest.raises(ProtocolError, match=Code.SIGNATURE_INVALID):
        verify_enrolment_request(forged)


def test_any_flipped_bit_in_a_request_is_refused() -> None:
    for flipped in flipped_bits(INNER):
        with pytest.raises(ProtocolError):
            verify_enrolment_request(flipped)


@pytest.mark.parametrize(
    ("key", "value", "code"),
    [
        (1, "x", Code.FIELD_INVALID),
        (2, bytes(17), Code.FIELD_INVALID),
        (3, b"no key", Code.KEY_INVALID),
        (4, keys.encode_public_key(rsa_key().public_key()), Code.KEY_INVALID),
        (5, 1, Code.FIELD_UNKNOWN),
    ],
)
def test_a_request_that_breaks_a_rule_is_refused(key: int, value: object, code: Code) -> None:
    payload = cbor.decode(cose.parse_sign1(INNER, max_bytes=10_000).payload or b"", max_bytes=10_000)
    assert isinstance(payload, dict)
    context = contexts.ENROLMENT_REQUEST
    wrong = cose.sign1(
        cbor.encode({**payload, key: value}), signer=NODE, content_type=context.content_type, context=context.aad
    )
    with pytest.raises(ProtocolError, match=code):
        verify_enrolment_request(wrong)


# --- the answer -------------------------------------------------------------------------------------------------------


def test_an_answer_to_the_own_request_is_taken() -> None:
    signed = sign_enrolment_answer(ANSWER, PUBLISHER)
    assert verify_enrolment_answer(signed, PUBLISHER.public_key, request=OWN) == ANSWER


def test_a_strangers_answer_is_refused() -> None:
    with pytest.raises(ProtocolError, match=Code.SIGNATURE_INVALID):
        verify_enrolment_answer(sign_enrolment_answer(ANSWER, STRANGER), PUBLISHER.public_key, request=OWN)


@pytest.mark.parametrize(
    "change", [{"node": "19001B"}, {"node_key": ec_key("other node").public_key()}, {"digest": bytes(32)}]
)
def test_an_answer_to_another_request_is_refused(change: dict[str, object]) -> None:
    signed = sign_enrolment_answer(replace(ANSWER, **change), PUBLISHER)  # type: ignore[arg-type]
    with pytest.raises(ProtocolError, match=Code.ENROLMENT_INVALID):
        verify_enrolment_answer(signed, PUBLISHER.public_key, request=OWN)


@given(st.data())
def test_any_flipped_bit_in_an_answer_is_refused(data: st.DataObject) -> None:
    signed = bytearray(sign_enrolment_answer(ANSWER, PUBLISHER))
    place = data.draw(st.integers(0, len(signed) * 8 - 1))
    signed[place // 8] ^= 1 << place % 8
    with pytest.raises(ProtocolError):
        verify_enrolment_answer(bytes(signed), PUBLISHER.public_key, request=OWN)


def test_nobody_signs_with_a_key_that_is_not_the_one_stated() -> None:
    with pytest.raises(ValueError, match="carries the key"):
        sign_enrolment_file(FILE, STRANGER)
    with pytest.raises(ValueError, match="carries the key"):
        sign_enrolment_request(REQUEST, STRANGER)
