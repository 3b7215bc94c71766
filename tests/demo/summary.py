"""The table at the end of the day: every recorded dose is certified, or waits for a reason that is named."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.demo.story import number

_STAGES = ("recorded", "matched", "signed", "received", "admitted", "certified")
_TITLES = {
    "recorded": "đã ghi",
    "matched": "khớp CSDL dân cư",
    "signed": "đã ký",
    "received": "trung tâm đã nhận",
    "admitted": "vào sổ cái",
    "certified": "đã cấp chứng nhận",
}


@dataclass(frozen=True, slots=True)
class SiteSummary:
    """One site's figures; `waiting` names for each reason how many doses wait."""

    name: str
    recorded: int
    matched: int
    signed: int
    received: int
    admitted: int
    certified: int
    waiting: dict[str, int]
    token_operations: int
    passes: int
    bytes_per_dose: float

    @property
    def adds_up(self) -> bool:
        """Whether every recorded dose is certified or waits."""
        return self.recorded == self.certified + sum(self.waiting.values())

    def as_json(self) -> dict[str, Any]:
        """The figures under the names of `summary.json`."""
        return {name: getattr(self, name) for name in self.__slots__}


@dataclass(frozen=True, slots=True)
class Summary:
    """The day's figures over all sites."""

    sites: dict[str, SiteSummary]
    sealed_bytes: int = field(default=0)

    def as_json(self) -> dict[str, Any]:
        """What `demo/summary.json` holds."""
        sites = list(self.sites.values())
        waiting: Counter[str] = Counter()
        for site in sites:
            waiting.update(site.waiting)
        signed = sum(site.signed for site in sites)
        return {
            **{stage: sum(getattr(site, stage) for site in sites) for stage in _STAGES},
            "waiting": dict(sorted(waiting.items())),
            "token_operations": sum(site.token_operations for site in sites),
            "passes": sum(site.passes for site in sites),
            "bytes_per_dose": round(self.sealed_bytes / signed, 2) if signed else 0.0,
            "sites": {code: site.as_json() for code, site in self.sites.items()},
        }

    def write(self, path: Path) -> None:
        """Writes the figures as JSON."""
        path.write_text(json.dumps(self.as_json(), ensure_ascii=False, indent=1) + "\n", "utf-8")

    def show(self, console: Console, words: dict[str, str]) -> None:
        """Draws the table. `words` gives a sentence for each reason."""
        table = Table(title="Cả ngày, từng mũi tiêm", title_justify="left", show_footer=True)
        whole = self.as_json()
        table.add_column("", footer="Tất cả")
        for stage in _STAGES:
            table.add_column(_TITLES[stage], justify="right", footer=number(whole[stage]))
        table.add_column("đang chờ", justify="right", footer=number(sum(whole["waiting"].values())))
        for site in self.sites.values():
            table.add_row(
                site.name, *(number(getattr(site, stage)) for stage in _STAGES), number(sum(site.waiting.values()))
            )
        console.print(table)
        reasons = Table(title="Các mũi còn chờ: ở đâu và vì sao", title_justify="left", show_footer=True)
        sums = " + ".join(number(part) for part in (whole["certified"], sum(whole["waiting"].values())))
        reasons.add_column("nguyên nhân", footer=f"{number(whole['recorded'])} = {sums}")
        reasons.add_column("mã")
        for site in self.sites.values():
            reasons.add_column(site.name, justify="right", footer=number(sum(site.waiting.values())))
        for reason in whole["waiting"]:
            counts = (number(site.waiting.get(reason, 0)) for site in self.sites.values())
            reasons.add_row(words.get(reason, ""), reason, *counts)
        console.print(reasons)
