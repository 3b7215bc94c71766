"""The open node behind the pages, and the exchange that a page may start and look at."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, cast

from flask import current_app, request

from edge.bootstrap import Node
from edge.exchanger import Going
from edge.store import node_identity
from edge.workflow.exchange_progress import Asked

_KEY: Final = "hcvx-node"


@dataclass(frozen=True, slots=True)
class Behind:
    """What the pages work on.

    Attributes:
        ask: wants an exchange; False where one runs already.
        going: the exchange that runs, or None.
        wait: returns when none runs and none is wanted; for long work, never for a page.
    """

    node: Node
    ask: Callable[[Asked], bool]
    going: Callable[[], Going | None]
    wait: Callable[[], None]


def attach(extensions: dict[str, object], behind: Behind) -> None:
    """Put the node behind an application's pages."""
    extensions[_KEY] = behind


def behind() -> Behind:
    """What the current application works on."""
    return cast("Behind", current_app.extensions[_KEY])


def node() -> Node:
    """The node of the current application."""
    return behind().node


def require_enrolment() -> None:
    """Let a page begin only on an enrolled node: without a code and a catalogue there is nothing to show.

    Raises:
        StoreError: NOT_ENROLLED, or why the store cannot be read.
    """
    if request.endpoint != "static":
        with node().database.read() as tables:
            node_identity.get(tables)
