"""The population pack inside the encrypted store: keyed tags in small sorted pieces, and its key.

A pack of 200,000 people has 1.2 million tags. They are kept as one row per kind and first byte (1,536 rows), so that
replacing the pack is quick and a look-up reads some 5 KB and bisects.
"""

from __future__ import annotations

from dataclasses import dataclass

from edge.store.database import Tables
from sync_protocol.population import (
    TAG_BYTES,
    PackAnswer,
    PersonKey,
    PopulationPack,
    TagKind,
    check,
    has_tag,
    person_tags,
)


@dataclass(frozen=True, slots=True)
class PackState:
    """The pack that holds. Instants are epoch seconds UTC."""

    version: int
    people: int
    issued_at: int
    expires_at: int
    imported_at: int

    @property
    def reference(self) -> str:
        """How identity evidence names this pack."""
        return f"pack-{self.version}"


def state(tables: Tables) -> PackState | None:
    """The pack that holds, if there is one."""
    row = tables.execute("SELECT version, people, issued_at, expires_at, imported_at FROM population_pack").fetchone()
    return None if row is None else PackState(*row)


def replace(tables: Tables, pack: PopulationPack, *, at: int) -> None:
    """Put a verified pack in place of the one before, inside the caller's transaction: whole or not at all."""
    tables.execute("DELETE FROM population_tags")
    tables.execute("DELETE FROM population_pack")
    tables.execute(
        "INSERT INTO population_pack VALUES (1, ?, ?, ?, ?, ?, ?)",
        (pack.version, pack.pack_key, pack.people, pack.issued_at, pack.expires_at, at),
    )
    tables.conn.executemany(
        "INSERT INTO population_tags VALUES (?, ?, ?)",
        (
            (int(kind), first_byte, piece)
            for kind in TagKind
            for first_byte, piece in enumerate(_pieces(pack.tags[kind]))
            if piece
        ),
    )


@dataclass(frozen=True, slots=True)
class PackGap:
    """A version that the centre has and this node could not make of the one held: why, and when (epoch seconds UTC)."""

    version: int
    code: str
    missed_at: int


def content(tables: Tables) -> tuple[bytes, dict[TagKind, bytes]]:
    """The key of the pack that holds and its tags by kind, to make the next version; the caller has asked `state`."""
    row = tables.execute("SELECT pack_key FROM population_pack").fetchone()
    if row is None:
        raise LookupError("no population pack in the store")
    pieces: dict[TagKind, list[bytes]] = {kind: [] for kind in TagKind}
    for kind, tags in tables.execute("SELECT kind, tags FROM population_tags ORDER BY kind, first_byte"):
        pieces[TagKind(kind)].append(bytes(tags))
    return bytes(row[0]), {kind: b"".join(found) for kind, found in pieces.items()}


def note_gap(tables: Tables, gap: PackGap) -> None:
    """Keep that a version was missed, in the place of an earlier one."""
    tables.execute("DELETE FROM population_gaps")
    tables.execute("INSERT INTO population_gaps VALUES (1, ?, ?, ?)", (gap.version, gap.code, gap.missed_at))


def gap(tables: Tables) -> PackGap | None:
    """The version that was missed; None once a pack as new holds, however it came."""
    row = tables.execute(
        "SELECT g.version, g.code, g.missed_at FROM population_gaps AS g"
        " WHERE NOT EXISTS (SELECT 1 FROM population_pack AS p WHERE p.version >= g.version)"
    ).fetchone()
    return None if row is None else PackGap(*row)


class StoredPack:
    """Asks the pack in the store. Use it inside one `read()` or `write_transaction()`.

    Raises LookupError when made without a pack; the caller has asked `state` first.
    """

    def __init__(self, tables: Tables) -> None:
        row = tables.execute("SELECT pack_key FROM population_pack").fetchone()
        if row is None:
            raise LookupError("no population pack in the store")
        self._tables = tables
        self._pack_key = bytes(row[0])

    def check(self, person: PersonKey) -> PackAnswer:
        """Compare a person's four fields with the pack."""
        return check(self._holds, person_tags(self._pack_key, person))

    def _holds(self, kind: TagKind, tag: bytes) -> bool:
        row = self._tables.execute(
            "SELECT tags FROM population_tags WHERE kind = ? AND first_byte = ?", (int(kind), tag[0])
        ).fetchone()
        return row is not None and has_tag(bytes(row[0]), tag)


def _pieces(block: bytes) -> list[bytes]:
    """The sorted tags of one kind, cut where the first byte changes: 256 pieces, some of them empty."""
    pieces: list[bytes] = []
    position = 0
    for first_byte in range(256):
        start = position
        while position < len(block) and block[position] == first_byte:
            position += TAG_BYTES
        pieces.append(block[start:position])
    return pieces
