"""The key and certificate with which the node shows itself on the clinic's network: one of each at a time."""

from __future__ import annotations

from dataclasses import dataclass

from edge.store.database import Tables


@dataclass(frozen=True, slots=True, repr=False)
class LanKey:
    """Both as DER: the key in PKCS#8 without a password, since the store around it is encrypted."""

    key: bytes
    certificate: bytes


def find(tables: Tables) -> LanKey | None:
    """What is used now, or None before the first time."""
    row = tables.execute("SELECT key, certificate FROM lan_certificate").fetchone()
    return None if row is None else LanKey(bytes(row[0]), bytes(row[1]))


def replace(tables: Tables, new: LanKey, *, at: int) -> None:
    """Use this one from now on; the one before is gone."""
    tables.execute(
        "INSERT INTO lan_certificate VALUES (1, ?, ?, ?) ON CONFLICT (only) DO UPDATE"
        " SET key = excluded.key, certificate = excluded.certificate, made_at = excluded.made_at",
        (new.key, new.certificate, at),
    )
