"""The verbs about certificates: how the site's stand, and asking the centre to register a further one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import click

from edge.bootstrap import Node
from edge.cli_signing import ask_at_terminal, read_line, spoken_warnings
from edge.cli_state import State, by_option, json_option, pass_state
from edge.clients.signer_setting import signer_uri
from edge.domain.certificate_standing import CertificateState, Standing
from edge.workflow.certificate_standings import site_standings
from edge.workflow.open_key import KeyAsked, open_key
from edge.workflow.register_certificate import Asked, check_request, register_certificate, register_serial
from sync_protocol.days import local_day

_STATES: Final[Mapping[CertificateState, str]] = {
    CertificateState.ASKED: "chờ trung tâm quyết định",
    CertificateState.REGISTERED: "đã đăng ký",
    CertificateState.REFUSED: "không được đăng ký",
    CertificateState.ENDED: "hết đăng ký",
    CertificateState.EXPIRED: "hết hạn",
    CertificateState.REVOKED: "đã bị thu hồi",
}


@click.command("certificates")
@json_option
@pass_state
def certificates(state: State) -> None:
    """List the site's certificates: registered, asked for, refused, ended."""
    node = state.node()
    with node.database.read() as tables:
        found = site_standings(tables, now=node.clock.now())
    for one in found:
        until = "" if one.not_after is None else f", đến {local_day(one.not_after)}"
        state.say(f"{one.serial} {one.organisation}: {_STATES[one.state] if one.is_sent else 'chờ gửi'}{until}")
    if not found:
        state.say("Máy chưa biết chứng thư số nào của cơ sở.")
    state.emit({"ok": True, "certificates": _data(found)})


@click.command("register-certificate")
@click.option("--serial", default="", help="The serial number alone, as the authority's letter prints it; no PIN.")
@click.option("--decimal", is_flag=True, help="The serial number is written in decimal digits.")
@click.option("--officer", default="", help="Full name of the signing officer; asked for unless given.")
@click.option("--signer", default="", metavar="URI", help="software:FILE.p12 or pkcs11:token=LABEL;serial=HEX.")
@click.option("--pin-stdin", is_flag=True, help="Read the PIN or password from standard input, one line.")
@click.option("--after-wrong-pin", is_flag=True, help="Go on although the token has counted a wrong PIN.")
@by_option
@json_option
@pass_state
def register(
    state: State,
    *,
    serial: str,
    decimal: bool,
    officer: str,
    signer: str,
    pin_stdin: bool,
    after_wrong_pin: bool,
    by: str,
) -> None:
    """Ask the centre to register the certificate on the token, or the one with --serial."""
    node = state.node()
    name = officer or str(click.prompt("Họ tên người ký", err=True))
    if serial:
        asked = register_serial(
            node.database,
            serial,
            is_decimal=decimal,
            officer=name,
            by=by,
            now=node.clock.now(),
            entropy=node.entropy,
        )
    else:
        ask = read_line if pin_stdin else ask_at_terminal
        wanted = KeyAsked(
            signer_uri(node.config, signer),
            by,
            check=lambda found: check_request(node.database, found, officer=name, now=node.clock.now()),
            now=node.clock.now,
            after_wrong_pin=after_wrong_pin,
        )
        with spoken_warnings(state), open_key(node.database, wanted, ask) as key:
            asked = register_certificate(
                node.database, key, officer=name, by=by, now=node.clock.now(), entropy=node.entropy
            )
    _tell(state, node, asked)


def _tell(state: State, node: Node, asked: Asked) -> None:
    state.say(f"✓ Đã niêm phong yêu cầu đăng ký chứng thư số {asked.serial}; gửi về trung tâm khi đồng bộ.")
    with node.database.read() as tables:
        found = [one for one in site_standings(tables, now=node.clock.now()) if one.serial == asked.serial]
    state.emit({"ok": True, "serial": asked.serial, "bundle": asked.bundle, "certificates": _data(found)})


def _data(found: Sequence[Standing]) -> list[dict[str, object]]:
    return [
        {
            "serial": one.serial,
            "state": one.state.value,
            "remark": one.remark or None,
            "sent": one.is_sent,
            "organisation": one.organisation or None,
            "officer": one.officer,
            "not_after": one.not_after,
            "revoked_at": one.revoked_at,
            "crl_at": one.crl_at,
            "crl_until": one.crl_until,
        }
        for one in found
    ]
