"""Writes the table of docs/roles.md: `python -m tests.role_document`; a test compares it with what views declare."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from flask import Flask

from edge.app import create_app
from edge.domain.roles import Role
from edge.web.frame.access import ANYBODY, SIGNED_IN, allowed_roles
from tests.browser.visitor import make_node
from tests.edge.clinic import make_clinic

DOCUMENT: Final = Path(__file__).parent.parent / "docs" / "roles.md"
_BLOCK: Final = re.compile(r"(<!-- generated: roles -->\n)(.*?)(<!-- end -->)", re.DOTALL)
_UNASKED: Final = frozenset({"HEAD", "OPTIONS"})
_PLACE: Final = re.compile(r"<(?:[^<>:]+:)?(\w+)>")


@dataclass(frozen=True, slots=True)
class Door:
    """One address with one method, and for whom its view says that it is."""

    address: str
    method: str
    endpoint: str
    roles: frozenset[Role]


def doors(app: Flask) -> Iterator[Door]:
    """Every address of an application apart from its files."""
    for rule in sorted(app.url_map.iter_rules(), key=lambda rule: (rule.rule, sorted(rule.methods or ()))):
        if rule.endpoint != "static":
            for method in sorted((rule.methods or set()) - _UNASKED):
                yield Door(rule.rule, method, rule.endpoint, allowed_roles(app, rule.endpoint))


def table(app: Flask) -> str:
    """The table of all doors."""
    lines = [f"| address | method | {' | '.join(role.value for role in Role)} |", f"|---|---|{'---|' * len(Role)}"]
    for door in doors(app):
        match door.roles:
            case roles if roles == ANYBODY:
                cells = ["anybody"] * len(Role)
            case roles:
                cells = ["yes" if role in roles else "" for role in Role]
        address = _PLACE.sub(r"‹\1›", door.address)
        lines.append(f"| `{address}` | {door.method} | {' | '.join(cells)} |")
    signed_in = sum(door.roles == SIGNED_IN for door in doors(app))
    total = sum(1 for _ in doors(app))
    return "\n".join([*lines, "", f"{total} doors, {signed_in} of them for everybody who has signed in.", ""])


def written(text: str, app: Flask) -> str:
    """The document with its table made anew."""
    made = table(app)
    return _BLOCK.sub(lambda match: f"{match[1]}{made}{match[3]}", text)


def sample_app(directory: Path) -> Flask:
    """The application of a clinic that has just been enrolled; its store is open until the caller's end."""
    return create_app(make_node(directory, make_clinic(directory).database))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made_for_this:
        DOCUMENT.write_text(written(DOCUMENT.read_text("utf-8"), sample_app(Path(made_for_this))), "utf-8")
