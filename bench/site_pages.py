"""Every GET page of the site's application, with addresses that mean something in the store of a large site."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Final

from bench.site_store import DOSES_EACH, WAITING, open_store
from edge.app import create_app
from tests.browser.visitor import make_node

_ARGUMENT: Final = re.compile(r"<(?:\w+(?:\([^)]*\))?:)?(\w+)>")
# Made by a page, kept in memory, and gone when it was fetched: no address names one beforehand.
_PASSING: Final = frozenset({"work_id", "plan_id", "approval_id", "turn_id", "trial_id", "filename"})
# The large site signs for itself alone: it has none of these, and refuses a preview of what it could hand over.
_ABSENT: Final = frozenset({"handover_id", "site_node"})
_REFUSED: Final = frozenset({"handover.preview"})
CLOSED_DAY: Final = "2022-04-10"
_HELP: Final = ("start", "injection", "signing")
_REASONS: Final = ("identity-mismatch", "identity-waiting", "unsigned", "dose-duplicate")
# Further forms of a page that ask the store for other things; `person` is somebody in the middle.
_QUERIES: Final[Mapping[str, Sequence[str]]] = {
    "today.show": ("", "?day=all", "?day=2022-03-01"),
    "today.waiting": ("", "?day=all"),
    "injection.form": ("", "?visit=1", "?person={person}"),
    "reception.desk": ("", "?person={person}"),
    "reports.show": ("", "?from=2022-01-06&to=2022-04-15"),
    "work_lists.show": ("", "?list=identity-mismatch", "?list=identity-missing", "?list=identity-waiting"),
    "audit.show": ("", "?action=dose-recorded"),
    "closing.show": ("", f"?day={CLOSED_DAY}"),
    "closing.sheet": (f"?day={CLOSED_DAY}&revision=1",),
}


def addresses(directory: Path, people: int) -> dict[str, list[str]]:
    """Paths by endpoint, at least one for each page. The store is asked only which routes there are.

    Args:
        directory: of the store.
        people: how many the store has.
    """
    newest = people * DOSES_EACH
    values: dict[str, Sequence[str]] = {
        "person_id": [str(people * place // 7) for place in range(1, 8)],
        "sequence": [str(newest - 5 * place) for place in range(7)],
        "visit_id": ["1", "2"],
        "vial_id": ["1"],
        "user_id": ["1"],
        "device_id": ["1"],
        "reason": _REASONS,
        "page": _HELP,
    }
    with closing(open_store(directory)) as database:
        app = create_app(make_node(directory, database))
        rules = [(rule.endpoint, rule.rule) for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ())]
    observed = values | {"visit_id": [str(WAITING + 1)]}
    return {
        endpoint: [
            path + query.format(person=people // 2 + 1)
            for path in _filled(rule, observed if rule.startswith("/observation") else values)
            for query in _QUERIES.get(endpoint, ("",))
        ]
        for endpoint, rule in rules
        if endpoint not in _REFUSED and not (_PASSING | _ABSENT) & set(_ARGUMENT.findall(rule))
    }


def _filled(rule: str, values: Mapping[str, Sequence[str]]) -> Iterator[str]:
    """The rule with each value of its argument; KeyError for an argument of which nothing is known here."""
    found = _ARGUMENT.search(rule)
    if found is None:
        yield rule
        return
    for value in values[found[1]]:
        yield from _filled(rule[: found.start()] + value + rule[found.end() :], values)
