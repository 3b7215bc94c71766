"""What somebody has ticked on the signing desk, kept in the memory of the program while they turn pages.

A name or phone to look for, the reason for signing late and the ticked numbers stay here; the address holds a random
key alone. A restart forgets them, and the list starts afresh.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Final, cast

from flask import current_app, request
from werkzeug.exceptions import BadRequest

from edge.domain.signing_pass import Rules
from edge.store import signing_queue
from edge.store.database import Tables
from edge.store.signing_queue import Wanted
from edge.store.users import UserId
from edge.web.frame.access import current_user
from edge.web.frame.node import node

# Five full turns at the token: more is chosen when these are signed.
MOST_TICKED: Final = 5_000
TURNS: Final = 5
PAGE_ROWS: Final = 100
_NUMBER_CHARS: Final = 9
_TEXT_CHARS: Final = 300
_TOKEN_BYTES: Final = 12
# A few people sign at a site; with more choices than this the one that was untouched longest is forgotten.
_MOST_KEPT: Final = 20
_KEY: Final = "hcvx-signing-choices"


@dataclass(frozen=True, slots=True)
class Choice:
    """One person's choice.

    Attributes:
        ticked: numbers of doses; None for all that is ready in the list, as long as nobody has ticked by hand.
        text: what is looked for in names and phone numbers.
        late_reason: why doses of earlier days come now.
    """

    user_id: UserId
    ticked: frozenset[int] | None = None
    text: str = ""
    late_reason: str = ""


class Choices:
    """The choices of everybody who signs, safe to use from all threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[str, Choice] = {}

    def find(self, key: str, user_id: UserId) -> Choice | None:
        """The choice under a key, if it is this user's."""
        with self._lock:
            found = self._kept.get(key)
            return found if found is not None and found.user_id == user_id else None

    def keep(self, key: str, choice: Choice) -> None:
        """Keep a choice under its key, in the place of what was there."""
        with self._lock:
            self._kept.pop(key, None)
            if len(self._kept) >= _MOST_KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[key] = choice


def choices() -> Choices:
    """The choices of the current application."""
    return cast("Choices", current_app.extensions.setdefault(_KEY, Choices()))


def choice_of(key: str) -> Choice:
    """The current user's choice under this key, or one in which nothing was ticked by hand."""
    user_id = current_user().user_id
    return choices().find(key, user_id) or Choice(user_id)


def keep_choice(key: str, choice: Choice) -> str:
    """Keep a choice; gives its key, a fresh one if there is none yet."""
    user_id = current_user().user_id
    if choices().find(key, user_id) is None:
        key = node().entropy.token(_TOKEN_BYTES).hex()
    choices().keep(key, choice)
    return key


def ticked_of(tables: Tables, choice: Choice, wanted: Wanted, rules: Rules) -> Collection[int]:
    """The numbers that are ticked, without naming any for "all that is ready in the list"."""
    if choice.ticked is not None:
        return choice.ticked
    return signing_queue.ready(tables, wanted, rules, limit=MOST_TICKED)


def with_page(tables: Tables, choice: Choice, wanted: Wanted, rules: Rules) -> Choice:
    """The choice with the ticks of the page that was sent: `shown` could be ticked on it, `dose` were."""
    shown, sent = numbers(request.form.get("shown", "").split(",")), numbers(request.form.getlist("dose"))
    match request.form.get("do", ""):
        case "page-all":
            sent = shown
        case "page-none":
            sent = frozenset()
    if choice.ticked is None and shown == sent:
        return choice
    before = frozenset(ticked_of(tables, choice, wanted, rules))
    return replace(choice, ticked=_bounded(sent, before - shown))


def with_more(choice: Choice, more: Sequence[int]) -> Choice:
    """The choice with these as well, as far as one turn at the desk goes."""
    return replace(choice, ticked=_bounded(choice.ticked or (), more))


def numbers(texts: Sequence[str]) -> frozenset[int]:
    """Numbers of doses as a form sends them. BadRequest for what no page of ours sends."""
    found = [text for text in texts if text]
    if len(found) > PAGE_ROWS or not all(map(is_number, found)):
        raise BadRequest
    return frozenset(map(int, found))


def is_number(text: str) -> bool:
    """Whether this is the number of a row as our addresses and forms write it."""
    return text.isascii() and text.isdigit() and len(text) <= _NUMBER_CHARS


def shown_digest() -> bytes:
    """The digest of what the page showed, as its form sends it back. BadRequest where it is none."""
    try:
        return bytes.fromhex(request.form.get("approved", ""))
    except ValueError:
        raise BadRequest from None


def typed(name: str) -> str:
    """A line that somebody typed into the form, with its spaces tidied."""
    return " ".join(request.form.get(name, "").split())[:_TEXT_CHARS]


def _bounded(first: Collection[int], then: Collection[int]) -> frozenset[int]:
    """The first ones, and of the others as many as there is room for."""
    room = max(0, MOST_TICKED - len(first))
    others = [number for number in then if number not in first]
    return frozenset(first) | frozenset(others[:room])
