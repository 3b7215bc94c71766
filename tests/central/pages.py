"""What the tests of pages share: a client, and a day with something of everything in it."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from typing import Final

from flask.testing import FlaskClient

from central.app import create_app
from central.web.operator import operator_blueprint
from central.web.passports import passports_blueprint
from central.workflow.run_day import DayResult, run_day
from central.workflow.show_passport import passport_texts
from sync_protocol.identity import EvidenceSource, IdentityEvidence, IdentityState
from tests.central.scenario import DAY, EVENING, MORNING, World, recipient

# Nobody's name or number may stand on an operator's page or in any address.
SECRETS: Final = re.compile(r"Nguyễn|Đặng|019[01]\d{8}|0961234567|1951-03|1952-03")
FOREIGN_ADDRESS: Final = re.compile(r"(?:https?:)?//(?!www\.w3\.org/2000/svg)")


def pages_client(world: World) -> FlaskClient:
    """A browser on the centre's own machine."""
    app = create_app(world.centre)
    for name, make in (("operator", operator_blueprint), ("passports", passports_blueprint)):
        if name not in app.blueprints:
            app.register_blueprint(make(world.centre))
    return app.test_client()


def end_of_day(world: World) -> DayResult:
    """One end-of-day run with the centre's own signer."""
    centre = world.centre
    with centre.open_signer() as signer:
        return run_day(
            centre.engine, signer=signer, registry=centre.registry, entropy=centre.entropy, now=centre.clock.now()
        )


def busy_day(world: World) -> None:
    """Two sites and a silent one: five doses certified, two waiting, three quarantined; one arrives after the run."""
    one, two = world.site(), world.site("19002", "19002A")
    world.site("19003", "19003A")
    mismatch = IdentityEvidence(IdentityState.MISMATCH, EvidenceSource.PACK, "pack-1", MORNING)
    good, faulty = one.doses([1, 2, 3]), one.doses([4, 5], evidence=mismatch)
    unwritable = one.dose(6, recipient=replace(recipient(6), name="Nguyễn Văn Ж"))
    world.know([*good, unwritable])
    one.send([*good, *faulty, unwritable])
    others = [two.dose(7), two.dose(8), two.dose(9, product="ZZ")]
    world.know(others)
    two.send(others)
    end_of_day(world)
    late = two.dose(10)
    world.know([late])
    world.clock.at = EVENING + 3_600
    two.send([late])


def a_passport(world: World) -> str:
    """The opaque name of some passport."""
    return next(passport_texts(world.centre.engine)).id


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, {name: value or "" for name, value in attrs}))

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def read_page(html: str) -> tuple[list[tuple[str, dict[str, str]]], str]:
    """The tags with their attributes, and the words with single spaces."""
    reader = _Reader()
    reader.feed(html)
    return reader.tags, " ".join(" ".join(reader.words).split())


def assert_quiet(html: str) -> None:
    """Whatever a page shows: no script, no inline style, nothing from elsewhere, no person in an address."""
    tags, _ = read_page(html)
    assert FOREIGN_ADDRESS.search(html) is None
    for tag, attributes in tags:
        assert tag not in ("script", "style", "iframe", "object", "base")
        assert not [name for name in attributes if name == "style" or name.startswith("on")]
        for name in ("href", "src", "action"):
            assert SECRETS.search(attributes.get(name, "")) is None


__all__ = ["DAY", "SECRETS", "a_passport", "assert_quiet", "busy_day", "end_of_day", "pages_client", "read_page"]
