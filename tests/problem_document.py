"""Writes the generated parts of docs/problems.md: `python -m tests.problem_document`; a test compares them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from edge.domain.code_words import REFUSALS
from edge.domain.pass_journal import PASS_WORDS
from edge.domain.token_checks import CHECK_WORDS
from edge.domain.waiting import WORDS, Waiting
from edge.store.errors import STORE_WORDS
from sync_protocol.errors import Code
from sync_protocol.problems import PROBLEMS
from sync_protocol.signers.token_errors import TOKEN_PROBLEMS
from sync_protocol.stick_errors import STICK_PROBLEMS

DOCUMENT = Path(__file__).parent.parent / "docs" / "problems.md"
_BLOCK = re.compile(r"(<!-- generated: (\w+) -->\n)(.*?)(<!-- end -->)", re.DOTALL)


class _Said(Protocol):
    """What every table of words has: the fact and the cure in Vietnamese, the fact in English."""

    @property
    def vi(self) -> str: ...
    @property
    def cure(self) -> str: ...
    @property
    def en(self) -> str: ...


def blocks() -> dict[str, str]:
    """The generated parts by their name."""
    own_reasons = [(reason, said) for reason, said in WORDS.items() if reason.value not in set(Code)]
    return {
        "checks": _table(CHECK_WORDS.items()),
        "protocol": _table(PROBLEMS.items(), extra="status", more=[str(row.status) for row in PROBLEMS.values()]),
        "node": _table(REFUSALS.items()),
        "waiting": _table(own_reasons) + _also(),
        "passes": _table(PASS_WORDS.items()),
        "store": _table(STORE_WORDS.items()),
        "sticks": _table(STICK_PROBLEMS.items()),
        "tokens": _table(
            TOKEN_PROBLEMS.items(), extra="again", more=[_yes_or_no(row.try_again) for row in TOKEN_PROBLEMS.values()]
        ),
    }


def written(text: str) -> str:
    """The document with its generated parts made anew."""
    made = blocks()
    return _BLOCK.sub(lambda match: f"{match[1]}{made[match[2]]}{match[4]}", text)


def _table(rows: Iterable[tuple[StrEnum, _Said]], *, extra: str = "", more: Sequence[str] = ()) -> str:
    head = ["code", *([extra] if extra else []), "meaning", "on the screen", "cure"]
    lines = [_line(head), f"|{'---|' * len(head)}"]
    for place, (code, said) in enumerate(rows):
        lines.append(
            _line([f"`{code.value}`", *more[place : place + 1], said.en, *map(_sentence, (said.vi, said.cure))])
        )
    return "\n".join([*lines, ""])


def _also() -> str:
    shared = ", ".join(f"`{reason.value}`" for reason in Waiting if reason.value in set(Code))
    return f"\nWith the words of the first table: {shared}.\n"


def _yes_or_no(answer: bool) -> str:
    return "yes" if answer else "no"


def _sentence(text: str) -> str:
    return text if text.endswith((".", "…")) else f"{text}."


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |"


if __name__ == "__main__":
    DOCUMENT.write_text(written(DOCUMENT.read_text("utf-8")), "utf-8")
