"""Certificates of organisations, followed to an anchor at an instant."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from sync_protocol import limits
from sync_protocol.certificate import Certificate, parse_certificate, verify_chain
from sync_protocol.errors import Code
from tests.builders import Authority, ec_key, issue_certificate, make_ca, rsa_key
from tests.protocol.refusals import refusal_of, refused

START = datetime(2022, 1, 1, tzinfo=UTC)
NOW = datetime(2022, 4, 8, 3, 0, tzinfo=UTC)
CA = make_ca("Root", START)
MIDDLE = make_ca("Middle", START, parent=CA)
KEY = ec_key("station")
LEAF = issue_certificate(CA, KEY, subject="Trạm y tế", at=START, serial=0x0A1B2C)
DEEP_LEAF = issue_certificate(MIDDLE, KEY, subject="Trạm y tế", at=START)


def _verify(
    certificate: Certificate,
    *,
    intermediates: list[Certificate] | None = None,
    anchors: list[Certificate] | None = None,
    at: datetime = NOW,
) -> None:
    verify_chain(
        certificate,
        intermediates=intermediates or [],
        anchors=[CA.certificate] if anchors is None else anchors,
        at=at,
    )


@pytest.mark.parametrize("key", [KEY, rsa_key()], ids=["ec", "rsa"])
@pytest.mark.parametrize("usage", ["sign", "none"])
def test_an_organisations_certificate_without_alternative_names_verifies(key, usage) -> None:  # type: ignore[no-untyped-def]
    certificate = issue_certificate(CA, key, subject="Trạm y tế", at=START, usage=usage)
    with pytest.raises(x509.ExtensionNotFound):
        certificate.x509.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    _verify(certificate)


def test_a_chain_over_an_intermediate_verifies_and_not_without_it() -> None:
    _verify(DEEP_LEAF, intermediates=[MIDDLE.certificate])
    _verify(DEEP_LEAF, anchors=[MIDDLE.certificate])
    with refused(Code.CERTIFICATE_UNTRUSTED):
        _verify(DEEP_LEAF)


def test_a_certificate_that_is_itself_an_anchor_verifies() -> None:
    _verify(LEAF, anchors=[LEAF])


def test_certificates_that_do_not_belong_are_no_harm() -> None:
    stranger = make_ca("Stranger", START)
    _verify(
        LEAF, intermediates=[stranger.certificate, MIDDLE.certificate], anchors=[stranger.certificate, CA.certificate]
    )


@pytest.mark.parametrize(
    ("at", "code"),
    [
        (START - timedelta(seconds=1), Code.CERTIFICATE_NOT_YET_VALID),
        (START - timedelta(microseconds=1), Code.CERTIFICATE_NOT_YET_VALID),
        (START, None),
        (START + timedelta(days=365), None),
        (START + timedelta(days=365, microseconds=999_999), None),
        (START + timedelta(days=365, seconds=1), Code.CERTIFICATE_EXPIRED),
        (
            datetime(2022, 1, 1, 6, 59, 59, tzinfo=None).replace(tzinfo=UTC) - timedelta(hours=7),
            Code.CERTIFICATE_NOT_YET_VALID,
        ),
    ],
)
def test_validity_has_its_first_and_its_last_second(at: datetime, code: Code | None) -> None:
    assert refusal_of(lambda: _verify(LEAF, at=at)) is code


def test_an_instant_without_a_zone_is_a_mistake_of_the_program() -> None:
    with pytest.raises(ValueError, match="aware"):
        _verify(LEAF, at=datetime(2022, 4, 8))


def test_a_certificate_of_a_stranger_is_untrusted_even_under_the_same_name() -> None:
    imposter = make_ca("Root", START + timedelta(days=1))
    forged = issue_certificate(Authority(imposter.certificate, ec_key("stranger")), KEY, subject="Trạm y tế", at=START)
    with refused(Code.CERTIFICATE_UNTRUSTED):
        _verify(forged)
    with refused(Code.CERTIFICATE_UNTRUSTED):
        _verify(LEAF, anchors=[])
    with refused(Code.CERTIFICATE_UNTRUSTED):
        _verify(LEAF, anchors=[make_ca("Other", START).certificate])


def test_an_authority_does_not_sign_messages_even_if_its_key_usage_would_let_it() -> None:
    with refused(Code.KEY_USAGE):
        _verify(_odd_authority(AUTHORITY, _usage(key_cert_sign=True)).certificate)


def test_a_signer_must_be_allowed_to_sign() -> None:
    with refused(Code.KEY_USAGE):
        _verify(issue_certificate(CA, KEY, subject="Trạm y tế", at=START, usage="encipher"))
    with refused(Code.KEY_USAGE):
        _verify(MIDDLE.certificate)
    with refused(Code.KEY_USAGE):
        _verify(CA.certificate)


def _odd_authority(*extensions: x509.ExtensionType, key: ec.EllipticCurvePrivateKey | None = None) -> Authority:
    """A certificate under the root with just these extensions, all critical."""
    holder = key or ec_key("odd")
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Odd")]))
        .issuer_name(CA.certificate.x509.subject)
        .public_key(holder.public_key())
        .serial_number(9)
        .not_valid_before(START)
        .not_valid_after(START + timedelta(days=900))
    )
    for extension in extensions:
        builder = builder.add_extension(extension, critical=True)
    signed = builder.sign(CA.private_key, hashes.SHA256(), ecdsa_deterministic=True)
    return Authority(parse_certificate(signed.public_bytes(serialization.Encoding.DER)), holder)


def _usage(*, key_cert_sign: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=key_cert_sign,
        crl_sign=False,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


AUTHORITY = x509.BasicConstraints(ca=True, path_length=None)
ORGANISATION = x509.BasicConstraints(ca=False, path_length=None)
UNKNOWN = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4.5"), b"\x05\x00")


@pytest.mark.parametrize(
    ("extensions", "code"),
    [
        ([AUTHORITY], None),
        ([AUTHORITY, _usage(key_cert_sign=True)], None),
        ([AUTHORITY, _usage(key_cert_sign=False)], Code.CERTIFICATE_UNTRUSTED),
        ([AUTHORITY, UNKNOWN], Code.CERTIFICATE_UNTRUSTED),
        ([ORGANISATION], Code.CERTIFICATE_UNTRUSTED),
        ([ORGANISATION, _usage(key_cert_sign=True)], Code.CERTIFICATE_UNTRUSTED),
        ([], Code.CERTIFICATE_UNTRUSTED),
        ([_usage(key_cert_sign=True)], Code.CERTIFICATE_UNTRUSTED),
    ],
)
def test_only_an_authority_that_may_issue_is_one(extensions: list[x509.ExtensionType], code: Code | None) -> None:
    # Otherwise every holder of an organisation certificate could make more of them.
    middleman = _odd_authority(*extensions)
    leaf = issue_certificate(middleman, KEY, subject="Trạm y tế", at=START)
    assert refusal_of(lambda: _verify(leaf, intermediates=[middleman.certificate])) is code


def test_a_critical_extension_that_is_unknown_refuses_a_signer() -> None:
    _verify(_odd_authority(key=KEY).certificate)
    with refused(Code.CERTIFICATE_UNTRUSTED):
        _verify(_odd_authority(UNKNOWN, key=KEY).certificate)


@pytest.mark.parametrize(("path_length", "code"), [(None, None), (0, Code.CERTIFICATE_UNTRUSTED), (1, None)])
def test_an_authoritys_path_length_is_kept(path_length: int | None, code: Code | None) -> None:
    root_key = ec_key("narrow")
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Narrow")])
    root = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(root_key.public_key())
        .serial_number(7)
        .not_valid_before(START)
        .not_valid_after(START + timedelta(days=3650))
        .add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
        .sign(root_key, hashes.SHA256())
    )
    narrow = Authority(parse_certificate(root.public_bytes(serialization.Encoding.DER)), root_key)
    middle = make_ca("Below", START, parent=narrow)
    leaf = issue_certificate(middle, KEY, subject="Trạm y tế", at=START)
    assert refusal_of(lambda: _verify(leaf, intermediates=[middle.certificate], anchors=[narrow.certificate])) is code


def test_an_expired_intermediate_breaks_the_chain() -> None:
    short = make_ca("Short", START, days=10, parent=CA)
    leaf = issue_certificate(short, KEY, subject="Trạm y tế", at=START)
    _verify(leaf, intermediates=[short.certificate], at=START + timedelta(days=5))
    with refused(Code.CERTIFICATE_UNTRUSTED):
        _verify(leaf, intermediates=[short.certificate])


def test_too_many_certificates_are_refused_unread() -> None:
    with refused(Code.CERTIFICATE_INVALID):
        _verify(LEAF, intermediates=[MIDDLE.certificate] * (limits.CERTIFICATE_CHAIN + 1))


def test_the_longest_allowed_chain_verifies() -> None:
    authorities = [CA]
    for depth in range(limits.CERTIFICATE_CHAIN):
        authorities.append(make_ca(f"Level {depth}", START, parent=authorities[-1]))
    leaf = issue_certificate(authorities[-1], KEY, subject="Trạm y tế", at=START)
    _verify(leaf, intermediates=[authority.certificate for authority in authorities[1:]])


@settings(max_examples=300)
@given(st.data())
def test_a_flipped_bit_in_a_certificate_is_refused(data: st.DataObject) -> None:
    der = bytearray(LEAF.der)
    position = data.draw(st.integers(0, len(der) * 8 - 1))
    der[position // 8] ^= 1 << position % 8
    with refused():
        _verify(parse_certificate(bytes(der)))
