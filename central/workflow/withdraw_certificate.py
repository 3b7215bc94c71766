"""Takes a health certificate back before its end: its passport shows it no longer, and the site is told."""

from __future__ import annotations

from sqlalchemy import Engine

from central.store import withdrawals
from central.store.database import lock_ledger, write_transaction
from central.store.key_store import KeyRing
from central.workflow.tell_passports import tell_passports
from sync_protocol.errors import Code, ProtocolError


def withdraw_certificate(uvci: str, *, reason: str, by: str, engine: Engine, keys: KeyRing, now: int) -> bool:
    """Withdraws the certificate with this number; False where it was withdrawn before.

    Args:
        uvci: as printed on the passport.
        reason: in words; kept at the centre.
        by: who decided.
        engine, keys: of the centre.
        now: epoch seconds, UTC.

    Raises:
        ProtocolError: UVCI_INVALID, there is no certificate of this number.
        StoreError, TokenError: the withdrawal may be kept already; the node is told by the next call.
    """
    with write_transaction(engine) as connection:
        # Withdrawals are numbered, and told in this order.
        lock_ledger(connection)
        held = withdrawals.find_certificate(connection, uvci)
        if held is None:
            raise ProtocolError(Code.UVCI_INVALID, "uvci: no certificate has this number")
        if not held.is_withdrawn:
            withdrawals.withdraw(connection, held, reason=reason, by=by, at=now)
    tell_passports(engine, keys=keys, now=now)
    return not held.is_withdrawn
