"""Health certificates: what ours may say, and every way of presenting one that must not be believed."""

from __future__ import annotations

import datetime as dt
import unicodedata
import zlib
from dataclasses import replace
from typing import Any

import cbor2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_protocol import base45, cose, limits
from sync_protocol.document_signer import document_signer
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.hc1_remarks import Remark, remarks
from sync_protocol.hc1_text import parse_hc1_message
from sync_protocol.hc1_verification import verify_many
from sync_protocol.health_certificate import HealthCertificate, VerifiedHealthCertificate, parse_hc1, verify_hc1
from sync_protocol.health_content import EntryKind, Vaccination
from sync_protocol.issuance import issue_hc1, issue_many, stored_zlib
from sync_protocol.keys import Algorithm
from sync_protocol.signers.key_signer import KeySigner
from sync_protocol.trust import NO_TRUST, TrustSet
from tests.builders import ec_key
from tests.protocol.passports import (
    AT,
    PRODUCTS,
    VERO_CELL,
    content,
    document_signer_of,
    ec_signer,
    rsa_signer,
    trust_in,
)
from tests.protocol.refusals import refused

YEAR = 365 * 86_400
TRUST = trust_in(ec_signer())
TEXT = issue_hc1(content(), ec_signer(), issued_at=AT, products=PRODUCTS)
VACCINATION: dict[str, Any] = content().content()["v"][0]  # type: ignore[index]


def claims(**changes: Any) -> dict[int, Any]:
    """Claims as ours, with other content members; a value of None takes the member out."""
    inside = content().content() | changes
    return {1: "VN", 4: AT + YEAR, 6: AT, -260: {1: {key: item for key, item in inside.items() if item is not None}}}


def message(
    payload: Any, *, signer: KeySigner | None = None, protected: Any = None, unprotected: Any = None
) -> tuple[bytes, Any, bytes, bytes]:
    """A signed COSE_Sign1 as an array, made by hand."""
    signer = signer or ec_signer()
    assert signer.certificate is not None
    encoded = payload if isinstance(payload, bytes) else cbor2.dumps(payload)
    headers = cbor2.dumps({1: int(signer.algorithm), 4: signer.certificate.kid} if protected is None else protected)
    signature = signer.sign(cose.sig_structure(headers, b"", encoded))
    return headers, {} if unprotected is None else unprotected, encoded, signature


def text_of(value: Any, *, tag: int | None = 18) -> str:
    """The text of a message made by hand."""
    data = cbor2.dumps(value if tag is None else cbor2.CBORTag(tag, value))
    return "HC1:" + base45.encode(zlib.compress(data))


def verify(text: str, trust: TrustSet = TRUST, at: int = AT) -> VerifiedHealthCertificate:
    return verify_hc1(text, trust, at=at)


def test_a_certificate_of_ours_says_what_was_put_in() -> None:
    verified = verify(TEXT)
    assert verified.issuer == "VN"
    assert verified.kind is EntryKind.VACCINATION
    name = verified.content.name
    assert (name.fn, name.gn) == ("Nguyễn", "Thị Phương Ánh")
    assert (name.fnt, name.gnt) == ("NGUYEN", "THI<PHUONG<ANH")
    assert verified.content.birth_date == "1980-02-03"
    assert verified.content.version == "1.3.0"
    entry = verified.content.entry
    assert isinstance(entry, Vaccination)
    assert (entry.mp, entry.ma, entry.dn, entry.sd) == ("EU/1/20/1528", "ORG-100030215", 2, 2)
    assert remarks(verified, products=PRODUCTS) == ()


def test_a_booster_after_a_complete_series_is_n_of_n() -> None:
    assert content(dose_number=3, dose_total=2).dose_total == 3


def test_a_name_of_one_word_leaves_the_given_name_out() -> None:
    text = issue_hc1(content(name="Suharto", family_name="Suharto"), ec_signer(), issued_at=AT, products=PRODUCTS)
    assert verify(text).content.name.gn == ""


@pytest.mark.parametrize(
    ("member", "value", "code"),
    [
        ("family_icao", "", Code.NAME_UNWRITABLE),
        ("family_icao", "Nguyen", Code.NAME_UNWRITABLE),
        ("given_icao", "", Code.NAME_UNWRITABLE),
        ("family_name", "N" * 81, Code.NAME_UNWRITABLE),
        ("family_name", unicodedata.normalize("NFD", "Nguyễn"), Code.FIELD_INVALID),
        ("given_name", "An\u202eB", Code.FIELD_INVALID),
        ("birth_date", "1980-02-30", Code.HC1_CONTENT),
        ("birth_date", "03/02/1980", Code.HC1_CONTENT),
        ("birth_date", "", Code.HC1_CONTENT),
        ("given_on", "2022-4-15", Code.HC1_CONTENT),
        ("given_on", "٢٠٢٢-٠٤-١٥", Code.HC1_CONTENT),
        ("dose_number", 3, Code.HC1_CONTENT),
        ("dose_number", 0, Code.HC1_CONTENT),
        ("dose_total", 21, Code.HC1_CONTENT),
        ("issuer", "", Code.HC1_CONTENT),
        ("country", "vn", Code.HC1_CONTENT),
        ("uvci", "URN:UVCI:01:VN:19001A/D1#A", Code.UVCI_INVALID),
    ],
)
def test_wrong_content_cannot_be_made(member: str, value: object, code: Code) -> None:
    good = {name: getattr(content(), name) for name in HealthCertificate.__struct_fields__}
    with refused(code):
        HealthCertificate(**(good | {member: value}))


@given(st.integers(0, len(TEXT) - 5), st.sampled_from("0A $:"))
def test_any_changed_character_is_refused(place: int, character: str) -> None:
    changed = TEXT[: 4 + place] + character + TEXT[5 + place :]
    if changed != TEXT:
        with refused():
            verify(changed)


@given(st.integers(0, 8 * 400))
def test_any_flipped_bit_of_the_message_is_refused(bit: int) -> None:
    data = bytearray(zlib.decompress(base45.decode(TEXT[4:])))
    data[bit // 8 % len(data)] ^= 1 << bit % 8
    with refused():
        verify("HC1:" + base45.encode(stored_zlib(bytes(data))))


@given(st.text(max_size=80) | st.binary(max_size=80).map(lambda data: "HC1:" + base45.encode(zlib.compress(data))))
def test_nonsense_is_refused_and_nothing_else_happens(text: str) -> None:
    with refused():
        verify(text)


def test_the_text_bounds_hold() -> None:
    with refused(Code.TOO_LARGE):
        verify("HC1:" + "0" * limits.HC1_CHARS)
    bomb = zlib.compress(bytes(limits.HC1_INFLATED_BYTES + 1), 9)
    with refused(Code.HC1_INFLATE):
        verify("HC1:" + base45.encode(bomb))
    whole = zlib.decompress(base45.decode(TEXT[4:]))
    for stream in (zlib.compress(whole) + b"\0", zlib.compress(whole)[:-1]):
        with refused(Code.HC1_INFLATE):
            verify("HC1:" + base45.encode(stream))


@pytest.mark.parametrize(
    ("at", "code"),
    [
        (AT - 1, Code.HC1_NOT_YET_VALID),
        (AT, None),
        (AT + YEAR, None),
        (AT + YEAR + 1, Code.HC1_EXPIRED),
    ],
)
def test_times_are_judged_at_the_given_instant(at: int, code: Code | None) -> None:
    if code is None:
        assert verify(TEXT, at=at).expires_at == AT + YEAR
        return
    with refused(code):
        verify(TEXT, at=at)


def test_the_signers_own_validity_counts() -> None:
    short = document_signer_of(ec_key("short-lived"), days=200)
    text = text_of(message(claims(), signer=short))
    assert verify(text, trust_in(short))
    with refused(Code.CERTIFICATE_EXPIRED):
        verify(text, trust_in(short), at=AT + 200 * 86_400)
    late = document_signer_of(ec_key("late"), start=dt.datetime(2022, 6, 1, tzinfo=dt.UTC))
    with refused(Code.CERTIFICATE_NOT_YET_VALID):
        verify(text_of(message(claims(), signer=late)), trust_in(late), at=AT + 100 * 86_400)


def test_an_unknown_or_a_revoked_signer_is_refused() -> None:
    with refused(Code.SIGNER_UNKNOWN):
        verify(TEXT, NO_TRUST)
    with refused(Code.SIGNER_UNKNOWN):
        verify(TEXT, trust_in(rsa_signer()))
    certificate = ec_signer().certificate
    assert certificate is not None
    revoked = document_signer(certificate, revoked_at=AT + 5)
    with refused(Code.CERTIFICATE_REVOKED):
        verify(TEXT, TrustSet(signers={certificate.kid: (revoked,)}))


def test_every_certificate_with_the_key_id_is_tried() -> None:
    other = document_signer_of(ec_key("same kid"))
    assert other.certificate is not None
    assert ec_signer().certificate is not None
    kid = ec_signer().certificate.kid  # type: ignore[union-attr]
    both = (document_signer(other.certificate), *TRUST.document_signers(kid))
    assert verify(TEXT, TrustSet(signers={kid: both}))
    assert verify(TEXT, TrustSet(signers={kid: both[::-1]}))
    with refused(Code.SIGNATURE_INVALID):
        verify(TEXT, TrustSet(signers={kid: both[:1]}))


def test_headers_may_stand_unprotected_but_protected_ones_win() -> None:
    certificate = ec_signer().certificate
    assert certificate is not None
    outside = message(claims(), protected={}, unprotected={1: -7, 4: certificate.kid})
    assert verify(text_of(outside))
    assert verify(text_of((b"", *outside[1:3], ec_signer().sign(cose.sig_structure(b"", b"", outside[2])))))
    assert verify(text_of(message(claims(), unprotected={1: -37, 4: b"another"})))
    with refused(Code.SIGNER_UNKNOWN):
        verify(text_of(message(claims(), protected={1: -7, 4: b"another"}, unprotected={4: certificate.kid})))


def test_untagged_and_wrapped_messages_are_read() -> None:
    signed = message(claims())
    assert verify(text_of(signed, tag=None))
    assert verify(text_of(cbor2.CBORTag(18, signed), tag=61))


@pytest.mark.parametrize(
    ("value", "tag"),
    [
        (message(claims()), 98),
        (message(claims())[:3], 18),
        ((*message(claims()), b""), 18),
        ((b"", {}, b"", b""), 18),
        ((b"\xa0", [], b"", b""), 18),
        (("", {}, b"", b""), 18),
        ((cbor2.dumps([]), {4: b"x"}, b"", b""), 18),
        ({}, None),
        (7, None),
    ],
)
def test_what_is_no_cose_sign1_is_refused(value: Any, tag: int | None) -> None:
    with refused(Code.NOT_COSE, Code.NOT_CBOR):
        verify(text_of(value, tag=tag))


def test_a_critical_header_is_refused() -> None:
    certificate = ec_signer().certificate
    assert certificate is not None
    with refused(Code.NOT_COSE):
        verify(text_of(message(claims(), protected={1: -7, 2: [99], 4: certificate.kid, 99: 1})))


def test_the_algorithm_is_bound_to_the_key_and_to_the_specification() -> None:
    rsa = rsa_signer()
    assert rsa.certificate is not None
    plain = KeySigner(rsa._private_key, certificate=rsa.certificate, algorithm=Algorithm.RS256)
    with refused(Code.ALGORITHM):
        verify(text_of(message(claims(), signer=plain)), trust_in(rsa))
    certificate = ec_signer().certificate
    assert certificate is not None
    for alg in (-37, -257, -35, "ES256", None):
        with refused(Code.ALGORITHM):
            verify(text_of(message(claims(), protected={1: alg, 4: certificate.kid})))


def test_the_signature_is_checked_before_the_content_is_read() -> None:
    certificate = ec_signer().certificate
    assert certificate is not None
    headers = cbor2.dumps({1: -7, 4: certificate.kid})
    with refused(Code.SIGNATURE_INVALID):
        verify(text_of((headers, {}, b"\xff not cbor", bytes(64))))
    with refused(Code.NOT_CBOR):
        verify(text_of(message(b"\xff not cbor")))


@pytest.mark.parametrize(
    "payload",
    [
        [],
        {},
        claims() | {4: "tomorrow"},
        claims() | {4: True},
        claims() | {6: -1},
        claims() | {6: float("nan")},
        claims() | {1: 7},
        claims() | {-260: {}},
        claims() | {-260: {2: {}}},
        claims() | {-260: []},
    ],
)
def test_claims_outside_the_form_are_refused(payload: Any) -> None:
    with refused(Code.HC1_CLAIMS):
        verify(text_of(message(payload)))


def test_times_may_be_floats_or_tagged() -> None:
    payload = claims() | {4: float(AT + 5), 6: cbor2.CBORTag(1, AT)}
    assert verify(text_of(message(payload))).expires_at == AT + 5


@pytest.mark.parametrize(
    "changes",
    [
        {"v": None},
        {"v": []},
        {"v": [VACCINATION, VACCINATION]},
        {"v": None, "t": []},
        {"t": [{}]},
        {"ver": "1.3"},
        {"ver": 1},
        {"nam": {"fn": "A"}},
        {"nam": {"fnt": "a"}},
        {"nam": {"fnt": "A\n"}},
        {"nam": {"fnt": "A" * 81}},
        {"nam": {"fnt": 5}},
        {"nam": []},
        {"dob": "2000-13-01"},
        {"dob": "01-01-2000"},
        {"dob": "1899-01-01"},
        {"v": [VACCINATION | {"dn": 0}]},
        {"v": [VACCINATION | {"dn": "2"}]},
        {"v": [VACCINATION | {"dn": 1.5}]},
        {"v": [VACCINATION | {"dt": "2022-02-30"}]},
        {"v": [VACCINATION | {"dt": "2022-04-15T00:00:00"}]},
        {"v": [VACCINATION | {"co": ""}]},
        {"v": [VACCINATION | {"ci": "C" * 81}]},
        {"v": [{key: item for key, item in VACCINATION.items() if key != "ma"}]},
    ],
)
def test_content_outside_the_schema_is_refused_without_saying_what_it_was(changes: dict[str, Any]) -> None:
    with pytest.raises(ProtocolError) as caught:
        verify(text_of(message(claims(**changes))))
    assert caught.value.code is Code.HC1_CONTENT
    for personal in ("Nguyễn", "NGUYEN", "1980", "2000", "D00000001"):
        assert personal not in str(caught.value)


def test_foreign_habits_inside_the_schema_are_accepted() -> None:
    entry = VACCINATION | {"dn": 2.0, "future": "member", "ci": "01ES10V778A77BC630DCE6AD3EEA#5"}
    verified = verify(text_of(message(claims(v=[entry], nam={"gnt": "ANH"}, dob=""))))
    assert verified.content.entry == replace_entry(VACCINATION, ci=entry["ci"])
    assert remarks(verified, products=None) == (Remark.UVCI,)
    test = {"tg": "840539006", "tt": "LP6464-4", "sc": cbor2.CBORTag(0, "2022-04-14T10:00:00+0700"), "tr": "260415000"}
    test |= {"co": "VN", "is": "A", "ci": "B"}
    verified = verify(text_of(message(claims(v=None, t=[test]))))
    assert verified.kind is EntryKind.TEST


def replace_entry(entry: dict[str, Any], **changes: Any) -> Vaccination:
    """The entry as the type that verification gives."""
    members = entry | changes
    return Vaccination(**{{"is": "is_"}.get(name, name): value for name, value in members.items()})


@pytest.mark.parametrize(
    ("usages", "fits"),
    [
        ((), True),
        (("1.3.6.1.5.5.7.3.4",), True),
        (("1.3.6.1.4.1.1847.2021.1.2",), True),
        (("1.3.6.1.4.1.0.1847.2021.1.2", "1.3.6.1.4.1.1847.2021.1.1"), True),
        (("1.3.6.1.4.1.1847.2021.1.1",), False),
        (("1.3.6.1.4.1.0.1847.2021.1.3", "1.3.6.1.5.5.7.3.4"), False),
    ],
)
def test_key_usages_of_the_specification_bind_and_others_do_not(usages: tuple[str, ...], fits: bool) -> None:
    signer = document_signer_of(ec_key("usage"), extended_usages=usages)
    text = text_of(message(claims(), signer=signer))
    if fits:
        assert verify(text, trust_in(signer))
        return
    with refused(Code.KEY_USAGE):
        verify(text, trust_in(signer))


def test_value_sets_are_only_remarked_upon() -> None:
    odd = VACCINATION | {"vp": "J07BX03", "mp": "Something-New", "dn": 3}
    verified = verify(text_of(message(claims(v=[odd]) | {1: "XX", 4: AT + 10 * YEAR})))
    assert set(remarks(verified, products=PRODUCTS)) == {
        Remark.ISSUER_COUNTRY,
        Remark.OUTLIVES_SIGNER,
        Remark.CODE_DEPRECATED,
        Remark.PRODUCT_UNKNOWN,
        Remark.BEYOND_SERIES,
    }


def test_the_short_way_of_reading_equals_the_long_one() -> None:
    data = zlib.decompress(base45.decode(TEXT[4:]))
    usual = parse_hc1_message(data)
    # An unprotected header that says nothing sends the same message the long way.
    array = list(cbor2.loads(data).value)
    array[1] = {99: 0}
    assert parse_hc1_message(cbor2.dumps(cbor2.CBORTag(18, array))) == usual
    assert parse_hc1(TEXT) == usual
    rsa = issue_hc1(content(), rsa_signer(), issued_at=AT, products=PRODUCTS)
    assert len(parse_hc1(rsa).signature) == 256


def test_many_are_verified_as_one_by_one() -> None:
    texts = issue_many([content(n, product=VERO_CELL) for n in range(5)], ec_signer(), issued_at=AT, products=PRODUCTS)
    whole = verify_many(texts, TRUST, at=AT)
    assert whole == [verify(text) for text in texts]
    spoilt = [*texts, "HC1:ä", texts[0][:-3], TEXT, "nothing"]
    results = verify_many(spoilt, TRUST, at=AT)
    assert results[:5] == whole
    codes = [result.code if isinstance(result, ProtocolError) else None for result in results[5:]]
    assert codes[0] is Code.HC1_BASE45
    assert codes[1] in (Code.HC1_BASE45, Code.HC1_INFLATE)
    assert codes[2:] == [None, Code.HC1_PREFIX]
    unknown = replace(TRUST, signers={})
    assert all(isinstance(result, ProtocolError) for result in verify_many(texts, unknown, at=AT))
