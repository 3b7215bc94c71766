"""Verbs about where things stand and about the way to the centre: status, check, sync, run."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Final

import click
from qrcode.constants import ERROR_CORRECT_M
from qrcode.main import QRCode
from rich.console import Console

from edge.app import create_app, make_server, settle
from edge.bootstrap import Node
from edge.cli_state import NOT_FINISHED, REFUSED, State, json_option, pass_state
from edge.exchanger import Exchanger
from edge.jobs import exchange_if_due, exchange_once, open_central, start_exchange
from edge.lan_place import Place, find_place, serve_place
from edge.store import bundles
from edge.web.frame.copy_words import copy_lines
from edge.web.frame.gate_words import gate_json, gate_view
from edge.web.frame.sentences import link_sentence, reason_words
from edge.workflow.check_store import check_store
from edge.workflow.day_status import as_json, day_status
from edge.workflow.exchange import ExchangeResult
from edge.workflow.exchange_progress import Asked, OnItsWay, Phase, Watch
from edge.workflow.take_feed import take_file
from sync_protocol.api import CentralApi
from sync_protocol.days import parse_day
from sync_protocol.errors import Code
from sync_protocol.limits import FEED_FILE_BYTES
from sync_protocol.usage_words import WrongUsage

_LOOK_SECONDS: Final = 1.0
_PHASE_WORDS: Final = {
    Phase.CONNECTING: "Đang nối với trung tâm",
    Phase.SENDING: "Đang gửi",
    Phase.WAITING: "Chờ biên nhận",
    Phase.NEWS: "Nhận tin từ trung tâm",
}


@click.command()
@click.option("--day", default="", metavar="DAY", help="A local day (2022-04-12) or today; all days by default.")
@json_option
@pass_state
def status(state: State, *, day: str) -> None:
    """Tell where every recorded dose stands."""
    if day not in ("", "today"):
        parse_day(day, what="--day")
    node = state.node()
    found = day_status(node.database, node.shelf.catalogue().policy, now=node.clock.now(), day=day)
    figures = found.figures
    state.say(f"{found.facility_name} (nút {found.node}){', ngày ' + found.day if found.day else ''}")
    state.say(
        f"  đã ghi {figures.recorded} · đã xác thực {figures.matched} · đã ký {figures.signed} · "
        f"trung tâm đã nhận {figures.received} · đã vào sổ cái {figures.admitted}"
    )
    for reason, number in sorted(figures.waiting.items(), key=lambda item: -item[1]):
        said = reason_words(reason)
        state.say(f"  chờ {number}: {said.vi}. {said.cure} [{reason}]")
    policy = node.shelf.catalogue().policy.offline
    with node.database.read() as tables:
        view = gate_view(tables, policy, now=found.now)
    for line in view.lines:
        state.say(f"  ! {line.text} {line.cure} [{line.finding.code.value}]")
    for said_of_clock in view.clock:
        state.say(f"  ! {said_of_clock.text} [{said_of_clock.finding.code.value}]")
    said_of_link = link_sentence(found.link, found.now)
    state.say(f"  {said_of_link.word}: {said_of_link.text} Chưa gửi: {found.unsent} gói.")
    for said_of_copy in copy_lines(node.database):
        state.say(f"  ! {said_of_copy}")
    state.emit({"ok": True, **as_json(found), **gate_json(view)})


@click.command()
@json_option
@pass_state
def check(state: State) -> None:
    """Verify everything the node keeps, from its bytes. Exit 1 if anything is not as it must be."""
    node = state.node()
    with state.console.status("Đang kiểm tra từng lượt ký, gói và biên nhận…"):
        report = check_store(node.database)
    state.say(
        f"Đã kiểm tra {report.audit_entries} dòng nhật ký, {report.passes} lượt ký ({report.doses} mũi), "
        f"{report.bundles} gói, {report.receipts} biên nhận."
    )
    for finding in report.findings:
        state.say(f"✕ {finding.subject}: {finding.what}")
    state.say("✓ Không có gì sai." if not report.findings else f"✕ {len(report.findings)} điều sai.")
    state.emit(
        {
            "ok": not report.findings,
            "audit_entries": report.audit_entries,
            "passes": report.passes,
            "doses": report.doses,
            "bundles": report.bundles,
            "receipts": report.receipts,
            "findings": [{"subject": finding.subject, "what": finding.what} for finding in report.findings],
        }
    )
    if report.findings:
        click.get_current_context().exit(REFUSED)


@click.command()
@click.option("--once", is_flag=True, help="One exchange; without it, until nothing is unsent.")
@json_option
@pass_state
def sync(state: State, *, once: bool) -> None:
    """Offer what is due to the centre. Exit 3 when something is still unsent."""
    node = state.node()
    central = open_central(node)
    try:
        with _shown(state.console) as watch:
            result = exchange_once(node, central, watch=watch) if once else _until_sent(node, central, watch)
    finally:
        central.close()
    state.say(f"Trung tâm đã nhận {result.admitted} gói, trả lại {result.refused} gói; còn {result.unsent} gói.")
    if result.taken:
        state.say(f"Đã nhận {result.taken} tin từ trung tâm.")
    if result.problem:
        said = reason_words(result.problem)
        state.say(f"✕ {said.vi}. {said.cure} [{result.problem}]")
    state.emit(
        {
            "ok": not result.problem,
            "code": result.problem or None,
            "admitted": result.admitted,
            "refused": result.refused,
            "unsent": result.unsent,
            "bytes_sent": result.bytes_sent,
            "taken": result.taken,
        }
    )
    if result.problem and result.problem != Code.LATER.value:
        click.get_current_context().exit(REFUSED)
    if result.unsent:
        click.get_current_context().exit(NOT_FINISHED)


@click.command("import-feed")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@json_option
@pass_state
def import_feed(state: State, file: Path) -> None:
    """Take what the centre has for this node from a FILE that came on a stick."""
    node = state.node()
    with file.open("rb") as source:
        data = source.read(FEED_FILE_BYTES + 1)
    found = take_file(node.database, data, at=node.clock.now())
    state.say(f"✓ Đã nhận {found.taken} tin từ trung tâm; ở trung tâm còn {found.left} tin.")
    state.emit({"ok": True, "taken": found.taken, "left": found.left})


@contextmanager
def _shown(console: Console) -> Iterator[Watch | None]:
    """A bar on a terminal that goes with the bytes; nothing where the words go into a file."""
    if not console.is_terminal:
        yield None
        return
    # Only here: a node that serves pages has no use for it in its memory.
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn  # noqa: PLC0415

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(_PHASE_WORDS[Phase.CONNECTING], total=None)

        def watch(phase: Phase, bundles: Sequence[OnItsWay]) -> None:
            done, size = sum(one.done_bytes for one in bundles), sum(one.size_bytes for one in bundles)
            bar.update(task, description=_PHASE_WORDS[phase], completed=done, total=size or None)

        yield watch


def _until_sent(node: Node, central: CentralApi, watch: Watch | None) -> ExchangeResult:
    """Exchange whenever something is due and the pause is over, until nothing is unsent or the centre says no."""
    pause = threading.Event()
    admitted = refused = bytes_sent = taken = 0
    while True:
        result = exchange_if_due(node, central, asked=Asked.COMMAND, watch=watch)
        if result is not None:
            admitted, refused = admitted + result.admitted, refused + result.refused
            bytes_sent, taken = bytes_sent + result.bytes_sent, taken + result.taken
            if result.problem and result.problem != Code.LATER.value:
                # Trying again changes nothing: a person has to look at it.
                return replace(result, admitted=admitted, refused=refused, bytes_sent=bytes_sent, taken=taken)
        with node.database.read() as tables:
            if not bundles.unsent(tables):
                return ExchangeResult(admitted, refused, unsent=0, bytes_sent=bytes_sent, taken=taken)
        pause.wait(_LOOK_SECONDS)


@click.command()
@click.option("--port", type=click.IntRange(0, 65_535), default=None, help="Instead of the one of the settings.")
@click.option("--lan", is_flag=True, help="Serve the clinic's Wi-Fi as well, over HTTPS.")
@click.option("--address", default="", metavar="IP", help="With --lan: which address of this machine.")
@pass_state
def run(state: State, *, port: int | None, lan: bool, address: str) -> None:
    """Serve the pages on this machine and exchange with the centre in the background."""
    if address and not lan:
        raise WrongUsage("--address đi cùng --lan.", "--address goes with --lan")
    node = state.node()
    # Pages need a catalogue and a code: without an enrolment this says so and ends.
    node.shelf.catalogue()
    place = find_place(node, address) if lan else None
    exchanger = Exchanger(node, lambda: open_central(node))
    app = create_app(node, exchanger=exchanger, lan=place.shown if place else None)
    host = node.config.host
    server = make_server(node, host, node.config.port if port is None else port, app=app)
    scheduler = start_exchange(node, lambda: exchanger.ask(Asked.SCHEDULE))
    # A service manager ends the node like Ctrl+C does: requests that are under way are answered first.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with serve_place(node, place, app) if place else nullcontext():
            taken = getattr(server, "effective_port", node.config.port)
            state.say(f"✓ Mở trình duyệt tại http://{host}:{taken}/ (Ctrl+C để dừng)")
            if place:
                _say_place(state, place)
            settle(app)
            server.run()
    finally:
        server.close()
        scheduler.shutdown(wait=False)
        exchanger.close()


def _say_place(state: State, place: Place) -> None:
    """The network's address in words and as a QR, and what to compare on the tablet."""
    code = QRCode(error_correction=ERROR_CORRECT_M)
    code.add_data(place.shown.url)
    drawn = StringIO()
    code.print_ascii(out=drawn, invert=True)
    state.say(drawn.getvalue())
    state.say(f"✓ Máy tính bảng trên Wi-Fi của cơ sở: mở {place.shown.url}")
    state.say(f"  Dấu vân tay (SHA-256, phần đầu): {place.shown.fingerprint}")
    state.say("  Người quản lý nhận từng thiết bị ở trang Thiết bị.")
