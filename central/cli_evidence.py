"""The verbs that show and prove: figures, checks, published sets, exports."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Final

import click

from central.bootstrap import open_store
from central.cli_ledger import lost_words
from central.cli_state import State, json_option, pass_state, say
from central.config import load_config
from central.domain.shown_epoch import ShownStanding
from central.store.artefact_files import write_artefact
from central.store.database import require_newest, write_transaction
from central.web.words import SHOWN_STANDINGS
from central.workflow import check_centre, export_evidence, publish_sets
from central.workflow.centre_status import centre_status
from central.workflow.day_closings import ClosedDay, DayClosings, day_closings
from central.workflow.day_figures import Figures, day_figures
from sync_protocol.days import local_day
from sync_protocol.errors import Code
from sync_protocol.ledger_epoch import FIRST_EPOCH
from sync_protocol.problems import PROBLEMS

_IN: Final = click.Path(path_type=Path, exists=True, dir_okay=False)
_OUT: Final = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.option("--day", metavar="DAY", help="Figures and closings of one local day (2022-04-12); all days by default.")
@json_option
@pass_state
def status(state: State, day: str | None) -> None:
    """Show the figures of the centre: the ledger, the nodes, and where each site's doses stand."""
    config = load_config(state.directory, state.environment)
    engine = open_store(config)
    found = centre_status(engine)
    if found is None:
        say("Trung tâm chưa được lập: hãy chạy init.")
        state.emit({"ok": False, "code": "store"})
        raise SystemExit(1)
    say(f"Sổ cái: {found.ledger_size} mục, đầu cây ngày {local_day(found.head_at)}, gốc {found.root[:16]}…")
    if found.ledger_epoch > FIRST_EPOCH:
        say(f"Kỳ sổ cái: {found.ledger_epoch}")
    sites = {site.code: (site.name, site.figures) for site in day_figures(engine, day).sites}
    for facility, (name, figures) in sorted(sites.items()):
        say(
            f"{name} ({facility}): nhận {figures.received} mũi, vào sổ cái {figures.admitted}, "
            f"đã cấp chứng nhận {figures.certified}"
        )
        for code, count in sorted({**figures.waiting, **figures.quarantined, **figures.refused}.items()):
            say(f"  {count} mũi: {PROBLEMS[Code(code)].vi if code in set(Code) else code} [{code}]")
    for node in found.nodes:
        say(f"Nút {node.code} ({node.facility}): {node.state.value}, gói mới nhất {node.epoch}/{node.last_sequence}")
    say(f"Dân cư: {found.registry_people} người. Chứng nhận đã cấp: {found.certificates}.")
    for lost in found.losses:
        say(lost_words(lost))
    if found.losses:
        say("Cách xử lý: hcvx-central begin-ledger-epoch")
    for shown in found.shown:
        known = "" if shown.is_known else ", NÚT KHÔNG CÓ Ở ĐÂY"
        why = SHOWN_STANDINGS[ShownStanding(shown.standing)]
        say(f"KỲ CỦA NÚT ĐÃ MẤT: nút {shown.node} ({shown.facility}) kỳ {shown.epoch}{known}: {why}")
        say(f"  Cách xử lý: trang Bản sao, hoặc hcvx-central decide-epoch {shown.request} --grant|--refuse")
    if found.forks:
        say(f"CHÚ Ý: có {found.forks} gói thuộc lịch sử thứ hai của một nút.")
    told: dict[str, object] = {"sites": {code: _counts(figures) for code, (_, figures) in sites.items()}}
    if day is not None:
        told["closings"] = _closings(day_closings(engine, day))
    state.emit({"ok": True, **asdict(found), **told})


def _closings(found: DayClosings) -> dict[str, object]:
    for one in found.silent:
        say(f"CHƯA CHỐT NGÀY: {one.site} (nút {one.node}), {one.doses} mũi đã về trung tâm")
    for closed in found.closed:
        sheet = closed.sheet
        say(
            f"Đã chốt ngày: {closed.site} (nút {closed.node}), ghi nhận {sheet.recorded} mũi, "
            f"chấp nhận {sheet.admitted}; trung tâm đếm {closed.counted}"
        )
    return {
        "closed": {one.node: _closing(one) for one in found.closed},
        "silent": {one.node: one.doses for one in found.silent},
        "unheard": [one.node for one in found.unheard],
    }


def _closing(one: ClosedDay) -> dict[str, object]:
    sheet = one.sheet
    return {
        "revision": sheet.revision,
        "closed_at": sheet.closed_at,
        "recorded": sheet.recorded,
        "signed": sheet.signed,
        "received": sheet.received,
        "admitted": sheet.admitted,
        "quarantined": sheet.quarantined,
        "refused": sheet.refused,
        "waiting": dict(sheet.waiting),
        "counted": one.counted,
        "agreement": one.agreement.value,
    }


def _counts(figures: Figures) -> dict[str, object]:
    return {
        "received": figures.received,
        "admitted": figures.admitted,
        "certified": figures.certified,
        "waiting": dict(figures.waiting),
        "quarantined": dict(figures.quarantined),
        "refused": dict(figures.refused),
    }


@click.command()
@json_option
@pass_state
def check(state: State) -> None:
    """Re-verify everything that the centre keeps, from the bytes."""
    config = load_config(state.directory, state.environment)
    engine = open_store(config)
    require_newest(engine)
    report = check_centre.check_centre(engine)
    say(
        f"Đã kiểm tra {report.entries} mục sổ cái, {report.bundles} gói, {report.doses} mũi tiêm, "
        f"{report.certificates} chứng nhận."
    )
    for finding in report.findings:
        say(f"SAI [{finding.invariant}] {finding.place}: {finding.rule}")
    say("Có sai lệch." if report.findings else "Tất cả đều đúng.")
    state.emit({"ok": not report.findings, **asdict(report)})
    if report.findings:
        raise SystemExit(1)


@click.command("publish-catalogue")
@click.argument("file", type=_IN)
@json_option
@pass_state
def publish_catalogue(state: State, *, file: Path) -> None:
    """Publish the catalogue FILE (TOML) as the next version."""
    centre = state.open_centre()
    with write_transaction(centre.engine) as connection:
        version = publish_sets.publish_catalogue(
            connection,
            file.read_text(encoding="utf-8"),
            keys=centre.keys,
            days=centre.config.set_days,
            now=centre.clock.now(),
        )
    say(f"Đã công bố danh mục bản {version}.")
    state.emit({"ok": True, "version": version})


@click.command("publish-trust")
@json_option
@pass_state
def publish_trust(state: State) -> None:
    """Publish the trust list as it is now, as the next version."""
    centre = state.open_centre()
    with write_transaction(centre.engine) as connection:
        version = publish_sets.publish_trust_list(
            connection, keys=centre.keys, days=centre.config.set_days, now=centre.clock.now()
        )
    say(f"Đã công bố danh sách tin cậy bản {version}.")
    state.emit({"ok": True, "version": version})


@click.command("export-ledger")
@click.option("--out", type=_OUT, required=True)
@json_option
@pass_state
def export_ledger(state: State, *, out: Path) -> None:
    """Write the whole ledger to one file that anybody can verify."""
    config = load_config(state.directory, state.environment)
    engine = open_store(config)
    require_newest(engine)
    size = write_artefact(out, export_evidence.export_ledger(engine))
    say(f"Đã xuất sổ cái: {out} ({size} byte).")
    state.emit({"ok": True, "file": str(out), "bytes": size})


@click.command("export-trust")
@click.option("--form", type=click.Choice(["gateway", "signed"]), default="gateway", help="EU gateway JSON, or ours.")
@click.option("--facilities", default="", metavar="PREFIX", help="Signed form: certificates of these facilities alone.")
@click.option("--out", type=_OUT, required=True)
@json_option
@pass_state
def export_trust(state: State, *, form: str, facilities: str, out: Path) -> None:
    """Write the trust list for verifiers; the signed form names all nodes' keys and the registered certificates too."""
    centre = state.open_centre()
    if form == "gateway":
        content = export_evidence.export_gateway_list(centre.engine).encode()
    else:
        content = export_evidence.export_signed_list(
            centre.engine,
            keys=centre.keys,
            days=centre.config.set_days,
            now=centre.clock.now(),
            facilities=facilities,
        )
    size = write_artefact(out, [content])
    say(f"Đã xuất danh sách tin cậy: {out}")
    state.emit({"ok": True, "file": str(out), "bytes": size, "form": form})
