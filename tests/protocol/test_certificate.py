"""Certificates as they come: read, named, or refused."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from sync_protocol import limits
from sync_protocol.certificate import parse_certificate, serial_text, verify_chain
from sync_protocol.errors import Code
from sync_protocol.signers.key_signer import KeySigner
from tests.builders import ec_key, issue_certificate, make_ca
from tests.protocol.refusals import refused
from tests.testdata import testdata_path

START = datetime(2022, 1, 1, tzinfo=UTC)
CA = make_ca("Root", START)
MIDDLE = make_ca("Middle", START, parent=CA)
KEY = ec_key("station")
LEAF = issue_certificate(CA, KEY, subject="Trạm y tế", at=START, serial=0x0A1B2C)
DEEP_LEAF = issue_certificate(MIDDLE, KEY, subject="Trạm y tế", at=START)


def test_a_certificate_is_read_and_named() -> None:
    assert LEAF.serial == 0x0A1B2C
    assert serial_text(LEAF.serial) == "0A1B2C"
    assert LEAF.thumbprint == hashlib.sha256(LEAF.der).digest()
    assert LEAF.kid == LEAF.thumbprint[:8]
    assert "Trạm y tế" in LEAF.subject
    assert "Root" in LEAF.issuer
    assert LEAF.not_before == START
    assert LEAF.not_after == START + timedelta(days=365)
    assert LEAF.public_key == KEY.public_key()
    assert parse_certificate(LEAF.der) == LEAF
    assert len({LEAF, parse_certificate(LEAF.der), DEEP_LEAF}) == 2


@pytest.mark.parametrize("data", [b"", b"\x30\x00", b"x" * 100, LEAF.der[:-1], LEAF.der + b"\x00"])
def test_what_is_no_certificate_is_refused(data: bytes) -> None:
    with refused(Code.CERTIFICATE_INVALID):
        parse_certificate(data)


def test_a_certificate_is_bounded() -> None:
    with refused(Code.TOO_LARGE):
        parse_certificate(LEAF.der + bytes(limits.CERTIFICATE_BYTES))


def test_a_certificate_over_a_key_of_another_kind_is_refused() -> None:
    key = ec.generate_private_key(ec.SECP384R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "P-384")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(START)
        .not_valid_after(START + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    with refused(Code.KEY_INVALID):
        parse_certificate(certificate.public_bytes(serialization.Encoding.DER))


def test_a_certificate_has_one_form() -> None:
    # A signature whose last bit is 0 could claim that this bit is unused, and verify all the same.
    even = 0
    for serial in range(1, 20):
        certificate = issue_certificate(CA, KEY, subject="Trạm y tế", at=START, serial=serial)
        signature = certificate.x509.signature
        if signature[-1] % 2 == 0:
            even += 1
            der = bytearray(certificate.der)
            der[-len(signature) - 1] = 1
            with refused(Code.CERTIFICATE_INVALID):
                parse_certificate(bytes(der))
    assert even


@pytest.mark.filterwarnings("ignore::cryptography.utils.CryptographyDeprecationWarning")
def test_a_serial_number_is_positive() -> None:
    der = bytearray(LEAF.der)
    der[der.index(b"\x02\x03\x0a\x1b\x2c") + 2] = 0x80
    with refused(Code.CERTIFICATE_INVALID):
        parse_certificate(bytes(der))


def test_a_signer_takes_only_the_certificate_over_its_key() -> None:
    assert KeySigner(KEY, certificate=LEAF).certificate == LEAF
    with refused(Code.KEY_INVALID):
        KeySigner(ec_key("another"), certificate=LEAF)


def test_the_real_document_signer_of_vietnam_is_read() -> None:
    certificate = parse_certificate(testdata_path().joinpath("trust", "vn_dopm_dsc.der").read_bytes())
    assert "C=VN" in certificate.subject
    middle = certificate.not_before + (certificate.not_after - certificate.not_before) / 2
    verify_chain(certificate, intermediates=[], anchors=[certificate], at=middle)


@pytest.mark.parametrize(("serial", "text"), [(1, "01"), (0xF, "0F"), (0x10, "10"), (0xABC, "0ABC")])
def test_a_serial_number_is_shown_in_whole_bytes(serial: int, text: str) -> None:
    assert serial_text(serial) == text
