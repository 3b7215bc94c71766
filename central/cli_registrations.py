"""The verbs about what sites ask to be registered: see what waits, decide it."""

from __future__ import annotations

from typing import Final

import click

from central.cli_state import State, json_option, pass_state, say
from central.workflow.decide_registration import WaitingRequest, decide_registration, waiting_requests
from sync_protocol.certificate import organisation_of
from sync_protocol.days import local_day
from sync_protocol.errors import Code
from sync_protocol.problems import PROBLEMS
from sync_protocol.serial_number import parse_serial
from sync_protocol.usage_words import WrongUsage

# What a site may be answered: the code, the sentence and the cure that it shows are those of `problems`.
REFUSALS: Final = (
    Code.REGISTRATION_REFUSED,
    Code.REGISTRATION_CONFLICT,
    Code.FACILITY_MISMATCH,
    Code.CERTIFICATE_UNTRUSTED,
    Code.CERTIFICATE_EXPIRED,
    Code.CERTIFICATE_REVOKED,
)


@click.command("registrations")
@json_option
@pass_state
def registrations(state: State) -> None:
    """List the certificates that sites ask to be registered and that wait for a decision."""
    centre = state.open_centre()
    found = waiting_requests(centre.engine)
    for one in found:
        _say(one)
    if not found:
        say("Không có yêu cầu đăng ký chứng thư số nào chờ quyết định.")
    state.emit({"ok": True, "waiting": [_data(one) for one in found]})


@click.command("decide-registration")
@click.argument("facility")
@click.argument("serial")
@click.option("--accept/--refuse", "is_accepted", default=None, help="Register the certificate, or do not.")
@click.option(
    "--code",
    type=click.Choice([code.value for code in REFUSALS]),
    default=Code.REGISTRATION_REFUSED.value,
    help="What a refused site is told.",
)
@click.option("--reason", default="", help="In words; kept at the centre.")
@json_option
@pass_state
def decide_request(
    state: State, *, facility: str, serial: str, is_accepted: bool | None, code: str, reason: str
) -> None:
    """Decide what FACILITY asks for the certificate SERIAL (hexadecimal)."""
    if is_accepted is None:
        raise WrongUsage("Cần --accept hoặc --refuse.", "give --accept or --refuse")
    if not is_accepted and not reason.strip():
        raise WrongUsage("Từ chối thì cần --reason.", "a refusal needs --reason")
    number = parse_serial(serial)
    centre = state.open_centre()
    decided = decide_registration(
        facility,
        number,
        refusal=None if is_accepted else Code(code),
        reason=reason.strip(),
        engine=centre.engine,
        keys=centre.keys,
        now=centre.clock.now(),
    )
    done = "Đã đăng ký" if is_accepted else "Đã từ chối đăng ký"
    say(f"{done} chứng thư số {number} cho cơ sở {facility}; các nút của cơ sở sẽ được báo.")
    state.emit({"ok": True, "facility": facility, "serial": number, "accepted": is_accepted, "requests": decided})


def _say(one: WaitingRequest) -> None:
    request, certificate = one.request, one.certificate
    how = "chỉ có số sê-ri" if certificate is None else "có chữ ký chứng minh giữ khóa"
    say(f"{request.facility} ({one.facility_name}), nút {request.node}: số {request.serial}, {how}")
    say(f"  người ký {request.officer}, gửi ngày {local_day(request.asked_at)}")
    if certificate is not None:
        until = local_day(int(certificate.not_after.timestamp()))
        say(f"  tổ chức {organisation_of(certificate) or '(không ghi)'}, hết hạn {until}")
    if one.held_officer is not None:
        say(f"  ! số này đang đăng ký cho người ký {one.held_officer or '(con dấu của cơ sở)'}")
    for rival in one.rivals:
        what = "đã đăng ký" if rival.is_registered else "cũng xin đăng ký"
        say(f"  ! cơ sở {rival.facility} ({rival.name}) {what} số này")
    if request.doubt and request.doubt != Code.REGISTRATION_CONFLICT:
        say(f"  ! {PROBLEMS[Code(request.doubt)].vi}")


def _data(one: WaitingRequest) -> dict[str, object]:
    request, certificate = one.request, one.certificate
    return {
        "facility": request.facility,
        "facility_name": one.facility_name,
        "node": request.node,
        "serial": request.serial,
        "officer": request.officer,
        "asked_at": request.asked_at,
        "proven": certificate is not None,
        "organisation": None if certificate is None else organisation_of(certificate),
        "not_after": None if certificate is None else int(certificate.not_after.timestamp()),
        "held_officer": one.held_officer,
        "doubt": request.doubt or None,
        "rivals": [{"facility": rival.facility, "registered": rival.is_registered} for rival in one.rivals],
    }
