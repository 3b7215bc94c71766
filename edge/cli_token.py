"""The verb `token`: what is wrong with the token or its driver, told to a technician who needs no passphrase for it."""

from __future__ import annotations

from collections.abc import Iterable

import click
from rich.table import Table
from rich.text import Text

from edge.bootstrap import SystemClock
from edge.cli_signing import ask_at_terminal, read_line
from edge.cli_state import REFUSED, State, json_option, pass_state
from edge.config import read_config
from edge.domain.token_checks import Check, CheckCode, Severity, check_words
from edge.domain.token_report import FLAG_WORDS, CertificateReport, ModuleReport, Report, TokenReport
from edge.workflow.examine_token import begin_examination, examine_modules, finish_examination
from edge.workflow.sign_trial import sign_trial
from sync_protocol.days import local_day
from sync_protocol.signers.opening import open_signer
from sync_protocol.signers.token_messages import TokenMechanism
from sync_protocol.signers.token_modules import program_bits
from sync_protocol.signers.uri import Pkcs11Uri, encode_signer_uri

_MARKS = {Severity.OK: "✓", Severity.WARNING: "!", Severity.PROBLEM: "✕"}


@click.command()
@click.option("--module", default="", metavar="FILE", help="Examine this driver alone, whatever is set.")
@click.option("--sign", is_flag=True, help="Make a trial signature as well; asks for the PIN, once.")
@click.option("--pin-stdin", is_flag=True, help="Read the PIN from standard input, one line.")
@click.option("--after-wrong-pin", is_flag=True, help="Go on although the token has counted a wrong PIN.")
@json_option
@pass_state
def token(state: State, *, module: str, sign: bool, pin_stdin: bool, after_wrong_pin: bool) -> None:
    """Examine the token: drivers on this machine, certificates, days left, and what to do. Needs no passphrase."""
    config = read_config(state.directory, state.environment)
    examination = begin_examination(config, state.environment, asked=module)
    seen = []
    for one in examine_modules(examination):
        seen.append(one)
        state.say(f"  {one.candidate.path}: {_outcome(one.fault is None, len(one.tokens))}")
    report = finish_examination(examination, seen, now=(state.clock or SystemClock()).now())
    _tell(state, report)
    data = _data(report)
    if sign and report.is_usable and report.meant is not None:
        found_module, found_token, certificate = report.meant
        assert certificate.facts is not None
        assert certificate.facts.accepted is not None
        wish = None if examination.setting.pkcs11 is None else examination.setting.pkcs11.algorithm
        uri = encode_signer_uri(
            Pkcs11Uri(
                found_token.seen.label or None,
                certificate.facts.accepted.serial,
                found_module.candidate.path,
                algorithm=wish,
            )
        )
        # The trail with the PINs that were refused is in the store, which nobody has opened here.
        state.say("! Lệnh này không mở kho dữ liệu, nên không biết mã PIN đã bị nhập sai lần nào, và không nhớ lại.")
        state.say("  Mỗi lần chạy chỉ thử mã một lần. Nếu sai, hỏi lại người giữ PIN trước khi chạy lần nữa.")
        with open_signer(uri, read_line if pin_stdin else ask_at_terminal, after_wrong_pin=after_wrong_pin) as signer:
            made = sign_trial(signer)
            data["trial"] = {"algorithm": signer.algorithm.name, "operations": signer.operations, "bytes": len(made)}
        state.say("✓ Chữ ký thử đúng. Nó không có giá trị nào khác và không được lưu.")
    state.emit({"ok": report.is_usable, "code": _code(report), **data})
    if not report.is_usable:
        click.get_current_context().exit(REFUSED)


def _tell(state: State, report: Report) -> None:
    for check in report.checks:
        said = check_words(check.code)
        about = f" ({check.about})" if check.about else ""
        days = "" if check.days is None else f", còn {check.days} ngày"
        mark = _MARKS[check.severity]
        state.say(f"{mark} {said.vi.rstrip('.')}{about}{days}. {said.cure} [{check.code.value}]")
    for line in report.lines:
        state.say(f"  {line}")
    for module in report.modules:
        for one in module.tokens:
            state.console.print(_table(module, one))


def _table(module: ModuleReport, one: TokenReport) -> Table:
    title = f"{one.seen.label} · {one.seen.manufacturer} {one.seen.model} · {one.seen.serial}"
    table = Table("", "", show_header=False, title=Text(title), title_justify="left")
    table.add_row("phần mềm", Text(f"{module.candidate.vendor} {module.candidate.path}".strip()))
    table.add_row("PIN", Text("; ".join(FLAG_WORDS[flag] for flag in one.flags) or "token không cho biết"))
    table.add_row("thuật toán", Text(", ".join(TokenMechanism(number).name for number in sorted(one.seen.mechanisms))))
    for certificate in one.certificates:
        table.add_section()
        facts = certificate.facts
        if facts is None:
            table.add_row("chứng thư số", "không đọc được")
            continue
        first, last = (local_day(int(moment.timestamp())) for moment in (facts.not_before, facts.not_after))
        usages = "không ghi" if facts.usages is None else ", ".join(facts.usages)
        table.add_row("chứng thư số", Text(facts.serial + (" ← dùng để ký" if certificate.is_meant else "")))
        table.add_row("của", Text(facts.subject))
        table.add_row("do", Text(facts.issuer))
        table.add_row("hiệu lực", Text(f"{first} … {last}, còn {certificate.days_left} ngày"))
        table.add_row("khóa", Text(f"{facts.key_type} {facts.key_bits}, {usages}"))
        table.add_row("ký bằng", Text(f"{certificate.algorithm} {certificate.mechanism}".strip() or "không ký được"))
    return table


def _outcome(could_be_asked: bool, tokens: int) -> str:
    return f"{tokens} token" if could_be_asked else "không dùng được"


def _code(report: Report) -> str:
    """The gravest finding's code, or that the token can be used."""
    return report.checks[0].code.value if not report.is_usable else CheckCode.USABLE.value


def _data(report: Report) -> dict[str, object]:
    return {
        "program_bits": program_bits(),
        "checks": _checks(report.checks),
        "lines": list(report.lines),
        "looked_for": list(report.looked_for),
        "modules": [
            {
                "path": module.candidate.path,
                "vendor": module.candidate.vendor,
                "origin": module.candidate.origin.value,
                "bits": module.bits,
                "fault": None if module.fault is None else module.fault.value,
                "tokens": [_token_data(one, is_set=report.is_set) for one in module.tokens],
            }
            for module in report.modules
        ],
    }


def _checks(checks: Iterable[Check]) -> list[dict[str, object]]:
    return [
        {
            "code": check.code.value,
            "severity": check.severity.value,
            "about": check.about,
            "days": check.days,
            "said": check_words(check.code).vi,
            "cure": check_words(check.code).cure,
        }
        for check in checks
    ]


def _token_data(one: TokenReport, *, is_set: bool) -> dict[str, object]:
    return {
        "slot": one.seen.slot,
        "label": one.seen.label,
        "serial": one.seen.serial,
        "manufacturer": one.seen.manufacturer,
        "model": one.seen.model,
        "flags": [flag.value for flag in one.flags],
        "mechanisms": [TokenMechanism(number).name for number in sorted(one.seen.mechanisms)],
        "certificates": [_certificate_data(certificate, is_set=is_set) for certificate in one.certificates],
    }


def _certificate_data(certificate: CertificateReport, *, is_set: bool) -> dict[str, object]:
    facts = certificate.facts
    if facts is None:
        return {"serial": "", "checks": _checks(certificate.checks)}
    return {
        "serial": facts.serial,
        "subject": facts.subject,
        "issuer": facts.issuer,
        "not_before": facts.not_before.isoformat(),
        "not_after": facts.not_after.isoformat(),
        "days_left": certificate.days_left,
        "key_type": facts.key_type,
        "key_bits": facts.key_bits,
        "key_usage": None if facts.usages is None else list(facts.usages),
        "authority": facts.is_authority,
        "may_sign": facts.may_sign,
        "algorithm": certificate.algorithm,
        "mechanism": certificate.mechanism,
        "chosen": certificate.is_meant,
        "configured": certificate.is_meant and is_set,
        "lines": list(certificate.lines),
        "checks": _checks(certificate.checks),
    }
