"""The places of the site: the way between its pages with its keys, where each role begins, which help belongs where."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from flask import request, url_for

from edge.domain.roles import Role
from edge.store.users import User
from edge.web.frame.access import may_open


@dataclass(frozen=True, slots=True)
class Place:
    """One item of the way: Alt with `key` leads to it. `parts` are further blueprints that belong to it.

    With `instead_of` it is for those alone who may not open that page.
    """

    key: str
    endpoint: str
    words: str
    icon: str
    parts: tuple[str, ...] = ()
    instead_of: str = ""

    @property
    def is_current(self) -> bool:
        """Whether the page of this request belongs here."""
        return request.blueprint in (self.endpoint.partition(".")[0], *self.parts)


PLACES: Final = (
    Place("1", "today.show", "Hôm nay", "home", ("passports",)),
    Place("2", "reception.desk", "Tiếp đón", "door", ("roster",)),
    Place("3", "injection.form", "Bàn tiêm", "dose", ("vials",)),
    Place("4", "observation.desk", "Theo dõi", "watch", ("reaction",)),
    Place("5", "work_lists.show", "Danh sách", "list", ("people", "asking", "correction", "list_import")),
    Place(
        *("6", "signing.choose", "Ký", "sign"),
        ("signing_run", "signing_turn", "approvals", "token", "token_trial", "certificates", "handover", "hub"),
    ),
    Place(
        *("6", "approvals.index", "Duyệt ký", "sign"),
        ("token", "token_trial", "certificates", "handover"),
        instead_of="signing.choose",
    ),
    Place("7", "closing.show", "Chốt ngày", "close"),
    Place("8", "reports.show", "Báo cáo", "chart", ("exports",)),
    Place("9", "sync.show", "Đồng bộ", "sync", ("stick", "epoch", "evidence")),
    Place("0", "users.show", "Cơ sở", "house", ("audit", "clock", "settings_page", "devices")),
)
# Pages of help by the blueprint whose pages they are about.
HELP: Final = {
    "today": "today",
    "reception": "reception",
    "roster": "reception",
    "injection": "injection",
    "vials": "injection",
    "observation": "observation",
    "reaction": "observation",
    "slip": "observation",
    "people": "people",
    "asking": "people",
    "passports": "passports",
    "correction": "people",
    "work_lists": "work-lists",
    "list_import": "work-lists",
    "signing": "signing",
    "signing_run": "signing",
    "signing_turn": "signing",
    "approvals": "signing",
    "handover": "signing",
    "hub": "signing",
    "token": "token",
    "certificates": "certificates",
    "token_trial": "token",
    "closing": "closing",
    "reports": "reports",
    "exports": "reports",
    "sync": "sync",
    "stick": "stick",
    "evidence": "sync",
    "users": "users",
    "devices": "devices",
    "epoch": "sync",
    "audit": "audit",
    "settings_page": "settings",
    "clock": "clock",
}
FIRST_HELP: Final = "start"
# Where somebody begins who has this role and no other.
_DESKS: Final[Mapping[Role | None, str]] = MappingProxyType(
    {
        Role.RECEPTION: "reception.desk",
        Role.INJECTION: "injection.form",
        Role.OBSERVATION: "observation.desk",
        Role.SIGNER: "signing.choose",
    }
)


def open_places() -> list[Place]:
    """The items that whoever is at this browser may open."""
    return [
        place for place in PLACES if may_open(place.endpoint) and not (place.instead_of and may_open(place.instead_of))
    ]


def help_page() -> str:
    """The page of help that belongs to the page of this request."""
    return HELP.get(request.blueprint or "", FIRST_HELP)


def first_page(user: User) -> str:
    """The address at which a user begins: the one desk of somebody who has one, the day's page for everybody else."""
    only = next(iter(user.roles)) if len(user.roles) == 1 else None
    return url_for(_DESKS.get(only, "today.show"))
