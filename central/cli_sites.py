"""The verbs about sites: enrolment, certificates, the population registry and its packs."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from central.cli_files import read_certificate, read_tls_anchors
from central.cli_state import State, json_option, pass_state, say
from central.config import KEY_FILE_PASSWORD_VARIABLE, PASSWORD_VARIABLE
from central.domain.admission import Registration
from central.store.artefact_files import write_artefact
from central.store.demo_authorities import read_authority
from central.store.facilities import Facility
from central.workflow import build_population_pack as packs
from central.workflow import enrol_facility as enrolments
from central.workflow import import_registry as registry
from central.workflow import issue_organisation_certificate as issuing
from central.workflow import register_certificate as registrations
from central.workflow.give_feed import feed_file
from sync_protocol.certificate import serial_text
from sync_protocol.days import DAY_SECONDS, day_end, day_start
from sync_protocol.signers.uri import parse_certificate_serial
from sync_protocol.usage_words import WrongUsage

_IN: Final = click.Path(path_type=Path, exists=True, dir_okay=False)
_OUT: Final = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.argument("facility")
@click.argument("node")
@click.option("--name", required=True, help="Name of the facility.")
@click.option("--unit", "units", multiple=True, help="Commune that it serves; may be given several times.")
@click.option("--out", type=_OUT, required=True, help="Where the enrolment file goes.")
@click.option("--again", is_flag=True, help="Enrol a node anew that was enrolled: it starts a new epoch.")
@json_option
@pass_state
def enrol(state: State, *, facility: str, node: str, name: str, units: tuple[str, ...], out: Path, again: bool) -> None:
    """Make FACILITY and its NODE known, and write the node's one-time enrolment file."""
    centre = state.open_centre()
    ticket = enrolments.enrol_facility(
        Facility(facility, name, units),
        node,
        engine=centre.engine,
        keys=centre.keys,
        public_url=centre.config.public_url,
        good_seconds=centre.config.enrolment_hours * 3_600,
        entropy=centre.entropy,
        now=centre.clock.now(),
        again=again,
        anchors=read_tls_anchors(centre.config.tls_anchors),
    )
    if ticket.file is None:
        say(f"Nút {node} đã ghi danh rồi, không tạo tệp mới (dùng --again nếu cần ghi danh lại).")
    else:
        write_artefact(out, [ticket.file])
        say(f"Đã ghi tệp ghi danh dùng một lần cho nút {node}: {out}")
    say(f"Đọc cho cơ sở dấu vân tay: {ticket.fingerprint}")
    state.emit(
        {
            "ok": True,
            "facility": facility,
            "node": node,
            "file": None if ticket.file is None else str(out),
            "fingerprint": ticket.fingerprint,
            "expires_at": ticket.expires_at,
        }
    )


@click.command("register-certificate")
@click.argument("facility")
@click.argument("serial", required=False)
@click.option("--certificate", type=_IN, help="The certificate itself (PEM or DER), instead of its serial.")
@click.option("--officer", default="", help="Name of the signing officer, as batches state it.")
@click.option("--from", "start", help="First day, YYYY-MM-DD; the certificate's own unless given.")
@click.option("--until", help="Last day, YYYY-MM-DD.")
@json_option
@pass_state
def register_certificate(
    state: State,
    *,
    facility: str,
    serial: str | None,
    certificate: Path | None,
    officer: str,
    start: str | None,
    until: str | None,
) -> None:
    """Register the certificate SERIAL (hexadecimal) of FACILITY and its signing officer."""
    if (serial is None) == (certificate is None):
        raise WrongUsage("Cần SERIAL hoặc --certificate.", "give SERIAL or --certificate")
    held = read_certificate(certificate) if certificate else None
    number = serial_text(held.serial if held else parse_certificate_serial(serial or ""))
    centre = state.open_centre()
    registrations.register_certificate(
        facility,
        number,
        registration=Registration(
            officer=officer,
            valid_from=day_start(start) if start else 0,
            valid_until=day_end(until) if until else None,
        ),
        certificate=held,
        engine=centre.engine,
        keys=centre.keys,
        now=centre.clock.now(),
    )
    say(f"Đã đăng ký chứng thư số {number} cho cơ sở {facility}.")
    state.emit({"ok": True, "facility": facility, "serial": number})


@click.command("import-registry")
@click.argument("file", type=_IN)
@json_option
@pass_state
def import_registry(state: State, *, file: Path) -> None:
    """Import the national population registry from a CSV FILE."""
    centre = state.open_centre()
    with file.open(encoding="utf-8", newline="") as lines:
        result = registry.import_registry(lines, engine=centre.engine)
    say(f"Đã nhập {result.written} người.")
    if result.faulty:
        say(f"Bỏ qua {result.faulty} dòng sai:")
        for line, rule in result.examples:
            say(f"  dòng {line}: {rule}")
    state.emit({"ok": True, "written": result.written, "faulty": result.faulty})


@click.command("build-pack")
@click.argument("node")
@click.option("--out", type=_OUT, required=True, help="Where the sealed pack goes.")
@click.option("--whole", is_flag=True, help="Everybody in the registry, not only the facility's communes.")
@click.option("--anew", is_flag=True, help="Send NODE the whole pack by its feed too, not only what changed.")
@json_option
@pass_state
def build_pack(state: State, *, node: str, out: Path, whole: bool, anew: bool) -> None:
    """Build the population pack of NODE, sealed to it; its feed gets what changed."""
    centre = state.open_centre()
    pack = packs.build_population_pack(
        node,
        whole=whole,
        good_seconds=centre.config.pack_days * DAY_SECONDS,
        engine=centre.engine,
        keys=centre.keys,
        entropy=centre.entropy,
        now=centre.clock.now(),
        anew=anew,
    )
    size = write_artefact(out, [pack.sealed])
    say(f"Đã tạo gói dữ liệu dân cư bản {pack.version} cho nút {node}: {pack.people} số định danh, {size} byte.")
    _say_told(pack)
    state.emit({"ok": True, **_pack_data(pack), "bytes": size, "file": str(out)})


@click.command("build-packs")
@click.argument("facilities", nargs=-1, required=True, metavar="FACILITY...")
@click.option("--whole", is_flag=True, help="Everybody in the registry, not only the facility's communes.")
@click.option("--anew", is_flag=True, help="Send whole packs, not only what changed.")
@json_option
@pass_state
def build_packs(state: State, *, facilities: tuple[str, ...], whole: bool, anew: bool) -> None:
    """Build the next population pack for every enrolled node of each FACILITY and put it into the node's feed."""
    centre = state.open_centre()
    built = [
        pack
        for facility in facilities
        for pack in packs.build_facility_packs(
            facility,
            whole=whole,
            good_seconds=centre.config.pack_days * DAY_SECONDS,
            engine=centre.engine,
            keys=centre.keys,
            entropy=centre.entropy,
            now=centre.clock.now(),
            anew=anew,
        )
    ]
    for pack in built:
        say(f"Gói dữ liệu dân cư bản {pack.version} cho nút {pack.node}: {pack.people} số định danh.")
        _say_told(pack)
    state.emit({"ok": True, "packs": [_pack_data(pack) for pack in built]})


def _say_told(pack: packs.SealedPack) -> None:
    what = "phần thay đổi" if pack.is_change else "cả gói"
    say(f"  nút {pack.node} sẽ nhận {what}, {pack.told_bytes} byte.")


def _pack_data(pack: packs.SealedPack) -> dict[str, object]:
    return {
        "node": pack.node,
        "version": pack.version,
        "people": pack.people,
        "is_change": pack.is_change,
        "told_bytes": pack.told_bytes,
    }


@click.command("export-feed")
@click.argument("node")
@click.option("--after", type=click.IntRange(min=0), default=0, help="Number of the last item that the node has.")
@click.option("--out", type=_OUT, required=True, help="Where the sealed page goes.")
@json_option
@pass_state
def export_feed(state: State, node: str, *, after: int, out: Path) -> None:
    """Write what the centre has for NODE to a file for a stick; the node alone can open it."""
    centre = state.open_centre()
    content = feed_file(
        node,
        after=after,
        engine=centre.engine,
        keys=centre.keys,
        tree=centre.ledger,
        entropy=centre.entropy,
        now=centre.clock.now(),
    )
    size = write_artefact(out, [content])
    say(f"Đã ghi các tin cho nút {node}: {out} ({size} byte).")
    state.emit({"ok": True, "node": node, "after": after, "bytes": size, "file": str(out)})


@click.command("issue-organisation-certificate")
@click.option("--organisation", required=True, help="Name of the facility.")
@click.option("--officer", required=True, help="Name of the signing officer.")
@click.option("--out", type=_OUT, required=True, help="Where the .p12 goes; left alone where it is there already.")
@json_option
@pass_state
def issue_organisation_certificate(state: State, *, organisation: str, officer: str, out: Path) -> None:
    """Issue a training certificate for a site, as an encrypted .p12 file."""
    centre = state.open_centre()
    file_password = centre.secret(KEY_FILE_PASSWORD_VARIABLE, "Mật khẩu của tệp .p12 mới")
    made = not out.exists()
    if made:
        certificate = issuing.issue_organisation_certificate(
            centre.config,
            organisation=organisation,
            officer=officer,
            path=out,
            password=centre.secret(PASSWORD_VARIABLE, "Mật khẩu của các khóa trung tâm"),
            file_password=file_password,
            entropy=centre.entropy,
            now=centre.clock.now(),
        )
        say(f"Đã cấp chứng thư số tập huấn {serial_text(certificate.serial)}: {out}")
    else:
        certificate = read_authority(out, password=file_password).certificate
        say(f"Tệp {out} đã có, giữ nguyên.")
    state.emit({"ok": True, "made": made, "serial": serial_text(certificate.serial), "file": str(out)})
