"""Finds people by whatever somebody typed, and people who may be the one about to be written.

One question after the other, each over one index, until there are enough people: the number as it stands, the phone as
it stands, names that begin with the text, names with all of its words in any order. None of them sorts, and none reads
on once it has enough, whatever is typed; a store of 100,000 people has 40,000 of one family name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from edge.domain.identity_papers import tidy_phone
from edge.store.database import Tables
from edge.store.people import Person, PersonId, select, with_ids, with_number, with_phone
from sync_protocol.names import fold

# Longer than any name; what is beyond is not read.
TEXT_CHARS: Final = 120
_WORDS: Final = 8
# Words as the tokenizer of `people_words` parts them; nothing in them means anything to a query once it is quoted.
_WORD: Final = re.compile(r"[^\W_]+")
# Letters of the Latin alphabet are folded to A-Z, so the end of a range is the text with the next character after it.
_AFTER_LETTERS: Final = "["


def search(tables: Tables, text: str, *, limit: int = 20) -> list[Person]:
    """People whose number or phone is the text, whose name begins with it, or whose name holds all of its words.

    Marks, case and the order of words do not matter, and the last letters of each word may be missing. The first
    people are the likeliest; at most `limit`.
    """
    folded, compact = fold(text[:TEXT_CHARS]), "".join(text[:TEXT_CHARS].split())
    if not folded:
        return []
    found = {one.person_id: one for one in with_number(tables, compact.upper())}
    found |= {one.person_id: one for one in with_phone(tables, tidy_phone(compact))}
    if len(found) < limit:
        _keep(found, _beginning(tables, folded, limit=limit))
    words = _WORD.findall(folded)[:_WORDS]
    # The first word alone begins the name, which has been asked; people who bear it elsewhere are asked for here.
    if len(found) < limit and words:
        _keep(found, with_ids(tables, _with_words(tables, words, limit=limit)))
    return list(found.values())[:limit]


def near(tables: Tables, *, number: str, name: str, birth_date: str) -> list[Person]:
    """People who may be this one: with the same number, or with the same name and a date of birth that may be the same.

    Args:
        number: of any paper, or "".
        name: marks, case and spacing do not matter.
        birth_date: "YYYY-MM-DD" or "YYYY"; a year alone may be any day of it, on either side.
    """
    found = {one.person_id: one for one in with_number(tables, number)}
    year = birth_date[:4]
    wanted = "p.birth_date IN (?, ?)" if len(birth_date) > len(year) else "p.birth_date >= ? AND p.birth_date < ?"
    bounds = (year, birth_date) if len(birth_date) > len(year) else (year, f"{year}.")
    _keep(
        found,
        select(
            tables,
            f"WHERE p.folded_name = ? AND {wanted} ORDER BY p.birth_date, p.person_id LIMIT ?",
            (fold(name), *bounds, _MOST_NEAR),
        ),
    )
    return list(found.values())[:_MOST_NEAR]


# More than these nobody compares at a desk.
_MOST_NEAR: Final = 5


def _beginning(tables: Tables, folded: str, *, limit: int) -> list[Person]:
    return select(
        tables,
        "WHERE p.folded_name >= ? AND p.folded_name < ? ORDER BY p.folded_name, p.birth_date LIMIT ?",
        (folded, folded + _AFTER_LETTERS, limit),
    )


def _with_words(tables: Tables, words: list[str], *, limit: int) -> list[PersonId]:
    query = " ".join(f'"{word}"*' for word in words)
    # In the order in which the index holds them, from the end: who was added last is likeliest to stand at the desk.
    rows = tables.execute(
        "SELECT rowid FROM people_words WHERE people_words MATCH ? ORDER BY rowid DESC LIMIT ?", (query, limit)
    )
    return [PersonId(row[0]) for row in rows]


def _keep(found: dict[PersonId, Person], more: Iterable[Person]) -> None:
    for one in more:
        found.setdefault(one.person_id, one)
