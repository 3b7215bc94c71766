"""Around each opening of the signer: a refused PIN is in the trail, and remembered where the token says nothing.

Tokens with flags say themselves that a wrong PIN was typed before. For one without flags the trail says it, over
restarts too: after one failure nobody is asked for a PIN until a person has confirmed that they want to try again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from edge.store import audit
from edge.store.audit import Action, Wanted
from edge.store.database import Database, Tables
from sync_protocol.signers.token_errors import TokenCode, TokenError

# A login that the token has refused for its PIN, and may have counted.
_REFUSED: Final = frozenset(
    {TokenCode.PIN_INCORRECT, TokenCode.PIN_UNCOUNTED, TokenCode.PIN_LENGTH, TokenCode.PIN_LOCKED}
)

# The PIN was right.
_RIGHT: Final = (Action.PIN_TAKEN, Action.PASS_SIGNED)


@contextmanager
def watch_pin(database: Database, *, after_wrong_pin: bool, by: str, now: Callable[[], int]) -> Iterator[None]:
    """Open the signer inside of this, whoever asks for the PIN.

    Args:
        database: the node's store.
        after_wrong_pin: a person has seen PIN_UNCOUNTED (or PIN_COUNT_LOW) and wants to go on.
        by: who asks for the signature.
        now: gives epoch seconds UTC.

    Raises:
        TokenError: PIN_UNCOUNTED before anything is opened; what the block raises is passed on.
    """
    with database.read() as tables:
        if not after_wrong_pin and is_uncounted(tables):
            raise TokenError(TokenCode.PIN_UNCOUNTED, "at an earlier turn")
    try:
        yield
    except TokenError as error:
        if error.code in _REFUSED:
            with database.write_transaction() as tables:
                audit.append(tables, Action.PIN_REFUSED, "token", actor=by, at=now(), details=error.code.value)
        raise


def is_uncounted(tables: Tables) -> bool:
    """Whether the newest PIN was wrong at a token without flags, and none was right since."""
    refused = audit.listed(tables, Wanted(action=Action.PIN_REFUSED), before=0, limit=1)
    if not refused or refused[0].details != TokenCode.PIN_UNCOUNTED:
        return False
    later = [audit.listed(tables, Wanted(action=action), before=0, limit=1) for action in _RIGHT]
    return not any(found and found[0].entry > refused[0].entry for found in later)


def remember_right_pin(database: Database, *, by: str, at: int) -> None:
    """A token has taken its PIN: nobody has to be sure any more. Written only where somebody would have to.

    Args:
        by: who asked for the signature.
        at: epoch seconds UTC.
    """
    with database.read() as tables:
        if not is_uncounted(tables):
            return
    with database.write_transaction() as tables:
        audit.append(tables, Action.PIN_TAKEN, "token", actor=by, at=at)
