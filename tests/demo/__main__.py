"""`make demo`: plays the day, ends with the table, the QR of one passport, and a flipped byte."""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path

import click
from rich.console import Console

from tests.demo.day import Play
from tests.demo.finale import flip_a_byte, serve, show_passport, words_for
from tests.demo.processes import StepFailedError
from tests.demo.story import Narrator


@click.command()
@click.option("--directory", type=click.Path(path_type=Path, file_okay=False), default=Path("demo"), show_default=True)
@click.option("--people", type=click.IntRange(20, 2_000), default=1_000, show_default=True, help="People at each site.")
@click.option("--serve", "serves", is_flag=True, help="Keep serving the sites' and the centre's pages afterwards.")
def main(directory: Path, people: int, serves: bool) -> None:
    """One vaccination day: two sites, one centre, about a thousand passports. Exit 1 if anything does not add up."""
    console = Console()
    started = time.monotonic()
    if directory.exists():
        shutil.rmtree(directory)
    directory.mkdir(parents=True)
    play = Play(directory.resolve(), Narrator(console), people=people)
    try:
        summary = play.run()
    except StepFailedError as error:
        console.print(f"[bold red]✕[/bold red] {error}", markup=True)
        sys.exit(1)
    summary.write(directory / "summary.json")
    console.print()
    summary.show(console, words_for(summary))
    adds_up = all(site.adds_up for site in summary.sites.values())
    text = show_passport(console, directory)
    flip_a_byte(console, directory, text)
    console.print(f"\nMọi thứ nằm ở [bold]{directory}/[/bold], số liệu ở [bold]{directory}/summary.json[/bold].")
    console.print(f"Cả ngày mất {time.monotonic() - started:.0f} giây.", highlight=False)
    if not adds_up:
        console.print("[bold red]✕ Các con số không khớp nhau.[/bold red]")
        sys.exit(1)
    console.print("[bold green]✓ Các con số khớp nhau: đã ghi = đã cấp chứng nhận + đang chờ.[/bold green]")
    if serves:
        serve(console, play)


if __name__ == "__main__":
    main()
