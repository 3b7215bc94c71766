"""The verbs about trust in organisation certificates: authorities, their revocation lists, what was revoked."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click
from sqlalchemy import Engine

from central.bootstrap import open_store
from central.cli_files import read_certificate, read_certificates
from central.cli_state import State, json_option, pass_state, say
from central.cli_trust_data import (
    WARNINGS,
    authority_data,
    fetched_data,
    kind,
    outcome,
    questioned_data,
    say_questioned,
    status_data,
    taken_data,
)
from central.clients.crl_http import CrlAnswer, fetch_crl
from central.config import load_config
from central.store.database import require_newest
from central.store.trust import AnchorScope
from central.workflow import fetch_crls as fetching
from central.workflow import import_crl as importing
from central.workflow import manage_anchors
from central.workflow import register_certificate as registrations
from central.workflow.recheck_revocations import recheck_revocations
from central.workflow.tell_revocations import tell_revocations
from central.workflow.trust_status import trust_status
from sync_protocol.certificate import serial_text
from sync_protocol.days import day_start, local_day
from sync_protocol.usage_words import WrongUsage

_IN: Final = click.Path(path_type=Path, exists=True, dir_okay=False)
_NOT_FINISHED: Final = 3


@click.group("trust-anchor")
def trust_anchor() -> None:
    """The authorities to which organisation certificates must lead."""


@trust_anchor.command("add")
@click.argument("file", type=_IN)
@click.option("--scope", type=click.Choice(["government", "public"]), help="Whose organisations a root stands for.")
@click.option("--intermediate", is_flag=True, help="Authorities between a root that is trusted and organisations.")
@json_option
@pass_state
def add_anchor(state: State, *, file: Path, scope: str | None, intermediate: bool) -> None:
    """Trust the authorities in FILE (PEM or DER), once their thumbprints are compared."""
    if (scope is None) != intermediate:
        raise WrongUsage(
            "Cần --scope cho gốc tin cậy, hoặc --intermediate.", "give --scope for a root, or --intermediate"
        )
    centre, certificates = state.open_centre(), read_certificates(file)
    now = centre.clock.now()
    if scope is None:
        manage_anchors.add_intermediates(certificates, engine=centre.engine, now=now)
    else:
        manage_anchors.add_anchors(certificates, scope=AnchorScope(scope), engine=centre.engine, now=now)
    for certificate in certificates:
        say(f"Đã tin cậy: {certificate.subject}")
        say(f"  SHA-256: {certificate.thumbprint.hex()}")
    say("Hãy đối chiếu dấu vân tay với bản tổ chức chứng thực công bố, rồi chạy publish-trust.")
    state.emit({"ok": True, "thumbprints": [item.thumbprint.hex() for item in certificates]})


@trust_anchor.command("list")
@json_option
@pass_state
def list_anchors(state: State) -> None:
    """List every authority that is or was trusted."""
    rows = manage_anchors.list_authorities(_engine(state))
    for row in rows:
        ended = "" if row.removed_at is None else f", thôi tin cậy từ {local_day(row.removed_at)}"
        say(f"{kind(row)}: {row.certificate.subject}{ended}")
        say(f"  SHA-256: {row.certificate.thumbprint.hex()}")
    state.emit({"ok": True, "authorities": [authority_data(row) for row in rows]})


@trust_anchor.command("retire")
@click.argument("thumbprint")
@json_option
@pass_state
def retire_anchor(state: State, *, thumbprint: str) -> None:
    """Trust the authority with THUMBPRINT (hexadecimal, or its beginning) no longer."""
    centre = state.open_centre()
    row = manage_anchors.retire_authority(thumbprint, engine=centre.engine, now=centre.clock.now())
    say(f"Đã thôi tin cậy: {row.certificate.subject}. Hãy chạy publish-trust.")
    state.emit({"ok": True, "thumbprint": row.certificate.thumbprint.hex()})


@click.command("fetch-crls")
@json_option
@pass_state
def fetch_crls(state: State) -> None:
    """Fetch the revocation lists of all authorities, at the addresses that their certificates name."""
    centre = state.open_centre()
    now = centre.clock.now()
    found = fetching.fetch_crls(centre.engine, fetch=_fetch, now=now)
    for one in found:
        say(f"{one.url}: {outcome(one)}")
        say_questioned(one.crl.questioned if one.crl else ())
    if not found:
        say("Không chứng thư nào ghi địa chỉ danh sách thu hồi; hãy nhập bằng import-crl.")
    # Also where no list is new: the last call may have been cut off between the list and the telling.
    told = tell_revocations(centre.engine, keys=centre.keys, now=now)
    failed = fetching.failed(found)
    state.emit({"ok": not failed, "addresses": [fetched_data(one) for one in found], "nodes_told": told})
    if failed:
        raise SystemExit(_NOT_FINISHED)


@click.command("import-crl")
@click.argument("file", type=_IN)
@json_option
@pass_state
def import_crl(state: State, *, file: Path) -> None:
    """Import the revocation list in FILE (PEM or DER), brought from elsewhere."""
    centre = state.open_centre()
    now = centre.clock.now()
    taken = importing.import_crl(file.read_bytes(), source=file.name, engine=centre.engine, now=now)
    say(f"{taken.issuer}: {'đã nhận' if taken.is_new else 'đã có'} danh sách ngày {local_day(taken.this_update)}")
    say(f"  {taken.entries} chứng thư số bị thu hồi.")
    say_questioned(taken.questioned)
    told = tell_revocations(centre.engine, keys=centre.keys, now=now)
    state.emit({"ok": True, **taken_data(taken), "nodes_told": told})


@click.command("trust-status")
@json_option
@pass_state
def show_trust(state: State) -> None:
    """Show each authority with its lists and their age, and the batches whose signatures are in question."""
    now = state.clock.now()
    found = trust_status(_engine(state), now=now)
    for authority in found.authorities:
        say(f"{kind(authority.row)}: {authority.row.certificate.subject}")
        for held in authority.crls:
            promised = "không hẹn" if held.next_update is None else local_day(held.next_update)
            say(f"  CRL ngày {local_day(held.this_update)}, kỳ sau {promised}: {held.entries} chứng thư số")
        for warning in authority.warnings:
            say(f"  CHÚ Ý: {WARNINGS[warning]}")
    say_questioned(found.questioned)
    state.emit(
        {
            "ok": True,
            "authorities": [status_data(one, now=now) for one in found.authorities],
            "questioned": [questioned_data(one) for one in found.questioned],
        }
    )


@click.command("revoke-certificate")
@click.option("--certificate", type=_IN, required=True, help="The certificate (PEM or DER).")
@click.option("--from", "start", help="Local day from whose start it is revoked; now unless given.")
@click.option("--reason", default="", help="In words.")
@json_option
@pass_state
def revoke_certificate(state: State, *, certificate: Path, start: str | None, reason: str) -> None:
    """Revoke an organisation certificate: batches signed after it are refused, doubtful ones wait."""
    centre = state.open_centre()
    held, now = read_certificate(certificate), centre.clock.now()
    revoked_at = day_start(start) if start else now
    registrations.revoke_certificate(held, revoked_at=revoked_at, reason=reason, engine=centre.engine, now=now)
    serial = serial_text(held.serial)
    say(f"Đã thu hồi chứng thư số {serial}. Hãy công bố lại danh sách tin cậy (publish-trust).")
    questioned = recheck_revocations(centre.engine, now=now)
    say_questioned(questioned)
    told = tell_revocations(centre.engine, keys=centre.keys, now=now, serial=serial)
    state.emit(
        {
            "ok": True,
            "serial": serial,
            "revoked_at": revoked_at,
            "questioned": [questioned_data(one) for one in questioned],
            "nodes_told": told,
        }
    )


def _fetch(url: str, etag: str, modified: str) -> CrlAnswer:
    return fetch_crl(url, etag=etag, modified=modified)


def _engine(state: State) -> Engine:
    engine = open_store(load_config(state.directory, state.environment))
    require_newest(engine)
    return engine
