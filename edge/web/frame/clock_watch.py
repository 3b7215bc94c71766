"""Each request takes a look at the clock, so that a jump, or a time set elsewhere, is seen by the first page after."""

from __future__ import annotations

import logging
from typing import Final

from flask import Flask, request

from edge.store.errors import StoreError
from edge.web.frame.node import node

_LOG: Final = logging.getLogger(__name__)


def install(app: Flask) -> None:
    """Look before every page; mostly that costs two readings of the clock and a small one of the store."""
    app.before_request(_look)


def _look() -> None:
    if request.endpoint == "static":
        return
    try:
        node().clock.look()
    except StoreError as error:
        # What is wrong with the store is said by the page that needs it; the next request looks again.
        _LOG.info("clock: %s", error)
