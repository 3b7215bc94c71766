"""From what drivers showed to an answer: every cause has its code, and the answer is the one that signing will give."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from edge.domain.token_checks import CHECK_WORDS, AnyCheck, CheckCode, Severity, check_words
from edge.domain.token_judgement import judge_token
from edge.domain.token_report import FLAG_WORDS, Report, SeenModule, TokenFlag, TokenSetting, flags_of, setting_lines
from sync_protocol.certificate import Certificate
from sync_protocol.keys import Algorithm
from sync_protocol.signers.certificate_facts import read_facts
from sync_protocol.signers.pin_guard import PinFlag
from sync_protocol.signers.token_errors import TokenCode
from sync_protocol.signers.token_messages import SeenCertificate, SeenToken, TokenMechanism
from sync_protocol.signers.token_modules import Candidate, Origin
from sync_protocol.signers.uri import Pkcs11Uri, SoftwareUri
from tests.builders import ec_key, issue_certificate, make_ca, rsa_key

START: Final = datetime(2022, 1, 1, tzinfo=UTC)
NOW: Final = int((START + timedelta(days=100)).timestamp())
DAY: Final = 86_400
CA: Final = make_ca("CA công cộng", START)
MODULE: Final = "/usr/lib/libtoken.so"
OTHER: Final = "/usr/lib/libother.so"
LABEL: Final = "TRAM 19001"
MECHANISMS: Final = frozenset({TokenMechanism.RSA_PKCS, TokenMechanism.ECDSA})
READY: Final = PinFlag.INITIALIZED | 0x4


def certificate(
    days: float = 365, *, usage: str = "sign", name: str = "Trạm Y tế", at: datetime = START
) -> Certificate:
    return issue_certificate(CA, ec_key("token"), subject=name, at=at, days=days, usage=usage)  # type: ignore[arg-type]


def token(*some: Certificate | bytes, label: str = LABEL, serial: str = "01", flags: int = READY) -> SeenToken:
    ders = [one if isinstance(one, bytes) else one.der for one in some]
    seen = tuple(SeenCertificate(bytes([place]), "", der) for place, der in enumerate(ders, start=1))
    return SeenToken(0, label, serial, "Nhà sản xuất", "Kiểu", flags, MECHANISMS, seen)


def module(*tokens: SeenToken, path: str = MODULE, origin: Origin = Origin.SETTING) -> SeenModule:
    return SeenModule(Candidate(path, "", origin), 64, None, tokens)


def setting(one: Certificate | None = None, *, label: str | None = LABEL) -> TokenSetting:
    return TokenSetting(Pkcs11Uri(label, one.serial if one else None, MODULE), module=MODULE)


def judge(*modules: SeenModule, now: int = NOW, told: TokenSetting | None = None, service: bool = True) -> Report:
    return judge_token(modules, told or setting(), now=now, has_card_service=service)


def codes(report: Report, severity: Severity = Severity.PROBLEM) -> list[AnyCheck]:
    return [check.code for check in report.checks if check.severity is severity]


def test_a_token_that_is_set_and_good_can_be_used() -> None:
    one = certificate()
    report = judge(module(token(one)), told=setting(one))
    assert [check.code for check in report.checks] == [CheckCode.USABLE]
    assert report.is_usable
    assert report.is_set
    assert report.meant is not None
    assert report.meant[2].mechanism == "ECDSA"
    assert report.meant[2].days_left == 265
    assert report.lines == ()


@pytest.mark.parametrize(
    ("days_left", "code", "days"),
    [
        (90, None, None),
        (89, CheckCode.CERTIFICATE_ENDS, 89),
        (30, CheckCode.CERTIFICATE_ENDS, 30),
        (7, CheckCode.CERTIFICATE_ENDS, 7),
        (0, CheckCode.CERTIFICATE_ENDS, 0),
    ],
)
def test_the_end_of_a_certificate_is_told_in_time(days_left: int, code: CheckCode | None, days: int | None) -> None:
    report = judge(module(token(certificate(100 + days_left))))
    assert report.is_usable
    assert codes(report, Severity.WARNING) == ([] if code is None else [code])
    assert [check.days for check in report.checks if check.code is code] == ([] if code is None else [days])


def test_a_certificate_ends_with_its_last_second_and_begins_with_its_first() -> None:
    last = NOW + DAY
    assert judge(module(token(certificate(101))), now=last).is_usable
    assert codes(judge(module(token(certificate(101))), now=last + 1)) == [CheckCode.CERTIFICATE_EXPIRED]
    first = int(START.timestamp())
    assert judge(module(token(certificate())), now=first).is_usable
    assert codes(judge(module(token(certificate())), now=first - 1)) == [CheckCode.CERTIFICATE_EARLY]


def test_what_is_not_set_is_said_with_the_lines_that_set_it() -> None:
    one = certificate()
    found = module(token(one), origin=Origin.KNOWN)
    report = judge(found, told=TokenSetting())
    assert codes(report) == [CheckCode.NOT_SET]
    assert report.meant is not None
    assert report.lines == setting_lines(MODULE, label=LABEL, serial=one.serial)
    software = judge(found, told=TokenSetting(SoftwareUri("a.p12")))
    assert codes(software, Severity.WARNING) == [CheckCode.SOFTWARE]
    assert software.is_usable
    assert software.lines == report.lines


def test_a_setting_that_cannot_be_read_is_the_problem() -> None:
    report = judge(module(token(certificate()), origin=Origin.KNOWN), told=TokenSetting(fault=TokenCode.URI_INVALID))
    assert codes(report) == [TokenCode.URI_INVALID]


def test_lines_for_windows_need_no_escapes_and_odd_names_get_them() -> None:
    lines = setting_lines("C:\\Windows\\System32\\viettel-ca_v6.dll", label="Trạm A;1", serial=0x0A)
    assert lines == (
        'signer = "pkcs11:token=Tr%E1%BA%A1m%20A%3B1;serial=0A"',
        "pkcs11_module = 'C:\\Windows\\System32\\viettel-ca_v6.dll'",
    )
    assert setting_lines("D:\\'a\"\\x.dll", label="", serial=1)[1] == 'pkcs11_module = "D:\\\\\'a\\"\\\\x.dll"'


def test_no_driver_no_token_and_no_card_service_are_told_apart() -> None:
    assert codes(judge()) == [CheckCode.NO_MODULE]
    report = judge(module(), service=False)
    assert codes(report) == [TokenCode.TOKEN_MISSING]
    assert codes(report, Severity.WARNING) == [CheckCode.CARD_SERVICE]
    assert codes(judge(module()), Severity.WARNING) == []


@pytest.mark.parametrize(
    "fault",
    [
        TokenCode.MODULE_MISSING,
        TokenCode.MODULE_BITS,
        TokenCode.MODULE_INVALID,
        TokenCode.TIMEOUT,
        TokenCode.PROCESS_DIED,
    ],
)
def test_the_driver_that_is_set_and_fails_is_the_problem_and_one_that_is_only_there_is_not(fault: TokenCode) -> None:
    broken = replace(module(path=OTHER), fault=fault)
    assert codes(judge(broken)) == [fault]
    by_the_way = replace(broken, candidate=Candidate(OTHER, "", Origin.KNOWN))
    assert judge(module(token(certificate())), by_the_way).is_usable
    assert codes(judge(by_the_way, told=TokenSetting()))[1:] == [fault]


def test_a_token_that_another_driver_sees_is_said_with_that_drivers_line() -> None:
    one = certificate()
    seeing = module(token(one), path=OTHER, origin=Origin.KNOWN)
    for named in (module(), replace(module(), fault=TokenCode.MODULE_MISSING)):
        report = judge(named, seeing, told=setting(one))
        assert codes(report)[-1] is CheckCode.MODULE_OTHER
        assert TokenCode.TOKEN_MISSING not in codes(report)
        assert report.lines == setting_lines(OTHER, label=LABEL, serial=one.serial)
        assert report.meant is None
    foreign = judge(module(), module(token(one, label="khác"), path=OTHER, origin=Origin.KNOWN))
    assert codes(foreign) == [TokenCode.TOKEN_MISSING]


def test_two_tokens_are_told_apart_by_the_setting_or_not_at_all() -> None:
    one, two = certificate(), certificate(name="Trạm khác")
    both = module(token(one), token(two, label="TRAM 2", serial="02"))
    report = judge(both, told=setting(one))
    assert report.is_usable
    assert next((check.code, check.about) for check in report.checks) == (CheckCode.ANOTHER_TOKEN, "TRAM 2")
    unset = replace(both, candidate=Candidate(MODULE, "", Origin.KNOWN))
    assert TokenCode.TOKEN_AMBIGUOUS in codes(judge(unset, told=TokenSetting()))


def test_certificates_that_cannot_sign_are_named_by_the_cause() -> None:
    weak = weak_certificate()
    assert codes(judge(module(token(weak)))) == [CheckCode.KEY_UNFIT]
    assert codes(judge(module(token(certificate(usage="encipher"))))) == [CheckCode.KEY_USAGE]
    mixed = judge(module(token(weak, certificate(usage="encipher"))))
    assert codes(mixed) == [TokenCode.CERTIFICATE_UNUSABLE]
    assert codes(judge(module(token(b"no certificate")))) == [TokenCode.CERTIFICATE_UNUSABLE]
    assert codes(judge(module(token()))) == [TokenCode.CERTIFICATE_MISSING]
    assert codes(judge(module(replace(token(), key_ids=(b"\1",))))) == [TokenCode.KEY_ALONE]
    # One that is meant by its number and is not there is not blamed on the others.
    wrong = judge(module(token(certificate(usage="encipher"))), told=setting(certificate(name="Khác")))
    assert codes(wrong) == [TokenCode.CERTIFICATE_MISSING]
    two = judge(module(token(certificate(), certificate(200))))
    assert codes(two) == [TokenCode.CERTIFICATE_AMBIGUOUS]


def test_an_authoritys_certificate_on_the_token_is_no_fault() -> None:
    report = judge(module(token(CA.certificate, certificate())))
    assert report.is_usable
    shown = report.modules[0].tokens[0].certificates
    assert [one.checks for one in shown] == [(), ()]
    assert [one.is_meant for one in shown] == [False, True]


def test_a_certificate_that_is_there_twice_is_meant_once() -> None:
    one = certificate()
    report = judge(module(token(one, one)))
    assert [shown.is_meant for shown in report.modules[0].tokens[0].certificates] == [True, False]


@pytest.mark.parametrize(
    ("flags", "code", "severity"),
    [
        (READY | PinFlag.COUNT_LOW, TokenCode.PIN_COUNT_LOW, Severity.WARNING),
        (READY | PinFlag.FINAL_TRY | PinFlag.COUNT_LOW, TokenCode.PIN_FINAL_TRY, Severity.PROBLEM),
        (READY | PinFlag.LOCKED, TokenCode.PIN_LOCKED, Severity.PROBLEM),
        (READY | PinFlag.TO_BE_CHANGED, TokenCode.PIN_EXPIRED, Severity.PROBLEM),
        (0x4, TokenCode.PIN_NOT_SET, Severity.PROBLEM),
    ],
)
def test_the_pins_standing_is_said_before_anybody_types_it(flags: int, code: TokenCode, severity: Severity) -> None:
    report = judge(module(token(certificate(), flags=flags)))
    assert codes(report, severity) == [code]
    assert report.is_usable is (severity is Severity.WARNING)


def test_flags_are_words_and_a_token_without_any_says_nothing() -> None:
    every = 0x4 | 0x100 | PinFlag.COUNT_LOW | PinFlag.FINAL_TRY | PinFlag.LOCKED | PinFlag.TO_BE_CHANGED
    assert set(flags_of(token(flags=every))) == set(TokenFlag) == set(FLAG_WORDS)
    assert flags_of(token(flags=0)) == ()
    assert judge(module(token(certificate(), flags=0))).is_usable


def test_the_algorithm_that_is_wished_for_has_to_be_there() -> None:
    one = certificate()
    wish = TokenSetting(Pkcs11Uri(LABEL, one.serial, MODULE, Algorithm.RS256), module=MODULE)
    assert codes(judge(module(token(one)), told=wish)) == [TokenCode.ALGORITHM_UNFIT]
    only_rsa = replace(token(one), mechanisms=frozenset({int(TokenMechanism.RSA_PKCS)}))
    report = judge(module(only_rsa))
    assert codes(report) == [TokenCode.MECHANISM_MISSING]
    assert report.meant is not None
    assert report.meant[2].mechanism == ""


def test_the_variable_counts_where_nothing_is_set_and_is_told_where_it_does_not() -> None:
    one = certificate()
    uri = Pkcs11Uri(LABEL, one.serial)
    used = judge(module(token(one), origin=Origin.VARIABLE), told=TokenSetting(uri, variable=MODULE))
    assert codes(used, Severity.WARNING) == [CheckCode.VARIABLE_USED]
    unused = TokenSetting(uri, module=MODULE, variable=OTHER)
    assert codes(judge(module(token(one)), told=unused), Severity.WARNING) == [CheckCode.VARIABLE_UNUSED]
    same = TokenSetting(uri, module=MODULE, variable=MODULE)
    assert codes(judge(module(token(one)), told=same), Severity.WARNING) == []


def test_a_driver_that_is_asked_about_is_judged_whatever_is_set() -> None:
    asked = TokenSetting(fault=TokenCode.URI_INVALID, variable=OTHER, asked=MODULE)
    report = judge(module(token(certificate(), label="một nhãn khác"), origin=Origin.ASKED), told=asked)
    assert [check.code for check in report.checks] == [CheckCode.USABLE]
    assert not report.is_set


def test_the_gravest_finding_stands_first() -> None:
    one = certificate(110)
    many = module(token(one, flags=READY | PinFlag.LOCKED), token(label="khác", serial="02"))
    severities = [check.severity for check in judge(many, told=setting(one)).checks]
    assert severities == [Severity.PROBLEM, Severity.WARNING, Severity.WARNING]


def test_every_code_has_words_of_its_own_and_none_is_a_tokens_code() -> None:
    assert set(CHECK_WORDS) == set(CheckCode)
    assert not {code.value for code in CheckCode} & {code.value for code in TokenCode}
    every: list[AnyCheck] = [*CheckCode, *TokenCode]
    said = [check_words(code) for code in every]
    assert len({words.vi for words in said}) == len(every)
    assert all(words.cure.endswith((".", "…")) and not words.vi.endswith(".") for words in said)


def test_a_weak_certificate_is_described_and_refused() -> None:
    facts = read_facts(weak_certificate())
    assert facts is not None
    assert (facts.key_type, facts.key_bits, facts.name) == ("RSA", 1024, "Khóa yếu")
    assert not facts.may_sign
    assert facts.accepted is None
    strong = issue_certificate(CA, rsa_key(), subject="Khóa tốt", at=START, usage="none")
    facts = read_facts(strong.der)
    assert facts is not None
    assert (facts.key_bits, facts.usages, facts.may_sign, facts.is_authority) == (2048, None, True, False)
    assert read_facts(b"") is None
    assert read_facts(strong.der[:-5]) is None


def weak_certificate() -> bytes:
    """An RSA-1024 certificate, as old tokens have them; our own reader refuses it."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Khóa yếu")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(7).not_valid_before(START).not_valid_after(START + timedelta(days=365))
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.DER)
