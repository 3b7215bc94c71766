"""What every page shows on top: the site, the clock, the network, what is unsent and unsigned, the disk."""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import Final

from flask import g

from edge.domain.day_figures import count_kinds
from edge.domain.waiting import Waiting
from edge.store import bundles, link, node_identity, standings
from edge.web.frame.node import node
from edge.web.frame.sentences import link_sentence
from edge.workflow.plan_passes import signing_rules
from sync_protocol.days import day_end, local_day

# A day of 3,000 doses with its copies takes some 20 MB; below this somebody has to make room this week.
LOW_DISK_BYTES: Final = 500_000_000


@dataclass(frozen=True, slots=True)
class Header:
    """Counts are of today; `left_seconds` until the local midnight by which doses of today are due for signing."""

    node: str
    facility: str
    facility_name: str
    now: int
    link_works: bool
    link_words: str
    unsent: int
    unsigned: int
    left_seconds: int
    free_bytes: int

    @property
    def disk_low(self) -> bool:
        """Whether the disk will soon refuse doses."""
        return self.free_bytes < LOW_DISK_BYTES


def header() -> Header | None:
    """The header of this request, read once; None on a page that says that the store cannot be read."""
    if "header" not in g:
        g.header = _header()
    found: Header | None = g.header
    return found


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
    said = link_sentence(state, now)
    return Header(
        node=identity.node,
        facility=identity.facility,
        facility_name=identity.facility_name,
        now=now,
        link_works=state.failing_since is None and state.reached_at is not None,
        link_words=said.word,
        unsent=unsent,
        unsigned=waiting.get(Waiting.UNSIGNED, 0) + waiting.get(Waiting.PASS_OPEN, 0),
        left_seconds=day_end(local_day(now)) - now,
        free_bytes=shutil.disk_usage(open_node.config.directory).free,
    )
