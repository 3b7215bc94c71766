"""Registration of certificates: serial numbers as people type them, requests, proofs, the answer's list."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_protocol import cbor, contexts, cose, limits
from sync_protocol.certificate import Certificate, serial_text
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.manifest import Checkpoint
from sync_protocol.registration import (
    Place,
    Possession,
    RegistrationRequest,
    check_officer,
    encode_registration,
    parse_registration,
    sign_possession,
    verify_possession,
)
from sync_protocol.registration_list import (
    RegisteredCertificate,
    Registrations,
    RegistrationState,
    encode_registrations,
    parse_registrations,
)
from sync_protocol.serial_number import parse_serial
from sync_protocol.signers.key_signer import KeySigner
from tests.builders import ec_key, issue_certificate, make_ca, rsa_key

AT = datetime.datetime(2022, 1, 1, tzinfo=datetime.UTC)
NOW = int(AT.timestamp()) + 100 * 86_400
CA = make_ca("Registration CA", AT)
OFFICER = "Trần Thị Ánh"
PLACE = Place("19001", "19001A", 1, bytes(range(32)))
POSSESSION = Possession(PLACE, Checkpoint(1, 5, bytes(32), NOW - 60), OFFICER, NOW)


def signer(seed: str = "officer") -> KeySigner:
    key = ec_key(seed)
    return KeySigner(key, certificate=issue_certificate(CA, key, subject="Trạm Y tế", at=AT))


def certificate_of(holder: KeySigner) -> Certificate:
    assert holder.certificate is not None
    return holder.certificate


def request(holder: KeySigner, possession: Possession = POSSESSION, **changes: object) -> RegistrationRequest:
    certificate = certificate_of(holder)
    asked = RegistrationRequest(
        serial_text(certificate.serial), OFFICER, (certificate, CA.certificate), sign_possession(possession, holder)
    )
    return replace(asked, **changes)  # type: ignore[arg-type]


def row(serial: str = "0A", **changes: object) -> RegisteredCertificate:
    return replace(
        RegisteredCertificate(serial, bytes(32), OFFICER, RegistrationState.REGISTERED, NOW),
        **changes,  # type: ignore[arg-type]
    )


@pytest.mark.parametrize(
    ("typed", "is_decimal", "serial"),
    [
        ("5403A1F0", False, "5403A1F0"),
        ("54:03:a1:f0", False, "5403A1F0"),
        (" 54 03\tA1 F0 ", False, "5403A1F0"),
        ("0x5403a1f0", False, "5403A1F0"),
        ("54-03-A1-F0", False, "5403A1F0"),
        ("0054", False, "54"),
        ("A", False, "0A"),
        ("5403", False, "5403"),
        ("5403", True, "151B"),
        ("1.409.524.208", True, "5403A1F0"),
        (str(2**160 - 1), False, "FF" * 20),
        ("F" * 40, False, "FF" * 20),
    ],
)
def test_a_serial_number_is_read_as_letters_print_it(typed: str, *, is_decimal: bool, serial: str) -> None:
    assert parse_serial(typed, is_decimal=is_decimal) == serial


@pytest.mark.parametrize(
    "typed", ["", "0", "00:00", "5403G1", "-", "0x", "٥٤", "5403A1F0" * 6, str(2**160), "9" * 200, "5_4", "1F\x00"]
)
def test_what_is_no_serial_number_is_refused(typed: str) -> None:
    with pytest.raises(ProtocolError, match=Code.FIELD_INVALID):
        parse_serial(typed)


def test_a_decimal_number_has_no_letters() -> None:
    with pytest.raises(ProtocolError, match=Code.FIELD_INVALID):
        parse_serial("5403A1F0", is_decimal=True)


@given(st.integers(1, 2**160 - 1))
def test_every_serial_number_survives_both_ways_of_writing(number: int) -> None:
    assert parse_serial(serial_text(number)) == parse_serial(str(number), is_decimal=True) == serial_text(number)


@pytest.mark.parametrize("name", ["Trần Thị Ánh", "H'Hen Niê", "A"])
def test_a_name_is_an_officer(name: str) -> None:
    check_officer(name)


@pytest.mark.parametrize("name", ["", " ", "Trần  Ánh", " Ánh", "Ánh ", "12345", "A\u202eB", "A\nB", "a" * 101])
def test_what_is_no_name_is_no_officer(name: str) -> None:
    with pytest.raises(ProtocolError, match=Code.FIELD_INVALID):
        check_officer(name)


def test_a_request_with_proof_comes_back_and_verifies() -> None:
    asked = request(signer())
    read = parse_registration(encode_registration(asked))
    assert read == asked
    assert verify_possession(read, PLACE) == POSSESSION


def test_the_proof_may_be_of_an_rsa_key_and_of_a_node_that_knows_no_head() -> None:
    key = rsa_key()
    holder = KeySigner(key, certificate=issue_certificate(CA, key, subject="Trạm", at=AT))
    possession = replace(POSSESSION, checkpoint=None)
    read = parse_registration(encode_registration(request(holder, possession)))
    assert verify_possession(read, PLACE) == possession


def test_a_number_alone_comes_back() -> None:
    asked = RegistrationRequest("5403A1F0", OFFICER)
    assert parse_registration(encode_registration(asked)) == asked


@pytest.mark.parametrize(
    "place",
    [
        replace(PLACE, node="19001B"),
        replace(PLACE, facility="79001"),
        replace(PLACE, epoch=2),
        replace(PLACE, link=bytes(32)),
    ],
)
def test_a_proof_for_another_place_is_refused(place: Place) -> None:
    with pytest.raises(ProtocolError, match=Code.REGISTRATION_PROOF):
        verify_possession(request(signer()), place)


def test_a_proof_for_another_officer_is_refused() -> None:
    with pytest.raises(ProtocolError, match=Code.REGISTRATION_PROOF):
        verify_possession(request(signer(), officer="Lê Văn Kim"), PLACE)


def test_a_proof_by_another_key_is_refused() -> None:
    mine, theirs = signer(), signer("thief")
    message = cose.parse_sign1(request(mine).proof, max_bytes=10_000)
    assert message.payload is not None
    forged = cose.sign1(
        message.payload,
        signer=theirs,
        content_type=contexts.REGISTRATION.content_type,
        context=contexts.REGISTRATION.aad,
        protected={cose.X5T: cose.x5t(certificate_of(mine).thumbprint)},
    )
    with pytest.raises(ProtocolError, match=Code.SIGNATURE_INVALID):
        verify_possession(request(mine, proof=forged), PLACE)
    with pytest.raises(ProtocolError, match=Code.SIGNER_UNKNOWN):
        verify_possession(request(mine, proof=sign_possession(POSSESSION, theirs)), PLACE)


def test_a_proof_is_no_other_message_and_no_other_message_is_a_proof() -> None:
    mine = signer()
    for context in (contexts.BATCH, contexts.TOKEN_TEST):
        message = cose.sign1(
            cbor.encode({1: "19001"}),
            signer=mine,
            content_type=context.content_type,
            context=context.aad,
            protected={cose.X5T: cose.x5t(certificate_of(mine).thumbprint)},
        )
        with pytest.raises(ProtocolError, match=Code.CONTENT_TYPE):
            verify_possession(request(mine, proof=message), PLACE)
    message = cose.sign1(
        cbor.encode({1: "19001"}),
        signer=mine,
        content_type=contexts.REGISTRATION.content_type,
        context=contexts.BATCH.aad,
        protected={cose.X5T: cose.x5t(certificate_of(mine).thumbprint)},
    )
    with pytest.raises(ProtocolError, match=Code.SIGNATURE_INVALID):
        verify_possession(request(mine, proof=message), PLACE)


def test_every_flipped_byte_of_a_proof_is_noticed() -> None:
    asked = request(signer())
    for place in range(len(asked.proof)):
        changed = asked.proof[:place] + bytes([asked.proof[place] ^ 1]) + asked.proof[place + 1 :]
        with pytest.raises(ProtocolError):
            verify_possession(replace(asked, proof=changed), PLACE)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda fields: fields.pop(4), Code.FIELD_MISSING),
        (lambda fields: fields.pop(3), Code.FIELD_MISSING),
        (lambda fields: fields.update({1: "0B"}), Code.FIELD_INVALID),
        (lambda fields: fields.update({1: "b"}), Code.FIELD_INVALID),
        (lambda fields: fields.update({1: "00"}), Code.FIELD_INVALID),
        (lambda fields: fields.update({2: " Ánh"}), Code.FIELD_INVALID),
        (lambda fields: fields.update({3: [b"no certificate"]}), Code.CERTIFICATE_INVALID),
        (lambda fields: fields.update({3: ["text"]}), Code.FIELD_INVALID),
        (lambda fields: fields.update({3: fields[3][:1] * (limits.CERTIFICATE_CHAIN + 2)}), Code.FIELD_INVALID),
        (lambda fields: fields.update({4: bytes(3_000)}), Code.FIELD_INVALID),
        (lambda fields: fields.update({5: 1}), Code.FIELD_UNKNOWN),
    ],
)
def test_a_request_is_read_strictly(change: Callable[[dict[int, object]], object], code: Code) -> None:
    fields = cbor.decode(encode_registration(request(signer())), max_bytes=100_000)
    assert isinstance(fields, dict)
    change(fields)  # type: ignore[arg-type]
    with pytest.raises(ProtocolError) as caught:
        parse_registration(cbor.encode(fields))
    assert caught.value.code is code


def test_a_request_that_is_too_large_is_not_read() -> None:
    with pytest.raises(ProtocolError, match=Code.TOO_LARGE):
        parse_registration(bytes(60_000))


def test_a_proof_needs_a_certificate() -> None:
    with pytest.raises(ValueError, match="certificate"):
        sign_possession(POSSESSION, KeySigner(ec_key("node")))


def test_a_list_with_everything_and_one_with_nothing_come_back() -> None:
    full = row(
        valid_until=NOW + 5, revoked_at=NOW + 1, crl_at=NOW, crl_until=NOW + 9, organisation="Trạm Y tế xã Hòa Hiệp",
        not_after=NOW + 7, remark="registration-conflict",
    )  # fmt: skip
    bare = row("0B", thumbprint=None, officer="", state=RegistrationState.ASKED, valid_from=0)
    states = [row(f"1{place}", state=state) for place, state in enumerate(RegistrationState)]
    for listed in (Registrations("19001", (full, bare, *states)), Registrations("19001", ())):
        assert parse_registrations(encode_registrations(listed)) == listed


@pytest.mark.parametrize(
    "certificates",
    [
        (row("0B"), row("0A")),
        (row(), row()),
        (row(remark="Not a code"),),
        (row(serial="a"),),
        (row(officer="x" * 101),),
    ],
)
def test_a_list_that_no_node_would_take_is_not_written(certificates: tuple[RegisteredCertificate, ...]) -> None:
    with pytest.raises(ProtocolError, match=Code.FIELD_INVALID):
        encode_registrations(Registrations("19001", certificates))


def test_a_list_has_at_most_so_many_certificates() -> None:
    rows = tuple(row(f"{number:04X}") for number in range(0x1000, 0x1000 + limits.REGISTRATIONS + 1))
    encode_registrations(Registrations("19001", rows[1:]))
    with pytest.raises(ProtocolError, match=Code.FIELD_INVALID):
        encode_registrations(Registrations("19001", rows))


def test_a_list_with_an_unknown_state_or_field_is_refused() -> None:
    body = cbor.decode(encode_registrations(Registrations("19001", (row(),))), max_bytes=1_000)
    assert isinstance(body, dict)
    items = body[2]
    assert isinstance(items, list)
    item = items[0]
    assert isinstance(item, dict)
    for key, value, code in (
        (4, 4, Code.FIELD_INVALID),
        (13, 1, Code.FIELD_UNKNOWN),
        (2, b"short", Code.FIELD_INVALID),
    ):
        with pytest.raises(ProtocolError, match=code):
            parse_registrations(cbor.encode({**body, 2: [{**item, key: value}]}))
