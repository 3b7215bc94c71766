"""Writes the generated parts of SPEC.md: `python -m tests.spec_document`; a test compares them with the code."""

from __future__ import annotations

import re
from pathlib import Path

from sync_protocol import limits
from sync_protocol.problems import PROBLEMS
from tests.worked_example import example_text

SPEC = Path(__file__).parent.parent / "sync_protocol" / "SPEC.md"
_BLOCK = re.compile(r"(<!-- generated: (\w+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)


def blocks() -> dict[str, str]:
    """The generated parts by their name."""
    return {"limits": _limits(), "codes": _codes(), "example": example_text()}


def written(text: str) -> str:
    """The document with its generated parts made anew."""
    made = blocks()
    return _BLOCK.sub(lambda match: f"{match[1]}{made[match[2]]}{match[4]}", text)


def _limits() -> str:
    rows = [
        f"| `{name}` | {value:,} |" for name, value in vars(limits).items() if name.isupper() and isinstance(value, int)
    ]
    return "\n".join(["| limit | value |", "|---|---|", *rows, ""])


def _codes() -> str:
    rows = [f"| `{code}` | {problem.status} | {problem.en} |" for code, problem in PROBLEMS.items()]
    return "\n".join(["| code | status | meaning |", "|---|---|---|", *rows, ""])


if __name__ == "__main__":
    SPEC.write_text(written(SPEC.read_text("utf-8")), "utf-8")
