"""A device on the clinic's network is let in by the manager, who compares the code on its screen.

Asking shows nothing of anybody. The token in the device's browser was drawn by the node and is worth nothing until the
manager has said yes; what the manager takes back stops with the device's next request.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Final

from edge.domain.refusals import EdgeCode, refuse
from edge.store import audit, devices
from edge.store.database import Database
from edge.store.devices import Device, DeviceId, DeviceState
from sync_protocol.days import DAY_SECONDS
from sync_protocol.sealing import Entropy

# So many may ask at once, and each for so long: a stranger on the Wi-Fi cannot fill the manager's page.
MOST_ASKING: Final = 20
ASK_SECONDS: Final = 10 * 60
ADMITTED_SECONDS: Final = 365 * DAY_SECONDS
NAME_CHARS: Final = 60
_TOKEN_BYTES: Final = 32
_CODES: Final = 1_000_000
_DRAW_BYTES: Final = 8
# Who acts in the audit trail when a device does that nobody knows yet.
_UNKNOWN: Final = "Thiết bị mới"


@dataclass(frozen=True, slots=True, repr=False)
class Asked:
    """A device that has just asked. The token is for its browser alone."""

    device_id: DeviceId
    token: str


def ask_admission(database: Database, name: str, *, entropy: Entropy, at: int) -> Asked:
    """Note a device that asks to be let in, under a code that no other asking device has.

    Args:
        database: the node's store.
        name: as its user calls it, unverified.
        entropy: draws token and code.
        at: epoch seconds UTC.

    Raises:
        RefusedError: DEVICE_NAME; DEVICE_MANY, after a while it may be tried again.
    """
    written = _clean(name)
    if not 0 < len(written) <= NAME_CHARS:
        raise refuse(EdgeCode.DEVICE_NAME, "name")
    token = entropy.token(_TOKEN_BYTES).hex()
    with database.write_transaction() as tables:
        devices.forget_asked(tables, before=at - ASK_SECONDS)
        asking = devices.in_state(tables, DeviceState.ASKED, limit=MOST_ASKING)
        if len(asking) >= MOST_ASKING:
            raise refuse(EdgeCode.DEVICE_MANY, "device")
        code = _draw_code({one.code for one in asking}, entropy)
        device_id = devices.ask(tables, token, code=code, name=written, at=at)
        audit.append(tables, audit.Action.DEVICE_ASKED, f"device:{device_id}", actor=_UNKNOWN, at=at)
    return Asked(device_id, token)


def find_device(database: Database, token: str, *, at: int) -> Device | None:
    """The device that holds this token, if its word still counts: an ask for 10 minutes, an admission for a year."""
    with database.read() as tables:
        found = devices.with_token(tables, token)
    if found is None:
        return None
    since = found.asked_at if found.decided_at is None else found.decided_at
    good_for = ASK_SECONDS if found.state is DeviceState.ASKED else ADMITTED_SECONDS
    return found if at - since < good_for else None


def asking_devices(database: Database, *, at: int) -> list[Device]:
    """Who asks now, the newest first."""
    with database.read() as tables:
        asking = devices.in_state(tables, DeviceState.ASKED, limit=MOST_ASKING)
    return [one for one in asking if _is_asking(one, at)]


def admit_device(database: Database, device_id: DeviceId, *, at: int, by: str) -> None:
    """Let a device in whose code the manager has compared. Raises RefusedError DEVICE_DECIDED."""
    _decide(database, device_id, DeviceState.ADMITTED, at=at, by=by)


def admit_by_code(database: Database, typed: str, *, at: int, by: str) -> None:
    """Let the device in that shows this code. Raises RefusedError DEVICE_CODE where none does."""
    code = "".join(character for character in typed if character.isdecimal() and character.isascii())
    found = [one for one in asking_devices(database, at=at) if one.code == code]
    if not found:
        raise refuse(EdgeCode.DEVICE_CODE, "code")
    admit_device(database, found[0].device_id, at=at, by=by)


def refuse_device(database: Database, device_id: DeviceId, *, at: int, by: str) -> None:
    """Turn a device away that asks. Raises RefusedError DEVICE_DECIDED."""
    _decide(database, device_id, DeviceState.REFUSED, at=at, by=by)


def withdraw_device(database: Database, device_id: DeviceId, *, at: int, by: str) -> None:
    """Take back an admission: the device's next request is not answered. Raises RefusedError DEVICE_DECIDED."""
    _decide(database, device_id, DeviceState.WITHDRAWN, at=at, by=by)


_ACTIONS: Final = {
    DeviceState.ADMITTED: audit.Action.DEVICE_ADMITTED,
    DeviceState.REFUSED: audit.Action.DEVICE_REFUSED,
    DeviceState.WITHDRAWN: audit.Action.DEVICE_WITHDRAWN,
}


def _decide(database: Database, device_id: DeviceId, state: DeviceState, *, at: int, by: str) -> None:
    with database.write_transaction() as tables:
        found = devices.get(tables, device_id)
        if state is DeviceState.WITHDRAWN:
            fits = found is not None and found.state is DeviceState.ADMITTED
        else:
            fits = found is not None and _is_asking(found, at)
        if not fits:
            raise refuse(EdgeCode.DEVICE_DECIDED, "device")
        devices.decide(tables, device_id, state, at=at, by=by)
        audit.append(tables, _ACTIONS[state], f"device:{device_id}", actor=by, at=at)


def _is_asking(device: Device, at: int) -> bool:
    return device.state is DeviceState.ASKED and at - device.asked_at < ASK_SECONDS


def _draw_code(taken: set[str], entropy: Entropy) -> str:
    while True:
        code = f"{int.from_bytes(entropy.token(_DRAW_BYTES)) % _CODES:06d}"
        if code not in taken:
            return code


def _clean(name: str) -> str:
    """One line of readable characters: what a stranger typed is shown to the manager."""
    readable = "".join(" " if unicodedata.category(one).startswith(("C", "Z")) else one for one in name)
    return " ".join(unicodedata.normalize("NFC", readable).split())
