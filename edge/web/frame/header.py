"""What every page shows on top: the site, the clock, the network, what is unsent and unsigned, the disk.

Pages for somebody who has not signed in show the name of the site and no figure.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import Final

from flask import g, request

from edge.domain.day_figures import count_kinds
from edge.domain.roles import ROLE_WORDS, Role
from edge.domain.waiting import Waiting
from edge.store import bundles, link, node_identity, standings
from edge.web.frame import drafts
from edge.web.frame.access import current_visit, forget_visit, signed_in_user
from edge.web.frame.gate_words import GateView, gate_view
from edge.web.frame.node import node
from edge.web.frame.places import help_page, open_places
from edge.web.frame.sentences import link_sentence
from edge.workflow.plan_passes import signing_rules
from sync_protocol.days import day_end, local_day

# A day of 3,000 doses with its copies takes some 20 MB; below this somebody has to make room this week.
LOW_DISK_BYTES: Final = 500_000_000


@dataclass(frozen=True, slots=True)
class Header:
    """Counts are of today; `left_seconds` until the local midnight by which doses of today are due for signing.

    `gate` is everything that is past a threshold of the policy: empty when all is well.
    """

    node: str
    facility: str
    facility_name: str
    now: int
    today: str
    link_works: bool
    link_words: str
    unsent: int
    is_due: bool
    unsigned: int
    left_seconds: int
    free_bytes: int
    gate: GateView

    @property
    def disk_low(self) -> bool:
        """Whether the disk will soon refuse doses."""
        return self.free_bytes < LOW_DISK_BYTES


@dataclass(frozen=True, slots=True)
class Site:
    """Whose pages these are: all that somebody sees who has not signed in."""

    node: str
    facility: str
    facility_name: str


def frame() -> dict[str, object]:
    """What the base page is drawn with: `site`, and for somebody who has signed in `user`, `header` and `places`.

    All of it is None on a page that says that the store cannot be read.
    """
    if g.get("bare", False):
        return {"site": None, "header": None, "user": None}
    visit = current_visit()
    user = signed_in_user()
    known = None if user is None else header()
    return {
        "site": _site() if known is None else Site(known.node, known.facility, known.facility_name),
        "header": known,
        "user": user,
        "user_roles": () if user is None else [ROLE_WORDS[role] for role in Role if role in user.roles],
        "places": () if user is None or user.must_change else open_places(),
        "idle_seconds": 0 if visit is None else visit.idle_seconds,
        "draft": drafts.shown(),
        "help_page": help_page(),
        "here": _here(),
    }


def _here() -> str:
    """The address of this page, or of the page whose form was sent; "" where neither is known."""
    if request.endpoint is None:
        # Whatever somebody typed as an address, the page that says that there is no such page does not repeat it.
        return ""
    if request.method == "GET":
        return request.full_path.rstrip("?")
    # A body that is too large was refused unread, and its page says so.
    bound = request.max_content_length
    is_read = bound is None or (request.content_length or 0) <= bound
    return request.form.get("place", "") if is_read else ""


def draw_bare() -> None:
    """Let this request's page be drawn without the store, which may be what is wrong."""
    g.bare = True
    forget_visit()


def header() -> Header:
    """The header of this request, read once."""
    if "header" not in g:
        g.header = _header()
    found: Header = g.header
    return found


def header_if_read() -> Header | None:
    """The header of this request, where its page has one."""
    found: Header | None = g.get("header")
    return found


def _site() -> Site | None:
    with node().database.read() as tables:
        identity = node_identity.find(tables)
    return None if identity is None else Site(identity.node, identity.facility, identity.facility_name)


def _header() -> Header:
    open_node = node()
    now = open_node.clock.now()
    policy = open_node.shelf.catalogue().policy
    with open_node.database.read() as tables:
        identity = node_identity.find(tables)
        # The catalogue came with the enrolment file, and so did the codes.
        assert identity is not None
        state = link.state(tables)
        day = local_day(now)
        kinds = standings.kinds(tables, facility=identity.facility, now=now, first_day=day, last_day=day)
        waiting = count_kinds(kinds, signing_rules(tables, policy, now=now)).waiting
        unsent = bundles.unsent(tables)
        gate = gate_view(tables, policy.offline, now=now)
    said = link_sentence(state, now)
    return Header(
        node=identity.node,
        facility=identity.facility,
        facility_name=identity.facility_name,
        now=now,
        today=day,
        link_works=state.failing_since is None and state.reached_at is not None,
        link_words=said.word,
        unsent=unsent,
        is_due=unsent > 0 and (state.next_try_at is None or state.next_try_at <= now),
        unsigned=waiting.get(Waiting.UNSIGNED, 0) + waiting.get(Waiting.PASS_OPEN, 0),
        left_seconds=day_end(local_day(now)) - now,
        free_bytes=shutil.disk_usage(open_node.config.directory).free,
        gate=gate,
    )
