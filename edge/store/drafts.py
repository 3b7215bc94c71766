"""What somebody typed into a form and has not sent yet: by user and by the path of the form's page.

It survives a locked screen, a reload and a power cut. Bounded, so that it never becomes a second store of people's
data: 64 KB a draft, 50 drafts a user, two days.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from edge.store.database import Tables
from edge.store.users import UserId

DRAFT_BYTES: Final = 64 * 1024
MOST_DRAFTS: Final = 50
KEPT_SECONDS: Final = 2 * 24 * 3_600
# Fields that no draft holds: what is secret, and what is only good once.
NEVER_KEPT: Final = frozenset(
    {"csrf_token", "pin", "password", "old_password", "repeated", "passphrase", "place", "kept_fields"}
)


@dataclass(frozen=True, slots=True)
class Draft:
    """One form. `typed_by` is the name of who typed it, `saved_at` epoch seconds UTC."""

    place: str
    texts: Mapping[str, str]
    typed_by: str
    saved_at: int


def save(tables: Tables, user_id: UserId, draft: Draft) -> bool:
    """Keep a draft in place of the one before it; gives False, and keeps nothing, where it is too large or empty."""
    texts = {name: text for name, text in draft.texts.items() if name not in NEVER_KEPT}
    written = json.dumps(texts, ensure_ascii=False)
    if not any(texts.values()) or len(written.encode()) > DRAFT_BYTES:
        return False
    tables.execute(
        "INSERT INTO drafts (user_id, place, texts, typed_by, saved_at) VALUES (?, ?, ?, ?, ?)"
        " ON CONFLICT (user_id, place) DO UPDATE SET texts = excluded.texts, typed_by = excluded.typed_by,"
        " saved_at = excluded.saved_at",
        (user_id, draft.place, written, draft.typed_by, draft.saved_at),
    )
    tables.execute("DELETE FROM drafts WHERE saved_at <= ?", (draft.saved_at - KEPT_SECONDS,))
    tables.execute(
        "DELETE FROM drafts WHERE user_id = ? AND place NOT IN"
        " (SELECT place FROM drafts WHERE user_id = ? ORDER BY saved_at DESC, place = ? DESC LIMIT ?)",
        (user_id, user_id, draft.place, MOST_DRAFTS),
    )
    return True


def get(tables: Tables, user_id: UserId, place: str, *, at: int) -> Draft | None:
    """The draft of a form, unless there is none or it has expired."""
    row = tables.execute(
        "SELECT place, texts, typed_by, saved_at FROM drafts WHERE user_id = ? AND place = ? AND saved_at > ?",
        (user_id, place, at - KEPT_SECONDS),
    ).fetchone()
    return None if row is None else Draft(row[0], json.loads(row[1]), row[2], row[3])


def places(tables: Tables, user_id: UserId, *, at: int) -> list[str]:
    """The pages of which this user has a draft, newest first."""
    rows = tables.execute(
        "SELECT place FROM drafts WHERE user_id = ? AND saved_at > ? ORDER BY saved_at DESC, place",
        (user_id, at - KEPT_SECONDS),
    )
    return [str(row[0]) for row in rows]


def clear(tables: Tables, user_id: UserId, place: str) -> None:
    """Forget the draft of a form."""
    tables.execute("DELETE FROM drafts WHERE user_id = ? AND place = ?", (user_id, place))


def hand_over(tables: Tables, giver: UserId, taker: UserId, place: str) -> None:
    """Give a draft to the next shift, unless the taker has one of the same form."""
    tables.execute("UPDATE OR IGNORE drafts SET user_id = ? WHERE user_id = ? AND place = ?", (taker, giver, place))
