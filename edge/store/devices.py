"""Devices on the clinic's network: who asks to be let in, who was, who not any more.

A device holds a random token; the store keeps its digest, so that nobody who reads the store can pass for a device.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, NewType

from edge.store.database import Tables

DeviceId = NewType("DeviceId", int)


class DeviceState(StrEnum):
    """What was decided about a device."""

    ASKED = "asked"
    ADMITTED = "admitted"
    REFUSED = "refused"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Device:
    """One browser of one device.

    Attributes:
        code: six digits, shown on the device; the manager compares them.
        name: as its user called it.
        asked_at, decided_at: epoch seconds UTC; `decided_at` is None while it asks.
        decided_by: the manager's name, or "".
    """

    device_id: DeviceId
    code: str
    name: str
    state: DeviceState
    asked_at: int
    decided_at: int | None
    decided_by: str


_COLUMNS: Final = "device_id, code, name, state, asked_at, decided_at, decided_by"


def ask(tables: Tables, token: str, *, code: str, name: str, at: int) -> DeviceId:
    """Write a device that asks, with the token that its browser keeps."""
    row = tables.execute(
        "INSERT INTO devices (token_digest, code, name, state, asked_at) VALUES (?, ?, ?, 'asked', ?)"
        " RETURNING device_id",
        (_digest(token), code, name, at),
    ).fetchone()
    return DeviceId(int(row[0]))


def decide(tables: Tables, device_id: DeviceId, state: DeviceState, *, at: int, by: str) -> None:
    """Write what the manager says about a device."""
    tables.execute(
        "UPDATE devices SET state = ?, decided_at = ?, decided_by = ? WHERE device_id = ?", (state, at, by, device_id)
    )


def forget_asked(tables: Tables, *, before: int) -> None:
    """Delete those who asked before this instant and were not answered."""
    tables.execute("DELETE FROM devices WHERE state = 'asked' AND asked_at < ?", (before,))


def get(tables: Tables, device_id: DeviceId) -> Device | None:
    """The device with this id, if there is one."""
    return _one(tables, "device_id = ?", device_id)


def with_token(tables: Tables, token: str) -> Device | None:
    """The device that holds this token, if it is known."""
    return _one(tables, "token_digest = ?", _digest(token))


def in_state(tables: Tables, state: DeviceState, *, limit: int) -> list[Device]:
    """Devices of which this was decided, the newest first."""
    rows = tables.execute(
        f"SELECT {_COLUMNS} FROM devices WHERE state = ? ORDER BY device_id DESC LIMIT ?", (state, limit)
    )
    return [_device(row) for row in rows]


def _one(tables: Tables, where: str, value: object) -> Device | None:
    row = tables.execute(f"SELECT {_COLUMNS} FROM devices WHERE {where}", (value,)).fetchone()
    return None if row is None else _device(row)


def _device(row: Sequence[Any]) -> Device:
    return Device(DeviceId(row[0]), row[1], row[2], DeviceState(row[3]), row[4], row[5], row[6])


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
