"""From what the drivers showed to an answer: can one sign with this token, and if not, what is to be done.

The token, the certificate and the mechanism are chosen by the very functions that choose them before a signature
(`choose_certificate`, `choose_mechanism`, `check_pin_flags`), so the answer here is the one that signing will give.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from edge.domain.certificate_standing import WARNING_DAYS
from edge.domain.token_checks import Check, CheckCode, Severity
from edge.domain.token_report import (
    CertificateReport,
    ModuleReport,
    Report,
    SeenModule,
    TokenFlag,
    TokenReport,
    TokenSetting,
    flags_of,
    setting_lines,
)
from sync_protocol.errors import Code
from sync_protocol.signers.certificate_facts import CertificateFacts, read_facts
from sync_protocol.signers.mechanisms import choose_mechanism
from sync_protocol.signers.pin_guard import check_pin_flags
from sync_protocol.signers.token_choice import ChosenCertificate, choose_certificate
from sync_protocol.signers.token_errors import TokenCode, TokenError
from sync_protocol.signers.token_messages import SeenToken
from sync_protocol.signers.token_modules import Origin
from sync_protocol.signers.uri import SoftwareUri

_DAY_SECONDS: Final = 86_400
_GRAVITY: Final = {Severity.PROBLEM: 0, Severity.WARNING: 1, Severity.OK: 2}


@dataclass(frozen=True, slots=True)
class _Meant:
    """The certificate that signs, and the driver through which it does."""

    module: SeenModule
    chosen: ChosenCertificate


def judge_token(
    modules: Sequence[SeenModule],
    setting: TokenSetting,
    *,
    now: int,
    looked_for: Sequence[str] = (),
    has_card_service: bool = True,
) -> Report:
    """Judges an examination.

    Args:
        modules: what each driver showed, the one that is set first.
        setting: what the node is told.
        now: epoch seconds UTC.
        looked_for: file names of drivers that were looked for.
        has_card_service: whether the system's service for smart cards runs, where that can be told.
    """
    checks = [] if setting.asked else _check_setting(setting)
    named = next((module for module in modules if module.candidate.origin is not Origin.KNOWN), None)
    scope = list(modules) if named is None else [named]
    meant: _Meant | None = None
    if not modules:
        checks.append(Check(CheckCode.NO_MODULE, Severity.PROBLEM))
    elif named is not None and named.fault is not None:
        checks.append(Check(named.fault, Severity.PROBLEM, named.candidate.path))
    elif not any(module.tokens for module in scope):
        checks += _why_no_token(scope, has_card_service=has_card_service)
    else:
        try:
            meant = _choose(scope, setting)
        except TokenError as error:
            checks.append(Check(_closer_cause(error, scope, setting), Severity.PROBLEM))
    lines: tuple[str, ...] = ()
    other = None if named is None or setting.asked else _elsewhere(modules, named, setting)
    if meant is None and other is not None:
        # Said instead of "no token": the token is there, and the driver is what has to be changed.
        checks = [one for one in checks if one.code not in (TokenCode.TOKEN_MISSING, CheckCode.CARD_SERVICE)]
        checks.append(Check(CheckCode.MODULE_OTHER, Severity.PROBLEM, other.module.candidate.path))
        lines = _lines_of(other)
    if meant is not None:
        checks += _check_meant(meant, setting, now=now)
        if not setting.asked and (setting.signer is None or isinstance(setting.signer, SoftwareUri)):
            lines = _lines_of(meant)
    if all(check.severity is not Severity.PROBLEM for check in checks) and meant is not None:
        checks.append(Check(CheckCode.USABLE, Severity.OK, meant.chosen.token.label))
    return Report(
        checks=tuple(sorted(checks, key=lambda check: _GRAVITY[check.severity])),
        modules=tuple(_report(module, meant, now=now) for module in modules),
        lines=lines,
        is_set=setting.pkcs11 is not None,
        looked_for=tuple(looked_for),
    )


def check_certificate(facts: CertificateFacts | None, *, now: int) -> list[Check]:
    """What is wrong with a certificate by itself: its key, its use, its days."""
    if facts is None:
        return [Check(TokenCode.CERTIFICATE_UNUSABLE, Severity.PROBLEM)]
    checks: list[Check] = []
    match facts.refusal:
        case None:
            pass
        case Code.KEY_INVALID:
            checks.append(Check(CheckCode.KEY_UNFIT, Severity.PROBLEM, facts.serial))
        case Code.KEY_USAGE:
            checks.append(Check(CheckCode.KEY_USAGE, Severity.PROBLEM, facts.serial))
        case _:
            checks.append(Check(TokenCode.CERTIFICATE_UNUSABLE, Severity.PROBLEM, facts.serial))
    days = days_left(facts, now=now)
    if now < int(facts.not_before.timestamp()):
        checks.append(Check(CheckCode.CERTIFICATE_EARLY, Severity.PROBLEM, facts.serial))
    elif now > int(facts.not_after.timestamp()):
        checks.append(Check(CheckCode.CERTIFICATE_EXPIRED, Severity.PROBLEM, facts.serial))
    elif days < max(WARNING_DAYS):
        checks.append(Check(CheckCode.CERTIFICATE_ENDS, Severity.WARNING, facts.serial, days))
    return checks


def days_left(facts: CertificateFacts, *, now: int) -> int:
    """Whole days until the certificate's end; negative after it."""
    return (int(facts.not_after.timestamp()) - now) // _DAY_SECONDS


def _check_setting(setting: TokenSetting) -> list[Check]:
    checks: list[Check] = []
    if setting.fault is not None:
        checks.append(Check(setting.fault, Severity.PROBLEM))
    elif setting.signer is None:
        checks.append(Check(CheckCode.NOT_SET, Severity.PROBLEM))
    elif isinstance(setting.signer, SoftwareUri):
        checks.append(Check(CheckCode.SOFTWARE, Severity.WARNING))
    if setting.variable and not setting.module:
        checks.append(Check(CheckCode.VARIABLE_USED, Severity.WARNING, setting.variable))
    elif setting.variable and setting.variable != setting.module:
        checks.append(Check(CheckCode.VARIABLE_UNUSED, Severity.WARNING, setting.variable))
    return checks


def _why_no_token(scope: Sequence[SeenModule], *, has_card_service: bool) -> list[Check]:
    asked = [module for module in scope if module.fault is None]
    if not asked:
        # None of the known drivers could be asked; the first of them is the vendor's.
        return [Check(fault, Severity.PROBLEM, scope[0].candidate.path) for fault in (scope[0].fault,) if fault]
    checks = [Check(TokenCode.TOKEN_MISSING, Severity.PROBLEM)]
    if not has_card_service:
        checks.append(Check(CheckCode.CARD_SERVICE, Severity.WARNING))
    return checks


def _choose(scope: Sequence[SeenModule], setting: TokenSetting) -> _Meant:
    """The certificate that is meant, through the first driver that shows it.

    Raises:
        TokenError: as `choose_certificate`, for the first driver that shows a token.
    """
    uri = setting.pkcs11
    label, serial = (None, None) if uri is None else (uri.label, uri.serial)
    first: TokenError | None = None
    for module in scope:
        if module.tokens:
            try:
                return _Meant(module, choose_certificate(module.tokens, label=label, serial=serial))
            except TokenError as error:
                first = first or error
    raise first or TokenError(TokenCode.TOKEN_MISSING)


def _closer_cause(error: TokenError, scope: Sequence[SeenModule], setting: TokenSetting) -> CheckCode | TokenCode:
    """Why no certificate can sign, where the same is wrong with all of them."""
    is_any_meant = setting.pkcs11 is None or setting.pkcs11.serial is None
    if error.code is not TokenCode.CERTIFICATE_UNUSABLE and not (
        is_any_meant and error.code is TokenCode.CERTIFICATE_MISSING
    ):
        return error.code
    refusals = {
        facts.refusal
        for module in scope
        for token in module.tokens
        for seen in token.certificates
        if (facts := read_facts(seen.der)) is not None and not facts.is_authority
    }
    match list(refusals):
        case [Code.KEY_INVALID]:
            return CheckCode.KEY_UNFIT
        case [Code.KEY_USAGE]:
            return CheckCode.KEY_USAGE
    return error.code


def _elsewhere(modules: Sequence[SeenModule], named: SeenModule, setting: TokenSetting) -> _Meant | None:
    others = [module for module in modules if module is not named and module.tokens]
    try:
        return _choose(others, setting)
    except TokenError:
        return None


def _check_meant(meant: _Meant, setting: TokenSetting, *, now: int) -> list[Check]:
    token, certificate = meant.chosen.token, meant.chosen.certificate
    checks = check_certificate(read_facts(certificate.der), now=now)
    uri = setting.pkcs11
    try:
        choose_mechanism(certificate.public_key, token.mechanisms, wanted=None if uri is None else uri.algorithm)
    except TokenError as error:
        checks.append(Check(error.code, Severity.PROBLEM, token.label))
    checks += _check_pin(token)
    serials = {(other.label, other.serial) for other in meant.module.tokens}
    checks += [
        Check(CheckCode.ANOTHER_TOKEN, Severity.WARNING, label)
        for label, serial in sorted(serials)
        if (label, serial) != (token.label, token.serial)
    ]
    return checks


def _check_pin(token: SeenToken) -> list[Check]:
    if TokenFlag.PIN_NOT_SET in flags_of(token):
        return [Check(TokenCode.PIN_NOT_SET, Severity.PROBLEM, token.label)]
    try:
        check_pin_flags(token.flags, after_wrong_pin=False)
    except TokenError as error:
        # After a wrong PIN a person may go on; everything else that the flags say ends it.
        is_low = error.code is TokenCode.PIN_COUNT_LOW
        return [Check(error.code, Severity.WARNING if is_low else Severity.PROBLEM, token.label)]
    return []


def _lines_of(meant: _Meant) -> tuple[str, ...]:
    return setting_lines(
        meant.module.candidate.path, label=meant.chosen.token.label, serial=meant.chosen.certificate.serial
    )


def _report(module: SeenModule, meant: _Meant | None, *, now: int) -> ModuleReport:
    tokens = []
    for token in module.tokens:
        certificates: list[CertificateReport] = []
        for seen in token.certificates:
            facts = read_facts(seen.der)
            is_meant = (
                meant is not None
                and module is meant.module
                and token is meant.chosen.token
                and seen.der == meant.chosen.certificate.der
                # Some tokens show one certificate as two objects.
                and not any(one.is_meant for one in certificates)
            )
            certificates.append(_report_certificate(facts, token, module=module, is_meant=is_meant, now=now))
        tokens.append(TokenReport(token, flags_of(token), tuple(certificates)))
    return ModuleReport(module.candidate, module.bits, module.fault, tuple(tokens))


def _report_certificate(
    facts: CertificateFacts | None, token: SeenToken, *, module: SeenModule, is_meant: bool, now: int
) -> CertificateReport:
    algorithm, mechanism = "", ""
    lines: tuple[str, ...] = ()
    if facts is not None and facts.accepted is not None and facts.may_sign:
        lines = setting_lines(module.candidate.path, label=token.label, serial=facts.accepted.serial)
        try:
            choice = choose_mechanism(facts.accepted.public_key, token.mechanisms, wanted=None)
            algorithm, mechanism = choice.algorithm.name, choice.mechanism.name
        except TokenError:
            pass
    is_chain = facts is not None and facts.is_authority
    return CertificateReport(
        facts=facts,
        days_left=0 if facts is None else days_left(facts, now=now),
        algorithm=algorithm,
        mechanism=mechanism,
        checks=() if is_chain else tuple(check_certificate(facts, now=now)),
        is_meant=is_meant,
        lines=lines,
    )
