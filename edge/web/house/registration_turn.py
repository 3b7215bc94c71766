"""The registrations among the turns at the PIN desk: which certificate, for whom, and what came of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from flask import Flask, url_for

from edge.bootstrap import Node
from edge.domain.roles import Role
from edge.store.users import User
from edge.web.frame.access import current_user
from edge.web.frame.desk_page import fresh_place, require_here, require_still
from edge.web.frame.desk_states import DeskUse, Turn, TurnState
from edge.web.frame.desk_turn import TurnScreen, TurnsOf, desk_turns
from edge.web.frame.language import _
from edge.web.frame.node import node
from edge.web.house.certificate_scan import FoundCertificate
from edge.workflow.open_key import KeyAsked, open_key_at_desk
from edge.workflow.register_certificate import Asked, check_request, register_certificate
from sync_protocol.signers.at_desk import DeskPlace


@dataclass(frozen=True, slots=True)
class Registration:
    """What is registered, and for whom."""

    found: FoundCertificate
    officer: str


RegistrationTurn: TypeAlias = Turn[Registration, Asked]


def registration_turns(app: Flask | None = None) -> TurnsOf[Registration, Asked]:
    """The registrations of this application, or of the current one."""
    return TurnsOf(DeskUse.REGISTRATION, desk_turns(app))


def begin_registration(order: Registration, *, is_sure: bool) -> str:
    """Open the signer of a certificate that was found; gives the address of the turn's page.

    Raises:
        PassRefusedError: PIN_ELSEWHERE, TURN_BUSY, DESK_BUSY.
        RefusedError, ProtocolError: as `check_request`.
    """
    require_here()
    open_node, user = node(), current_user()
    if order.found.certificate is not None:
        check_request(open_node.database, order.found.certificate, officer=order.officer, now=open_node.clock.now())
    turn_id, place = fresh_place(_page_of)
    begun = registration_turns().begin(
        order,
        _job(open_node, order, place, user=user, is_sure=is_sure),
        key=f"{order.found.uri} {order.officer}",
        turn_id=turn_id,
        owner=user.user_id,
    )
    return _page_of(begun)


def registration_words(turn: RegistrationTurn) -> str:
    """How far a registration is."""
    match turn.state:
        case TurnState.READING:
            return _("Đang đọc token…")
        case TurnState.PIN:
            return _("Chờ nhập mã.")
        case TurnState.SIGNING:
            return _("Token đang ký chứng minh; không rút token.")
        case TurnState.CANCELLED:
            return _("Đã hủy, chưa gửi gì.")
        case TurnState.FAILED | TurnState.DONE:
            return _("Việc đăng ký dừng lại.")


def _page_of(turn_id: str) -> str:
    return url_for("certificates.desk", turn_id=turn_id)


def _job(
    open_node: Node, order: Registration, place: DeskPlace, *, user: User, is_sure: bool
) -> Callable[[TurnScreen[Asked]], None]:
    key = KeyAsked(
        order.found.uri,
        user.name,
        check=lambda found: check_request(open_node.database, found, officer=order.officer, now=open_node.clock.now()),
        now=open_node.clock.now,
        after_wrong_pin=is_sure,
    )

    def register(screen: TurnScreen[Asked]) -> None:
        with open_key_at_desk(open_node.database, key, place, screen) as signer:
            require_still(open_node, user, Role.SIGNER, Role.MANAGER)
            asked = register_certificate(
                open_node.database,
                signer,
                officer=order.officer,
                by=user.name,
                now=open_node.clock.now(),
                entropy=open_node.entropy,
                others=order.found.others,
            )
        screen.add(asked)

    return register
