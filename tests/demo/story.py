"""How the day is told: one line per event, with its time, and the file to read beside it."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

LOCAL = dt.timezone(dt.timedelta(hours=7), "Asia/Ho_Chi_Minh")


def number(value: float, places: int = 0) -> str:
    """A number as it is written in Vietnam: 1.385 and 15,4."""
    return f"{value:,.{places}f}".translate(str.maketrans(",.", ".,"))


@dataclass(frozen=True, slots=True)
class StoryClock:
    """The story's time: a file holds story time minus real time, so all processes of the demo agree on it.

    Args:
        file: written by `set_to`, read at each look.
    """

    file: Path

    def set_to(self, epoch: int) -> None:
        """Turns the story to a time; it then runs at the real pace."""
        draft = self.file.with_suffix(".new")
        draft.write_text(f"{epoch - time.time():.3f}")
        draft.replace(self.file)

    def now(self) -> int:
        """Epoch seconds, UTC, in the story."""
        return int(time.time() + float(self.file.read_text()))


@dataclass(frozen=True, slots=True)
class Day:
    """The local day on which the story plays: the day before the real one, so that nothing lies in the future."""

    date: dt.date

    @classmethod
    def yesterday(cls) -> Day:
        return cls(dt.datetime.now(LOCAL).date() - dt.timedelta(days=1))

    def at(self, hour: int, minute: int = 0) -> int:
        """Epoch seconds, UTC, of a local time on that day."""
        return int(dt.datetime.combine(self.date, dt.time(hour, minute), LOCAL).timestamp())


class Narrator:
    """Tells the story on the terminal."""

    def __init__(self, console: Console) -> None:
        self.console = console

    def chapter(self, title: str) -> None:
        self.console.print()
        self.console.rule(f"[bold]{title}[/bold]", align="left", style="cyan")

    def line(self, at: int, text: str, *, read: str = "") -> None:
        """One event: local time, what happened, which file of the project does it."""
        clock = dt.datetime.fromtimestamp(at, LOCAL).strftime("%H:%M")
        beside = f" [dim]· {read}[/dim]" if read else ""
        grid = Table.grid(padding=(0, 2))
        grid.add_row(f"[cyan]{clock}[/cyan]", f"{text}{beside}")
        self.console.print(grid, highlight=False)

    @contextmanager
    def progress(self, total: int, text: str) -> Iterator[Callable[[int], None]]:
        """A bar for work that takes more than a moment; the block tells it how much is done."""
        columns = (
            SpinnerColumn(finished_text="✓"),
            TextColumn("{task.description}"),
            BarColumn(bar_width=32),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
        )
        with Progress(*columns, console=self.console) as progress:
            task = progress.add_task(text, total=total)
            yield lambda done: progress.update(task, completed=done)
