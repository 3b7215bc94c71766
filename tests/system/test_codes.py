"""Every problem code that a program can say is demanded by a test, and every code can be said by a program.

Read from the syntax trees of programs and tests, so that a code which nobody raises or nobody tries turns this red. A
test counts where it *expects* a code; one that only plants it, as a simulated centre does, shows nothing.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from sync_protocol.errors import Code

_ROOT: Final = Path(__file__).parents[2]
_PROGRAMS: Final = ("sync_protocol", "edge", "central")
# Where codes are named and not raised: the enumeration, and the tables of their words.
_WORDS: Final = frozenset(
    {"sync_protocol/errors.py", "sync_protocol/problems.py", "edge/web/frame/sentences.py", "central/web/words.py"}
)
# What puts a code into a message or a simulator, so that naming it there expects nothing.
_PLANTING: Final = frozenset({"encode_problem", "RemoteProblem", "ProtocolError", "Verdict", "LedgerEntry", "replace"})
_PLANTED_LISTS: Final = frozenset({"refuse", "problems"})
# Codes that tests meet in another way than by naming them where they expect them, and how.
_OTHERWISE: Final[dict[Code, str]] = {}


def _codes_in(tree: ast.AST, *, planted: bool) -> Iterator[str]:
    """The names of codes below a node; those inside planting calls only if asked for."""
    for child in ast.iter_child_nodes(tree):
        if not planted and isinstance(child, ast.Call) and _name(child.func) in _PLANTING:
            continue
        if not planted and isinstance(child, ast.Assign) and {_name(one) for one in child.targets} & _PLANTED_LISTS:
            continue
        if isinstance(child, ast.Attribute) and isinstance(child.value, ast.Name) and child.value.id == "Code":
            yield child.attr
        yield from _codes_in(child, planted=planted)


def _name(node: ast.expr) -> str:
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def said_by_programs() -> dict[Code, set[str]]:
    """Which modules name which code in order to say it."""
    found: dict[Code, set[str]] = {}
    for package in _PROGRAMS:
        for path in sorted((_ROOT / package).rglob("*.py")):
            name = path.relative_to(_ROOT).as_posix()
            if name not in _WORDS:
                for code in _codes_in(ast.parse(path.read_text("utf-8")), planted=True):
                    found.setdefault(Code[code], set()).add(name)
    return found


def expected_by_tests() -> dict[Code, set[str]]:
    """Which test modules expect which code."""
    found: dict[Code, set[str]] = {}
    for path in sorted((_ROOT / "tests").rglob("test_*.py")):
        if path != Path(__file__):
            for code in _codes_in(ast.parse(path.read_text("utf-8")), planted=False):
                found.setdefault(Code[code], set()).add(path.relative_to(_ROOT).as_posix())
    return found


def test_every_code_can_be_said_by_a_program() -> None:
    assert set(Code) - set(said_by_programs()) == set()


def test_every_code_that_a_program_says_is_expected_by_a_test() -> None:
    missing = set(said_by_programs()) - set(expected_by_tests()) - set(_OTHERWISE)
    assert missing == set()


def test_no_code_is_excused_that_a_test_expects() -> None:
    assert set(_OTHERWISE) & set(expected_by_tests()) == set()


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("assert error.code is Code.FORKED", ["FORKED"]),
        ("centre.problems = [Code.FORKED]", []),
        ("body = encode_problem(Code.FORKED, rule='')", []),
        ("with refused(Code.FORKED): pass", ["FORKED"]),
    ],
)
def test_the_harness_tells_expecting_from_planting(source: str, expected: list[str]) -> None:
    assert list(_codes_in(ast.parse(source), planted=False)) == expected
