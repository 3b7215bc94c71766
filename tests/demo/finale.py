"""What a newcomer sees last: one passport's QR in the terminal, a flipped byte refused, and pages to walk through."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from pathlib import Path

import qrcode
from rich.console import Console
from rich.text import Text

from edge.domain.waiting import WORDS as WAITING_WORDS
from sync_protocol.errors import Code
from sync_protocol.problems import PROBLEMS
from tests.demo.day import Play
from tests.demo.processes import free_port, wait_for_port
from tests.demo.summary import Summary

_QUIET_ZONE = 2
# For training only: they open the demo's own pages and nothing else.
LOGIN = "tap huan"
USER_PASSWORD = "chi-de-xem-thu"


def words_for(summary: Summary) -> dict[str, str]:
    """A Vietnamese sentence for each reason for which a dose waits."""
    known = {reason.value: words.vi for reason, words in WAITING_WORDS.items()}
    known.update({code.value: PROBLEMS[code].vi for code in Code if code.value not in known})
    return {reason: known.get(reason, "") for site in summary.sites.values() for reason in site.waiting}


def show_passport(console: Console, directory: Path) -> str:
    """Draws the QR of the first passport; returns its text."""
    text = (directory / "passports.txt").read_text("utf-8").splitlines()[0]
    code = qrcode.QRCode(error_correction=qrcode.constants.ERROR_CORRECT_Q, border=_QUIET_ZONE)
    code.add_data(text, optimize=0)
    code.make(fit=True)
    matrix = code.get_matrix()
    console.print(f"\nMã QR của một hộ chiếu (phiên bản {code.version}, mức Q, {len(text)} ký tự):", highlight=False)
    for upper in range(0, len(matrix), 2):
        lower = matrix[upper + 1] if upper + 1 < len(matrix) else [False] * len(matrix)
        line = "".join(_HALVES[(bool(a), bool(b))] for a, b in zip(matrix[upper], lower, strict=True))
        console.print(Text(line, style="black on white"), soft_wrap=True)
    return text


# Two modules of the QR in one character cell: dark is ink.
_HALVES = {(True, True): "█", (True, False): "▀", (False, True): "▄", (False, False): " "}


def flip_a_byte(console: Console, directory: Path, text: str) -> None:
    """Changes one character of a passport and one bit of the ledger, and lets `hcvx-verify` look again."""
    changed = text[:200] + ("A" if text[200] != "A" else "B") + text[201:]
    console.print("\nBây giờ đổi một ký tự rồi kiểm tra lại:")
    _verify(console, "--trust", str(directory / "trust-list.json"), "--text", text, label="nguyên vẹn")
    _verify(console, "--trust", str(directory / "trust-list.json"), "--text", changed, label="đổi 1 ký tự")
    ledger = bytearray((directory / "ledger.hcvx").read_bytes())
    ledger[len(ledger) // 2] ^= 1
    flipped = directory / "ledger-flipped.hcvx"
    flipped.write_bytes(ledger)
    _verify(console, "--trust", str(directory / "trust-list.hcvx"), str(flipped), label="sổ cái đổi 1 bit")
    console.print(
        f"  Tự thử: [bold].venv/bin/hcvx-verify --trust {directory}/trust-list.json {directory}/passports.txt[/bold]"
    )


def _verify(console: Console, *arguments: str, label: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "sync_protocol", "--json", *arguments], capture_output=True, text=True, check=False
    )
    said = json.loads(done.stdout.splitlines()[0])
    mark = "[green]✓ chấp nhận[/green]" if said["ok"] else f"[red]✕ từ chối[/red] ({said['code']})"
    console.print(f"  {label:<18} {mark}, mã thoát {done.returncode}", highlight=False)


def serve(console: Console, play: Play) -> None:
    """Serves both sites and the centre until somebody presses Ctrl+C."""
    at = play.day.at(22, 45)
    play.centre.clock.set_to(at)
    servers = [("Trung tâm", play.port, play.centre.start(["run"]))]
    for actor in play.actors:
        add = ["user", "add", LOGIN, "--name", actor.site.officer, "--keep-password"]
        actor.program.run(at, add, settings={"HCVX_EDGE_USER_PASSWORD": USER_PASSWORD})
        port = free_port()
        servers.append((actor.site.name, port, actor.program.start(["run", "--port", str(port)])))
    console.print("\nĐang phục vụ (Ctrl+C để dừng):")
    try:
        for name, port, process in servers:
            wait_for_port(port, process)
            console.print(f"  {name}: [bold]http://127.0.0.1:{port}/[/bold]", highlight=False)
        console.print(f"  Đăng nhập ở hai cơ sở: [bold]{LOGIN}[/bold], mật khẩu [bold]{USER_PASSWORD}[/bold]")
        threading.Event().wait()
    except KeyboardInterrupt:
        console.print("Đã dừng.")
    finally:
        for _, _, process in servers:
            process.terminate()
            process.communicate(timeout=30)
