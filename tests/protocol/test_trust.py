"""Trust lists: our signed one, the gateway's, and what a trust set answers."""

from __future__ import annotations

import base64
import datetime as dt
import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_protocol import cbor, contexts, cose, keys
from sync_protocol.certificate import parse_certificate
from sync_protocol.document_signer import key_usages, parse_document_signer
from sync_protocol.errors import Code
from sync_protocol.gateway_list import TrustedSigner, encode_gateway_json, parse_gateway_json
from sync_protocol.health_content import EntryKind
from sync_protocol.signers.key_signer import KeySigner
from sync_protocol.trust import TrustOrigin, trust_from_file, trust_from_gateway, trust_from_list
from sync_protocol.trust_list import (
    NodeKey,
    Revocation,
    TrustList,
    publisher_key_of,
    sign_trust_list,
    verify_trust_list,
)
from tests.builders import ec_key, issue_certificate, make_ca, rsa_key
from tests.protocol.passports import AT, START, ec_signer, rsa_signer
from tests.protocol.refusals import refused
from tests.testdata import testdata_path

PUBLISHER = KeySigner(ec_key("publisher"))
ANCHOR = make_ca("Cơ quan chứng thực số Chính phủ", START).certificate
DSC = ec_signer().certificate
RSA_DSC = rsa_signer().certificate
assert DSC is not None
assert RSA_DSC is not None
ORGANISATION = issue_certificate(
    make_ca("Cơ quan chứng thực số Chính phủ", START), ec_key("station"), subject="Trạm Y tế", at=START
)
LIST = TrustList(
    version=3,
    issued_at=AT,
    expires_at=AT + 86_400,
    ledger_keys=(ec_key("ledger").public_key(), ec_key("ledger before").public_key()),
    sealing_keys=(ec_key("sealing").public_key(),),
    document_signers=(DSC, RSA_DSC),
    organisation_anchors=(ANCHOR,),
    node_keys=(
        NodeKey("19001A", 1, ec_key("node 1").public_key()),
        NodeKey("19001A", 3, ec_key("node 3").public_key()),
        NodeKey("19002B", 1, rsa_key().public_key()),
    ),
    revoked=(Revocation(RSA_DSC.thumbprint, AT),),
    organisation_certificates=(ORGANISATION,),
)
SIGNED = sign_trust_list(LIST, PUBLISHER)
ENTRY = TrustedSigner(kid=DSC.kid, country="VN", certificate=DSC, listed_at=AT, upload_signature=b"cms")


def entry(**changes: Any) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(encode_gateway_json([ENTRY]))[0]
    return made | changes


def test_a_signed_list_comes_back_as_it_went() -> None:
    assert verify_trust_list(SIGNED, PUBLISHER.public_key, at=AT) == LIST
    assert publisher_key_of(SIGNED) == PUBLISHER.public_key


@given(st.integers(0, 8 * len(SIGNED) - 1))
def test_any_flipped_bit_of_a_signed_list_is_refused(bit: int) -> None:
    data = bytearray(SIGNED)
    data[bit // 8] ^= 1 << bit % 8
    with refused():
        verify_trust_list(bytes(data), PUBLISHER.public_key, at=AT)


def test_old_ended_and_foreign_lists_are_refused() -> None:
    key = PUBLISHER.public_key
    assert verify_trust_list(SIGNED, key, at=AT, newer_than=2, at_least=3)
    with refused(Code.SET_OLDER):
        verify_trust_list(SIGNED, key, at=AT, newer_than=3)
    with refused(Code.SET_OLDER):
        verify_trust_list(SIGNED, key, at=AT, at_least=4)
    with refused(Code.SET_EXPIRED):
        verify_trust_list(SIGNED, key, at=AT + 86_400)
    assert verify_trust_list(SIGNED, key, at=None)
    with refused(Code.SIGNATURE_INVALID):
        verify_trust_list(SIGNED, ec_key("stranger").public_key(), at=AT)
    payload = cose.parse_sign1(SIGNED, max_bytes=100_000).payload
    assert payload is not None
    other = cose.sign1(
        payload, signer=PUBLISHER, content_type=contexts.CATALOGUE.content_type, context=contexts.CATALOGUE.aad
    )
    with refused(Code.CONTENT_TYPE):
        verify_trust_list(other, key, at=AT)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (1, 0),
        (3, AT),
        (4, b"key"),
        (5, [b"key"]),
        (5, ["key"]),
        (6, [keys.encode_public_key(rsa_key().public_key())]),
        (7, [b"certificate"]),
        (8, [7]),
        (9, [["19001A", True, keys.encode_public_key(ec_key("n").public_key())]]),
        (9, [["", 1, keys.encode_public_key(ec_key("n").public_key())]]),
        (9, [["19001A", 1]]),
        (10, [[b"short", 1]]),
        (10, [[bytes(32), -1]]),
        (12, 1),
    ],
)
def test_malformed_lists_are_refused(key: int, value: object) -> None:
    payload = cose.parse_sign1(SIGNED, max_bytes=100_000).payload
    assert payload is not None
    content: Any = cbor.decode(payload, max_bytes=100_000)
    broken = cbor.encode(content | {key: value})
    data = cose.sign1(
        broken, signer=PUBLISHER, content_type=contexts.TRUST_LIST.content_type, context=contexts.TRUST_LIST.aad
    )
    with refused():
        verify_trust_list(data, PUBLISHER.public_key, at=AT)


def test_a_trust_set_answers_from_a_signed_list() -> None:
    trust = trust_from_list(LIST, PUBLISHER.public_key)
    assert DSC is not None
    assert RSA_DSC is not None
    assert [item.certificate for item in trust.document_signers(DSC.kid)] == [DSC]
    assert trust.document_signers(RSA_DSC.kid)[0].revoked_at == AT
    assert trust.document_signers(b"unknown!") == ()
    assert trust.ledger_key(keys.key_id(LIST.ledger_keys[1])) == LIST.ledger_keys[1]
    assert trust.ledger_key(bytes(8)) is None
    assert trust.node_key("19001A", 1) == trust.node_key("19001A", 2) == LIST.node_keys[0].key
    assert trust.node_key("19001A", 7) == LIST.node_keys[1].key
    assert trust.node_key("19001A", 0) is None
    assert trust.node_key("unknown", 1) is None
    assert trust.is_revoked(RSA_DSC.thumbprint, at=AT)
    assert not trust.is_revoked(RSA_DSC.thumbprint, at=AT - 1)
    assert not trust.is_revoked(DSC.thumbprint, at=AT)
    assert trust.organisation_certificates == {ORGANISATION.thumbprint: ORGANISATION}


def test_a_gateway_list_goes_both_ways() -> None:
    text = encode_gateway_json([ENTRY, replace(ENTRY, country="DE", listed_at=0, upload_signature=b"")])
    assert set(json.loads(text)[0]) == {
        "kid", "timestamp", "country", "certificateType", "thumbprint", "signature", "rawData"
    }  # fmt: skip
    signers = parse_gateway_json(text)
    assert signers == [ENTRY, replace(ENTRY, country="DE", listed_at=0, upload_signature=b"")]
    trust = trust_from_gateway(signers)
    assert [item.country for item in trust.document_signers(ENTRY.kid)] == ["VN", "DE"]
    assert trust.issued_at == AT


def test_entries_that_sign_nothing_and_certificates_that_we_cannot_use_are_skipped() -> None:
    entries = [entry(certificateType="UPLOAD"), entry(rawData="AAAA", thumbprint=""), entry(), entry(future="member")]
    assert parse_gateway_json(json.dumps(entries)) == [ENTRY, ENTRY]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[1]",
        json.dumps([{}]),
        json.dumps([entry(kid="!")]),
        json.dumps([entry(kid="")]),
        json.dumps([entry(country="Vietnam")]),
        json.dumps([entry(thumbprint="00")]),
        json.dumps([entry(timestamp="yesterday")]),
        json.dumps([entry(rawData=None)]),
        b"[\xff]",
    ],
)
def test_what_is_no_gateway_list_is_refused(text: str | bytes) -> None:
    with refused(Code.FIELD_INVALID):
        parse_gateway_json(text)


def test_a_file_of_either_form_becomes_a_trust_set() -> None:
    signed = trust_from_file(SIGNED, at=AT)
    assert signed.origin is TrustOrigin.SIGNED_LIST
    assert signed.publisher_key == PUBLISHER.public_key
    assert (signed.version, signed.issued_at) == (3, AT)
    gateway = trust_from_file(b"\n " + encode_gateway_json([ENTRY]).encode(), at=AT)
    assert gateway.origin is TrustOrigin.GATEWAY_LIST
    with refused(Code.SET_EXPIRED):
        trust_from_file(SIGNED, at=AT + 86_400)
    for nonsense in (b"", b"hello", b"{}", b"\xd2"):
        with refused():
            trust_from_file(nonsense, at=AT)


def test_the_real_vietnamese_signer_is_read_and_not_confined() -> None:
    der = (testdata_path() / "trust" / "vn_dopm_dsc.der").read_bytes()
    certificate = parse_document_signer(der)
    assert isinstance(certificate.public_key.key_size, int)
    assert certificate.public_key.key_size == 2_048
    assert key_usages(certificate) == frozenset()
    listed = TrustedSigner(kid=certificate.kid, country="VN", certificate=certificate)
    assert parse_gateway_json(encode_gateway_json([listed])) == [listed]


def test_usages_bind_even_where_another_extension_is_malformed() -> None:
    signer = issue_certificate(
        make_ca("CSCA", START),
        ec_key("confined"),
        subject="DSC",
        at=START,
        extended_usages=("1.3.6.1.4.1.1847.2021.1.2", "1.3.6.1.4.1.0.1847.2021.1.3"),
    )
    expected = frozenset({EntryKind.VACCINATION, EntryKind.RECOVERY})
    assert key_usages(signer) == expected
    # The default FALSE of basic constraints, written out: what strict readers refuse.
    head = bytes.fromhex("0603551d13")
    place = signer.der.index(head) + len(head)
    assert signer.der[place : place + 7] == bytes.fromhex("0101ff04023000")
    broken = signer.der[:place] + bytes.fromhex("0101ff04023100") + signer.der[place + 7 :]
    with refused(Code.CERTIFICATE_INVALID):
        parse_certificate(broken)
    assert key_usages(parse_document_signer(broken)) == expected


def test_what_is_no_certificate_is_refused() -> None:
    for der in (b"", b"\x30\x00", bytes(100)):
        with refused(Code.CERTIFICATE_INVALID):
            parse_document_signer(der)
    assert base64.b64decode(entry()["rawData"]) == DSC.der if DSC else False


def test_times_of_a_list_are_in_utc() -> None:
    text = json.dumps([entry(timestamp="2022-04-15T10:30:00"), entry(timestamp="2022-04-15T17:30:00+07:00")])
    at = int(dt.datetime(2022, 4, 15, 10, 30, tzinfo=dt.UTC).timestamp())
    assert [item.listed_at for item in parse_gateway_json(text)] == [at, at]
