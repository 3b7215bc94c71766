"""Opens a vial at a table, closes it, opens it again, or withdraws one that was opened by mistake."""

from __future__ import annotations

from edge.domain.recordable import is_submission_key
from edge.domain.refusals import EdgeCode, refuse
from edge.domain.vial import VialContents
from edge.store import audit, vials
from edge.store.database import Database, Tables
from edge.store.vials import Vial, VialId, VialState
from sync_protocol.days import local_day
from sync_protocol.errors import Code


def open_vial(database: Database, contents: VialContents, *, key: str, at: int, by: str) -> Vial:
    """Write that a vial was opened; the same key again gives the first one back.

    Args:
        contents: as `read_vial` gives it.
        key: made by the client, as in `Submission`.
        at: epoch seconds UTC.
        by: who opens it.

    Raises:
        RefusedError: FIELD_INVALID for what is no key; SUBMISSION_OTHER where the key opened another vial.
    """
    if not is_submission_key(key):
        raise refuse(Code.FIELD_INVALID, "submission")
    with database.write_transaction() as tables:
        earlier = vials.submitted(tables, key)
        if earlier is not None:
            if earlier.contents != contents:
                raise refuse(EdgeCode.SUBMISSION_OTHER, "submission")
            return earlier
        vial_id = vials.add(tables, contents, day=local_day(at), at=at, by=by, submission=key)
        details = f"{contents.product} {contents.doses} doses"
        audit.append(tables, audit.Action.VIAL_OPENED, f"vial:{vial_id}", actor=by, at=at, details=details)
        return _found(tables, vial_id)


def close_vial(database: Database, vial_id: VialId, *, at: int, by: str) -> Vial:
    """Close a vial; a second click finds it closed. Raises RefusedError VIAL_GONE."""
    with database.write_transaction() as tables:
        vial = _found(tables, vial_id)
        if vial.state is VialState.CLOSED:
            return vial
        _move(tables, vial, VialState.CLOSED, action=audit.Action.VIAL_CLOSED, at=at, by=by)
        return _found(tables, vial_id)


def reopen_vial(database: Database, vial_id: VialId, *, at: int, by: str) -> Vial:
    """Undo `close_vial` on the same day; a second click finds it open. Raises RefusedError VIAL_GONE."""
    with database.write_transaction() as tables:
        vial = _found(tables, vial_id)
        if vial.state is VialState.OPEN:
            return vial
        if vial.state is not VialState.CLOSED or vial.day != local_day(at):
            raise refuse(EdgeCode.VIAL_GONE, "vial")
        vials.move(tables, vial_id, VialState.OPEN, before=VialState.CLOSED, at=None)
        audit.append(tables, audit.Action.VIAL_REOPENED, f"vial:{vial_id}", actor=by, at=at)
        return _found(tables, vial_id)


def withdraw_vial(database: Database, vial_id: VialId, *, at: int, by: str) -> Vial:
    """Undo `open_vial` where nothing was recorded from it; it then counts nowhere.

    Raises:
        RefusedError: VIAL_GONE; VIAL_DRAWN where a dose was recorded from it.
    """
    with database.write_transaction() as tables:
        vial = _found(tables, vial_id)
        if vial.state is VialState.WITHDRAWN:
            return vial
        if vial.given:
            raise refuse(EdgeCode.VIAL_DRAWN, "vial")
        _move(tables, vial, VialState.WITHDRAWN, action=audit.Action.VIAL_WITHDRAWN, at=at, by=by)
        return _found(tables, vial_id)


def _move(tables: Tables, vial: Vial, state: VialState, *, action: audit.Action, at: int, by: str) -> None:
    if not vials.move(tables, vial.vial_id, state, before=VialState.OPEN, at=at, by=by):
        raise refuse(EdgeCode.VIAL_GONE, "vial")
    audit.append(tables, action, f"vial:{vial.vial_id}", actor=by, at=at)


def _found(tables: Tables, vial_id: VialId) -> Vial:
    vial = vials.get(tables, vial_id)
    if vial is None:
        raise refuse(EdgeCode.VIAL_GONE, "vial")
    return vial
