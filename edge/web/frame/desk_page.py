"""What the page of a turn at the PIN desk needs, whatever the PIN is typed for.

The form goes to the signer process, at an address that lives as long as the turn waits; the page names it, and no
other page may. Over the clinic's network no PIN is asked for: it is typed where the token is.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from flask import Response, jsonify, request

from edge.bootstrap import Node
from edge.domain.pass_journal import PassCode, PassRefusedError
from edge.domain.refusals import Words
from edge.domain.roles import Role
from edge.store import users
from edge.store.users import User
from edge.web.frame.certificate_words import serial_words
from edge.web.frame.desk_states import Turn, TurnState
from edge.web.frame.node import node
from edge.web.frame.security import allow_form_to, came_over_lan
from sync_protocol.certificate import organisation_of, serial_text
from sync_protocol.signers.at_desk import DeskPlace
from sync_protocol.signers.token_errors import TokenCode

# Somebody has gone to fetch the head of the unit: longer than that nobody's form stays open.
DESK_SECONDS: Final = 180
_ID_BYTES: Final = 16
# What a token or a person has to be asked about once more before the PIN may be typed again.
_SURE_CODES: Final = frozenset({TokenCode.PIN_COUNT_LOW, TokenCode.PIN_UNCOUNTED})


@dataclass(frozen=True, slots=True, repr=False)
class DeskPage:
    """A turn as the macros of `frame/desk.html` show it.

    Attributes:
        said: how far it is, in words.
        follow: the address of the turn's page.
        cancel: where the form goes with which the wait ends.
        is_elsewhere: the page is shown to another machine than the token's: no form there.
        is_file: a password of a file is asked for, not a token's PIN.
        action, label, serial, organisation: where the form goes, and what the token says of itself; "" for nothing.
        has_to_be_sure: a person has to confirm before the PIN is typed once more.
        seconds: how long the form stays open.
    """

    state: TurnState
    said: str
    follow: str
    cancel: str
    is_elsewhere: bool
    is_file: bool
    action: str
    label: str
    serial: str
    organisation: str
    has_to_be_sure: bool
    code: str
    problem: Words | None
    seconds: int = DESK_SECONDS

    @property
    def waits(self) -> bool:
        """Whether somebody is to type."""
        return self.state is TurnState.PIN

    @property
    def works(self) -> bool:
        """Whether the token is at work."""
        return self.state in (TurnState.READING, TurnState.SIGNING)


def require_here() -> None:
    """A PIN is typed at this machine. PassRefusedError PIN_ELSEWHERE for a request from the clinic's network."""
    if came_over_lan():
        raise PassRefusedError(PassCode.PIN_ELSEWHERE)


def require_still(open_node: Node, user: User, *roles: Role) -> None:
    """Whoever began a turn still has one of these roles, now that the PIN is there. PassRefusedError TURN_GONE."""
    with open_node.database.read() as tables:
        found = users.get(tables, user.user_id)
    # The account was closed, or has other roles, while the PIN was waited for.
    if found is None or not found.is_active or found.roles.isdisjoint(roles):
        raise PassRefusedError(PassCode.TURN_GONE)


def fresh_place(address_of: Callable[[str], str]) -> tuple[str, DeskPlace]:
    """The id of a fresh turn, and the place of its desk; `address_of` gives the address of a turn's page."""
    entropy = node().entropy
    turn_id = entropy.token(_ID_BYTES).hex()
    path = f"/{entropy.token(_ID_BYTES).hex()}"
    return turn_id, DeskPlace(request.host_url.rstrip("/"), address_of(turn_id), path=path, seconds=DESK_SECONDS)


def follow_answer(turn: Turn[Any, Any], said: str, *, done: int = 0) -> Response:
    """What the page's script is told."""
    return jsonify(state=turn.state, done=done, words=said)


def desk_page(turn: Turn[Any, Any], said: str, *, follow: str, cancel: str) -> DeskPage:
    """What the page of a turn shows; where it has the form, it may send it to the desk."""
    desk, is_elsewhere = turn.desk, came_over_lan()
    if desk is not None and not is_elsewhere:
        allow_form_to(desk.origin)
    certificate = None if desk is None else desk.certificate
    return DeskPage(
        turn.state,
        said,
        follow,
        cancel,
        is_elsewhere=is_elsewhere,
        # A file says which certificate it holds only when it is open.
        is_file=certificate is None,
        action="" if desk is None else desk.action,
        label="" if desk is None else desk.label,
        serial="" if certificate is None else serial_words(serial_text(certificate.serial)),
        organisation="" if certificate is None else organisation_of(certificate),
        has_to_be_sure=turn.code in _SURE_CODES,
        code=turn.code,
        problem=turn.problem,
    )
