"""Asks axe-core what keeps people from using a page (WCAG 2.2 A and AA), in the browser that shows it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from playwright.sync_api import Page

AXE: Final = Path(__file__).parents[2] / ".axe" / "node_modules" / "axe-core" / "axe.min.js"
# Of the version in .ci/axe-version: what is judged by is what was looked at.
AXE_SHA256: Final = "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c"
STANDARDS: Final = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
SERIOUS: Final = frozenset({"serious", "critical"})
_RUN: Final = """tags => axe.run(document, {runOnly: {type: 'tag', values: tags}, resultTypes: ['violations']})
    .then(found => found.violations.map(one => [one.id, one.impact, one.nodes.map(node => node.target.join(' '))]))"""


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule of axe that the page breaks, how much it matters ("minor" to "critical"), and where: selectors."""

    rule: str
    impact: str
    places: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.rule} ({self.impact}): {'; '.join(self.places[:5])}"


def violations(page: Page) -> list[Violation]:
    """What axe finds on the page as it is shown now."""
    page.evaluate(_axe())
    return [Violation(rule, impact or "", tuple(places)) for rule, impact, places in page.evaluate(_RUN, STANDARDS)]


def serious(page: Page) -> list[str]:
    """The serious and critical findings, as sentences."""
    return [str(one) for one in violations(page) if one.impact in SERIOUS]


@cache
def _axe() -> str:
    assert AXE.is_file(), "axe-core is not here: run `make test`, or `make .axe/axe.stamp`"
    code = AXE.read_bytes()
    assert hashlib.sha256(code).hexdigest() == AXE_SHA256, "this is not the axe-core that the tests were written with"
    return code.decode()
