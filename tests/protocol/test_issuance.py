"""Issuance: the shortcuts equal the long way, and nothing is signed that must not be."""

from __future__ import annotations

import datetime as dt
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync_protocol import cbor, issuance
from sync_protocol.errors import Code
from sync_protocol.hc1_text import inflate, parse_hc1
from sync_protocol.health_certificate import CertifiedProduct, HealthCertificate, encode_claims, verify_hc1
from sync_protocol.issuance import expiry, issue_hc1, issue_many, stored_zlib
from sync_protocol.keys import Algorithm
from sync_protocol.signers.key_signer import KeySigner
from sync_protocol.uvci import make_uvci
from tests.builders import PassingSigner, ec_key, rsa_key
from tests.protocol.passports import (
    AT,
    COMIRNATY,
    PRODUCTS,
    VERO_CELL,
    content,
    document_signer_of,
    ec_signer,
    rsa_signer,
    trust_in,
)
from tests.protocol.refusals import refused

ICAO = st.text(alphabet="ABCXYZ<", min_size=1, max_size=80)
DISPLAY = st.text(alphabet="aăđỹÁ Ợ𠀋'", min_size=1, max_size=80).filter(str.strip)
CONTENTS = st.builds(
    lambda family, family_icao, given, birth_date, product, doses, opaque, issuer: HealthCertificate(
        family_name=family,
        family_icao=family_icao,
        given_name=given[0] if given else "",
        given_icao=given[1] if given else "",
        birth_date=birth_date,
        product=product,
        dose_number=doses[0],
        dose_total=max(doses),
        given_on="2022-04-15",
        uvci=make_uvci("19001A", opaque),
        issuer=issuer,
    ),
    DISPLAY,
    ICAO,
    st.none() | st.tuples(DISPLAY, ICAO),
    st.sampled_from(["1950", "1999-12-31", "2004-02-29"]),
    st.sampled_from(sorted(PRODUCTS, key=lambda product: product.mp)),
    st.tuples(st.integers(1, 20), st.integers(1, 20)),
    st.text(alphabet="ABC123", min_size=1, max_size=30),
    DISPLAY,
)


@dataclass
class CountingSigner(PassingSigner):
    """Passes everything on and counts what it was asked to sign."""

    asked: list[int] = field(default_factory=list)

    def sign_many(self, messages: Sequence[bytes]) -> list[bytes]:
        self.asked.append(len(messages))
        return self.inner.sign_many(messages)


@given(st.lists(CONTENTS, min_size=1, max_size=4))
def test_the_claims_put_together_equal_the_claims_encoded(contents: list[HealthCertificate]) -> None:
    texts = issue_many(contents, ec_signer(), issued_at=AT, products=PRODUCTS)
    expires_at = expiry(ec_signer().certificate, issued_at=AT)
    payloads = [parse_hc1(text).payload for text in texts]
    assert payloads == [encode_claims(item, issued_at=AT, expires_at=expires_at) for item in contents]
    for payload in payloads:
        assert cbor.encode(cbor.decode_foreign(payload, max_bytes=10_000)) == payload


@given(st.binary(max_size=1_000))
def test_the_stored_stream_is_what_zlib_reads(data: bytes) -> None:
    assert zlib.decompress(stored_zlib(data)) == data
    assert inflate(stored_zlib(data)) == data


@pytest.mark.parametrize("signer", [ec_signer, rsa_signer], ids=["ES256", "PS256"])
def test_both_algorithms_verify_and_fit_their_qr(signer: Callable[[], KeySigner]) -> None:
    texts = issue_many([content(number) for number in range(3)], signer(), issued_at=AT, products=PRODUCTS)
    assert len(set(texts)) == 3
    for number, text in enumerate(texts):
        verified = verify_hc1(text, trust_in(signer()), at=AT)
        assert verified.content.entry.ci == content(number).uvci
        # DOMAIN, 3: about 630 and 940 characters.
        assert len(text) < (700 if signer is ec_signer else 1_000)


def test_a_certificate_expires_twelve_calendar_months_after_its_issue() -> None:
    issued_at = int(dt.datetime(2022, 2, 28, 20, tzinfo=dt.UTC).timestamp())
    verified = verify_hc1(
        issue_hc1(content(), ec_signer(), issued_at=issued_at, products=PRODUCTS), trust_in(ec_signer()), at=issued_at
    )
    assert verified.issued_at == issued_at
    # 20:00 UTC is 3 in the morning of 1 March in Vietnam; so it is a year later.
    assert dt.datetime.fromtimestamp(verified.expires_at, dt.UTC) == dt.datetime(2023, 2, 28, 20, tzinfo=dt.UTC)


@pytest.mark.parametrize("size", [0, 1, 999, 1_001, 2_000])
def test_a_batch_is_signed_in_chunks_and_in_order(size: int) -> None:
    signer = CountingSigner(ec_signer())
    texts = issue_many([content(number) for number in range(size)], signer, issued_at=AT, products=PRODUCTS)
    assert sum(signer.asked) == size
    assert all(asked <= 1_000 for asked in signer.asked)
    for number in {0, size // 2, size - 1} & set(range(size)):
        verified = verify_hc1(texts[number], trust_in(ec_signer()), at=AT)
        assert verified.content.entry.ci == content(number).uvci


def test_a_product_outside_the_catalogue_stops_the_batch_before_anything_is_signed() -> None:
    signer = CountingSigner(ec_signer())
    mixed = CertifiedProduct(COMIRNATY.disease, COMIRNATY.vp, COMIRNATY.mp, VERO_CELL.ma)
    with refused(Code.PRODUCT_UNKNOWN):
        issue_many([content(), content(2, product=mixed)], signer, issued_at=AT, products=PRODUCTS)
    assert signer.asked == []


@pytest.mark.parametrize(("days", "code"), [(469, None), (468, Code.SIGNER_LIFE), (1, Code.SIGNER_LIFE)])
def test_a_key_with_less_life_than_twelve_months_is_refused(days: int, code: Code | None) -> None:
    # AT is 104.4 days after the certificates begin; a year more ends within day 469.4.
    signer = CountingSigner(document_signer_of(ec_key("short"), days=days + (code is None)))
    if code is None:
        assert issue_hc1(content(), signer, issued_at=AT, products=PRODUCTS)
        return
    with refused(code):
        issue_hc1(content(), signer, issued_at=AT, products=PRODUCTS)
    assert signer.asked == []


def test_a_key_that_is_not_valid_yet_is_refused() -> None:
    signer = document_signer_of(ec_key("early"), start=dt.datetime(2022, 5, 1, tzinfo=dt.UTC))
    with refused(Code.CERTIFICATE_NOT_YET_VALID):
        issue_hc1(content(), signer, issued_at=AT, products=PRODUCTS)


def test_an_algorithm_outside_the_specification_is_refused() -> None:
    inner = rsa_signer()
    signer = KeySigner(rsa_key(), certificate=inner.certificate, algorithm=Algorithm.RS256)
    with refused(Code.ALGORITHM):
        issue_hc1(content(), signer, issued_at=AT, products=PRODUCTS)


def test_a_signer_without_a_certificate_is_a_mistake_of_ours() -> None:
    with pytest.raises(ValueError, match="certificate"):
        issuance.issue_many([content()], KeySigner(ec_key("bare")), issued_at=AT, products=PRODUCTS)
