"""The rules of the end of the day: what a certificate says, who waits and why, which signer is good enough."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from central.domain.day_run import (
    ISSUER,
    OPAQUE_BYTES,
    DayPlan,
    DayRules,
    DueDose,
    check_document_signer,
    fresh_uvcis,
    name_parts,
    registry_question,
)
from central.domain.passport_id import passport_id, uvci_of
from central.domain.people import RegistryAnswer
from sync_protocol.catalogue import Catalogue
from sync_protocol.catalogue_toml import catalogue_from_toml
from sync_protocol.days import add_months
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.health_certificate import HealthCertificate
from sync_protocol.keys import Algorithm
from sync_protocol.names import split_name
from sync_protocol.population import PackAnswer
from sync_protocol.signers.key_signer import KeySigner
from sync_protocol.uvci import check_uvci
from tests.builders import ec_key, issue_certificate, make_ca, rsa_key
from tests.central.day_store import CATALOGUE, EVENING

NUMBER: Final = "019190000001"
MATCHED: Final = RegistryAnswer(PackAnswer.MATCHED, NUMBER)
DUE: Final = DueDose(
    id=4_097,
    person=f"id:{NUMBER}",
    facility="19001",
    name="Đặng Thị Hồng Đào",
    family_name="",
    sex="F",
    birth_date="1990-05-17",
    number=NUMBER,
    identity_state="matched",
    product="AZ",
    dose_number=1,
    given_day="2022-04-08",
)
AT: Final = dt.datetime(2022, 1, 1, tzinfo=dt.UTC)


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    text = CATALOGUE.read_text(encoding="utf-8")
    return catalogue_from_toml(text, version=1, issued_at=EVENING, expires_at=EVENING + 1)


def due(**changes: object) -> DueDose:
    values = {name: getattr(DUE, name) for name in DUE.__struct_fields__} | changes
    return DueDose(**values)


def plan_of(dose: DueDose, catalogue: Catalogue, *, answer: RegistryAnswer | None = MATCHED) -> DayPlan:
    rules = DayRules(catalogue, issuer=ISSUER, now=EVENING)
    answers = {} if answer is None else {dose.id: answer}
    return rules.plan([dose], answers, uvcis=list(fresh_uvcis([dose.facility], bytes(OPAQUE_BYTES))))


def content_of(dose: DueDose, catalogue: Catalogue, *, answer: RegistryAnswer | None = MATCHED) -> HealthCertificate:
    plan = plan_of(dose, catalogue, answer=answer)
    assert plan.waiting == []
    return plan.certificates[0].content


@pytest.mark.parametrize(
    ("product", "number", "total"),
    [
        ("AZ", 1, 2),
        ("AZ", 2, 2),
        ("PF", 3, 3),
        ("PF", 4, 4),
        ("JJ", 1, 1),
        ("JJ", 2, 2),
        ("AB", 1, 3),
        ("AB", 3, 3),
        ("AB", 4, 4),
    ],
)
def test_a_dose_of_the_series_counts_to_its_end_and_a_booster_is_n_of_n(
    catalogue: Catalogue, product: str, number: int, total: int
) -> None:
    content = content_of(due(product=product, dose_number=number), catalogue)
    assert (content.dose_number, content.dose_total) == (number, total)


def test_a_certificate_says_what_was_recorded_and_who_issues(catalogue: Catalogue) -> None:
    content = content_of(DUE, catalogue)
    assert content.content() == {
        "ver": "1.3.0",
        "dob": "1990-05-17",
        "nam": {"fn": "Đặng", "fnt": "DANG", "gn": "Thị Hồng Đào", "gnt": "THI<HONG<DAO"},
        "v": [
            {
                "tg": "840539006",
                "vp": "29061000087103",
                "mp": "EU/1/21/1529",
                "ma": "ORG-100001699",
                "dn": 1,
                "sd": 2,
                "dt": "2022-04-08",
                "co": "VN",
                "is": "Cục Y tế dự phòng",
                "ci": content.uvci,
            }
        ],
    }


def test_an_explicit_family_name_and_a_year_of_birth_alone_are_written_as_they_are(catalogue: Catalogue) -> None:
    content = content_of(due(name="H'Hen Niê", family_name="Niê", birth_date="1992"), catalogue)
    assert (content.family_icao, content.given_icao, content.birth_date) == ("NIE", "HHEN", "1992")


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"product": "XX"}, Code.PRODUCT_UNKNOWN),
        ({"name": "Nguyễn Văn Ж"}, Code.NAME_UNWRITABLE),
        ({"name": "Hùng"}, Code.NAME_UNWRITABLE),
        ({"name": "Nguyễn " + "Đ" * 81}, Code.NAME_UNWRITABLE),
        ({"birth_date": "1898-01-01"}, Code.HC1_CONTENT),
        ({"dose_number": 21}, Code.HC1_CONTENT),
    ],
)
def test_a_dose_that_cannot_be_written_waits_with_its_code(
    catalogue: Catalogue, changes: dict[str, object], code: Code
) -> None:
    plan = plan_of(due(**changes), catalogue)
    assert (plan.certificates, plan.waiting) == ([], [(DUE.id, code)])


@pytest.mark.parametrize(
    "answer",
    [
        None,
        *(RegistryAnswer(answer) for answer in PackAnswer if answer is not PackAnswer.MATCHED),
        RegistryAnswer(PackAnswer.MATCHED, "019190000002"),
    ],
)
def test_only_a_match_today_with_the_same_person_is_certified(
    catalogue: Catalogue, answer: RegistryAnswer | None
) -> None:
    assert plan_of(DUE, catalogue, answer=answer).waiting == [(DUE.id, Code.IDENTITY_EVIDENCE)]


def test_a_foreigner_for_whom_the_site_vouches_is_certified_unasked(catalogue: Catalogue) -> None:
    foreigner = due(person="passport:FR:12AB34567", name="Zoë Müller", number="12AB34567", identity_state="vouched")
    assert registry_question(foreigner) is None
    assert content_of(foreigner, catalogue, answer=None).family_icao == "ZOE"


def test_a_voucher_does_not_help_somebody_without_a_passport(catalogue: Catalogue) -> None:
    person = due(person="written:0123", identity_state="vouched")
    assert plan_of(person, catalogue, answer=None).waiting == [(DUE.id, Code.IDENTITY_EVIDENCE)]


def test_an_intent_keeps_its_number_and_its_instant(catalogue: Catalogue) -> None:
    uvci = next(fresh_uvcis(["19001"], b"0123456789"))
    planned = plan_of(due(uvci=uvci, issued_at=EVENING - 60), catalogue).certificates[0]
    assert (planned.content.uvci, planned.issued_at, planned.is_new) == (uvci, EVENING - 60, False)


@given(st.lists(st.from_regex(r"[A-Z0-9]{2,12}", fullmatch=True), max_size=5), st.data())
def test_numbers_name_their_site_and_differ_with_the_random_bytes(sites: list[str], data: st.DataObject) -> None:
    drawn = [data.draw(st.binary(min_size=OPAQUE_BYTES, max_size=OPAQUE_BYTES)) for _ in sites]
    numbers = list(fresh_uvcis(sites, b"".join(drawn)))
    for number, site in zip(numbers, sites, strict=True):
        check_uvci(number)
        assert number.startswith(f"URN:UVCI:01:VN:{site}/")
        assert uvci_of(passport_id(number)) == number
    assert len(set(numbers)) == len(set(zip(sites, drawn, strict=True)))


@given(st.text(st.sampled_from("AđÝ '\u00a0\u2003-")), st.sampled_from(["", "A", "Ý A"]))
def test_the_quick_way_splits_a_name_as_the_long_way_does(name: str, family_name: str) -> None:
    def outcome(split: Callable[[str, str], tuple[str, str]]) -> tuple[str, str] | Code:
        try:
            return split(name, family_name)
        except ProtocolError as error:
            return error.code

    assert outcome(name_parts) == outcome(split_name)


@pytest.mark.parametrize("name", ["", "19001", "19001-", "-ABC", "19001-abc", "19001-ABC-D", "19001-" + "A" * 41, "…"])
def test_what_is_no_name_of_a_passport_is_refused(name: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        uvci_of(name)
    assert caught.value.code is Code.UVCI_INVALID


def test_a_foreign_number_has_no_passport_here() -> None:
    with pytest.raises(ProtocolError):
        passport_id("URN:UVCI:01:FR:W7V2BE46QSBJ#L")


def document_signer(*, until: int, begin: dt.datetime = AT, rsa: Algorithm | None = None) -> KeySigner:
    """A signer whose certificate ends at an instant."""
    key = rsa_key() if rsa else ec_key("document signer")
    days = (dt.datetime.fromtimestamp(until, dt.UTC) - begin) / dt.timedelta(days=1)
    certificate = issue_certificate(make_ca("country", AT), key, subject="DSC", at=begin, days=days)
    return KeySigner(key, certificate=certificate, algorithm=rsa)


def check(signer: KeySigner, *, trusted: bool = True, revoked: bool = False) -> None:
    assert signer.certificate is not None
    certificate = signer.certificate
    found = check_document_signer(
        signer,
        trusted=[certificate] if trusted else [],
        revoked=[certificate.thumbprint] if revoked else [],
        now=EVENING,
    )
    assert found is certificate


YEAR: Final = add_months(EVENING, 12)


def test_a_signer_that_lives_exactly_twelve_months_is_good() -> None:
    check(document_signer(until=YEAR))
    check(document_signer(until=YEAR, rsa=Algorithm.PS256))


def test_a_signer_that_ends_a_second_earlier_is_refused() -> None:
    with pytest.raises(ProtocolError) as caught:
        check(document_signer(until=YEAR - 1))
    assert caught.value.code is Code.SIGNER_LIFE


@pytest.mark.parametrize(
    ("signer", "trusted", "revoked", "code"),
    [
        (document_signer(until=YEAR), False, False, Code.SIGNER_UNKNOWN),
        (document_signer(until=YEAR), True, True, Code.CERTIFICATE_REVOKED),
        (document_signer(until=YEAR, rsa=Algorithm.RS256), True, False, Code.ALGORITHM),
        (
            document_signer(until=YEAR + 9, begin=dt.datetime(2022, 5, 1, tzinfo=dt.UTC)),
            True,
            False,
            Code.CERTIFICATE_NOT_YET_VALID,
        ),
    ],
)
def test_a_signer_that_nobody_would_believe_is_refused(
    signer: KeySigner, trusted: bool, revoked: bool, code: Code
) -> None:
    with pytest.raises(ProtocolError) as caught:
        check(signer, trusted=trusted, revoked=revoked)
    assert caught.value.code is code


def test_a_key_without_a_certificate_signs_nothing() -> None:
    with pytest.raises(ProtocolError) as caught:
        check_document_signer(KeySigner(ec_key("bare")), trusted=[], revoked=[], now=EVENING)
    assert caught.value.code is Code.SIGNER_UNKNOWN
