"""Revocation lists: what they say is read exactly, who signed them is checked, odd ones are refused with a code."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st

from sync_protocol import limits
from sync_protocol.certificate import Certificate
from sync_protocol.crl import Crl, Listed, check_newer, distribution_points, line_of, listed_by, parse_crl, verify_crl
from sync_protocol.errors import Code
from tests.builders import Authority, ec_key, issue_certificate, make_ca
from tests.protocol.refusals import refusal_of, refused
from tests.revocation_lists import WEEK, Entry, Hash, make_crl

START = datetime(2022, 1, 1, tzinfo=UTC)
CA = make_ca("Root", START)
NOW = int(datetime(2022, 4, 8, 3, 0, tzinfo=UTC).timestamp())
REVOKED = NOW - 30 * 86_400
Reason = x509.ReasonFlags


def listed(*entries: Entry) -> list[Listed | None]:
    crl = parse_crl(make_crl(CA.certificate, CA.private_key, dict(enumerate(entries, start=1)), at=NOW))
    found = listed_by(crl)
    return [found.get(serial) for serial in range(1, len(entries) + 1)]


def own(**changes: object) -> bytes:
    return make_crl(CA.certificate, CA.private_key, {7: REVOKED}, at=NOW, **changes)  # type: ignore[arg-type]


def test_a_list_says_what_its_authority_wrote() -> None:
    data = own(number=2**64)
    crl = parse_crl(data)
    assert (crl.issuer, crl.number, crl.this_update) == (CA.certificate.subject, 2**64, NOW)
    assert (crl.next_update, crl.part, crl.der) == (NOW + WEEK, b"", data)
    assert listed_by(crl) == {7: Listed(REVOKED, "")}
    assert verify_crl(crl, [CA.certificate], at=NOW) == CA.certificate


def test_pem_and_der_are_the_same_list() -> None:
    der = own()
    pem = x509.load_der_x509_crl(der).public_bytes(Encoding.PEM)
    assert parse_crl(pem) == parse_crl(der)
    assert parse_crl(b"\n" + pem).digest == parse_crl(der).digest


@pytest.mark.parametrize(
    ("entry", "at"),
    [
        (Entry(REVOKED), REVOKED),
        (Entry(REVOKED, Reason.key_compromise), REVOKED),
        (Entry(REVOKED, Reason.key_compromise, REVOKED - 99), REVOKED - 99),
        (Entry(REVOKED, Reason.ca_compromise, REVOKED - 99), REVOKED - 99),
        # An invalidity date after the revocation does not make the certificate good in between.
        (Entry(REVOKED, Reason.key_compromise, REVOKED + 99), REVOKED),
        # Whoever left the organisation had the key in hand until then.
        (Entry(REVOKED, Reason.affiliation_changed, REVOKED - 99), REVOKED),
        (Entry(REVOKED, None, REVOKED - 99), REVOKED),
    ],
)
def test_the_invalidity_date_counts_where_the_key_was_compromised(entry: Entry, at: int) -> None:
    (found,) = listed(entry)
    assert found is not None
    assert found.revoked_at == at


def test_a_hold_is_told_from_a_revocation_and_a_lifted_one_is_no_entry() -> None:
    hold, lifted, gone = listed(
        Entry(REVOKED, Reason.certificate_hold),
        Entry(REVOKED, Reason.remove_from_crl),
        Entry(REVOKED, Reason.superseded),
    )
    assert hold is not None
    assert hold.is_hold
    assert lifted is None
    assert gone is not None
    assert not gone.is_hold


def _part(**changes: object) -> x509.IssuingDistributionPoint:
    fields: dict[str, object] = {
        "full_name": [x509.UniformResourceIdentifier("http://crl.example/1.crl")],
        "relative_name": None,
        "only_contains_user_certs": False,
        "only_contains_ca_certs": False,
        "only_some_reasons": None,
        "indirect_crl": False,
        "only_contains_attribute_certs": False,
    }
    return x509.IssuingDistributionPoint(**(fields | changes))  # type: ignore[arg-type]


UNKNOWN = x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4.5"), b"\x05\x00")


@pytest.mark.parametrize(
    ("extension", "critical", "code"),
    [
        (x509.DeltaCRLIndicator(1), True, Code.CRL_UNSUPPORTED),
        (x509.DeltaCRLIndicator(1), False, Code.CRL_UNSUPPORTED),
        (_part(indirect_crl=True), True, Code.CRL_UNSUPPORTED),
        (_part(only_some_reasons=frozenset([Reason.key_compromise])), True, Code.CRL_UNSUPPORTED),
        (_part(only_contains_attribute_certs=True), True, Code.CRL_UNSUPPORTED),
        (_part(), True, None),
        (_part(only_contains_user_certs=True), True, None),
        (UNKNOWN, True, Code.CRL_UNSUPPORTED),
        (UNKNOWN, False, None),
    ],
)
def test_a_list_that_is_not_complete_or_not_understood_is_refused(
    extension: x509.ExtensionType, critical: bool, code: Code | None
) -> None:
    assert refusal_of(lambda: parse_crl(own(extensions=[(extension, critical)]))) is code


@pytest.mark.parametrize(
    ("extension", "critical", "code"),
    [
        (x509.CertificateIssuer([x509.DirectoryName(CA.certificate.x509.subject)]), True, Code.CRL_UNSUPPORTED),
        (UNKNOWN, True, Code.CRL_UNSUPPORTED),
        (UNKNOWN, False, None),
    ],
)
def test_an_entry_that_is_not_understood_refuses_the_list(
    extension: x509.ExtensionType, critical: bool, code: Code | None
) -> None:
    assert refusal_of(lambda: listed(Entry(REVOKED, extensions=[(extension, critical)]))) is code


@pytest.mark.parametrize(
    "data", [b"", b"\x30\x00", b"-----BEGIN X509 CRL-----\nAAAA\n", CA.certificate.der, own() + b"\0"]
)
def test_what_is_no_list_is_refused(data: bytes) -> None:
    with refused(Code.CRL_INVALID):
        parse_crl(data)


def test_a_list_over_its_size_is_refused_unread() -> None:
    with refused(Code.TOO_LARGE):
        parse_crl(bytes(limits.CRL_BYTES + 1))


def _verify(data: bytes, *authorities: Certificate, at: int = NOW) -> Certificate:
    return verify_crl(parse_crl(data), authorities, at=at)


def test_a_list_counts_only_under_its_authoritys_name_and_key() -> None:
    stranger = make_ca("Stranger", START)
    imposter = Authority(make_ca("Root", START, days=9).certificate, ec_key("imposter"))
    for data, authorities in (
        (own(), [stranger.certificate]),
        (own(), []),
        (make_crl(CA.certificate, imposter.private_key, {7: REVOKED}, at=NOW), [CA.certificate]),
        (make_crl(stranger.certificate, CA.private_key, {7: REVOKED}, at=NOW), [CA.certificate, stranger.certificate]),
    ):
        with refused(Code.CRL_UNTRUSTED):
            _verify(data, *authorities)


def test_an_organisation_does_not_sign_lists_though_its_issuer_is_trusted() -> None:
    key = ec_key("organisation")
    organisation = issue_certificate(CA, key, subject="Trạm y tế", at=START)
    with refused(Code.CRL_UNTRUSTED):
        _verify(make_crl(organisation, key, {7: REVOKED}, at=NOW), organisation, CA.certificate)


@pytest.mark.parametrize(
    ("algorithm", "code"),
    [(hashes.SHA256(), None), (hashes.SHA384(), None), (hashes.SHA512(), None), (hashes.SHA224(), Code.CRL_UNTRUSTED)],
)
def test_only_hashes_of_full_strength_prove_anything(algorithm: Hash, code: Code | None) -> None:
    # SHA-1 is refused the same way; the library makes no such list any more.
    assert refusal_of(lambda: _verify(own(algorithm=algorithm), CA.certificate)) is code


def test_a_list_of_the_future_is_refused() -> None:
    assert _verify(own(), CA.certificate, at=NOW - limits.CLOCK_AHEAD_SECONDS) == CA.certificate
    with refused(Code.CRL_INVALID):
        _verify(own(), CA.certificate, at=NOW - limits.CLOCK_AHEAD_SECONDS - 1)


@pytest.mark.parametrize(
    ("number", "at", "code"),
    [
        (6, NOW + 1, None),
        # Some authorities count only when something changes.
        (5, NOW + 1, None),
        (5, NOW, Code.CRL_OLDER),
        (6, NOW, Code.CRL_OLDER),
        (6, NOW - 1, Code.CRL_OLDER),
        (4, NOW + 1, Code.CRL_OLDER),
        (None, NOW + 1, Code.CRL_OLDER),
    ],
)
def test_no_list_goes_back(number: int | None, at: int, code: Code | None) -> None:
    newer = parse_crl(make_crl(CA.certificate, CA.private_key, {}, at=at, number=number))
    assert refusal_of(lambda: check_newer(newer, number=5, this_update=NOW)) is code


def test_who_never_counted_need_not_begin() -> None:
    newer = parse_crl(make_crl(CA.certificate, CA.private_key, {}, at=NOW + 1, number=None))
    check_newer(newer, number=None, this_update=NOW)


def test_a_line_is_name_key_and_part() -> None:
    def line(data: bytes, authority: Certificate = CA.certificate) -> bytes:
        return line_of(parse_crl(data), authority)

    renewed = make_ca("Root", START, days=99).certificate
    assert line(own()) == line(own(number=9)) == line(own(), renewed)
    assert line(own(extensions=[(_part(), True)])) != line(own())
    other_key = Authority(CA.certificate, ec_key("other"))
    assert line(own(), issue_certificate(other_key, ec_key("other"), subject="Root", at=START)) != line(own())


def test_addresses_are_those_of_the_web_and_of_the_issuer_itself() -> None:
    def point(*names: str, issuer: list[x509.GeneralName] | None = None) -> x509.DistributionPoint:
        return x509.DistributionPoint([x509.UniformResourceIdentifier(name) for name in names], None, None, issuer)

    foreign: list[x509.GeneralName] = [x509.DirectoryName(CA.certificate.x509.subject)]
    extension = x509.CRLDistributionPoints(
        [
            point("ldap://crl.example/cn=x", "http://crl.example/a.crl"),
            point("https://crl.example/b.crl"),
            point("http://crl.example/indirect.crl", issuer=foreign),
            x509.DistributionPoint(None, x509.RelativeDistinguishedName([_common_name("x")]), None, None),
        ]
    )
    certificate = issue_certificate(CA, ec_key("x"), subject="X", at=START, extensions=[extension])
    assert distribution_points(certificate) == ("http://crl.example/a.crl", "https://crl.example/b.crl")
    assert distribution_points(CA.certificate) == ()


def _common_name(text: str) -> x509.NameAttribute[str]:
    return x509.NameAttribute(x509.NameOID.COMMON_NAME, text)


SIGNED = own()


@settings(max_examples=300)
@given(st.data())
def test_a_flipped_bit_in_a_list_is_refused(data: st.DataObject) -> None:
    der = bytearray(SIGNED)
    position = data.draw(st.integers(0, len(der) * 8 - 1))
    der[position // 8] ^= 1 << position % 8

    def read() -> Crl:
        crl = parse_crl(bytes(der))
        verify_crl(crl, [CA.certificate], at=NOW)
        listed_by(crl)
        return crl

    with refused():
        read()
