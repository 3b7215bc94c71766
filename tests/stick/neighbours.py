"""Two sites of one simulated centre: one without a network, one that may carry its files."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from edge.store import bundles, carried
from edge.store.carried import Carried
from edge.store.database import Tracer
from edge.workflow.carry_files import CarryResult, carry_files
from edge.workflow.exchange import exchange
from edge.workflow.export_stick import ExportResult, export_stick
from edge.workflow.import_stick import ImportResult, import_stick
from edge.workflow.take_feed import fetch_feed
from tests.builders import ec_key
from tests.edge.station import NODE, REQUEST_DIGEST, Station, make_station

OTHER: Final = "19002A"
BY: Final = "Lê Thị Hoa"


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The site, the carrier, and the stick between them."""

    site: Station
    carrier: Station
    stick: Path

    def export(self, station: Station | None = None) -> ExportResult:
        """Write to the stick; the site unless another is named."""
        one = station or self.site
        return export_stick(one.database, self.stick, now=one.clock.now, entropy=one.entropy, by=BY)

    def read(self, station: Station | None = None) -> ImportResult:
        """Read the stick; the site unless another is named."""
        one = station or self.site
        return import_stick(one.database, self.stick, now=one.clock.now, by=BY)

    def carry(self, *, is_asked: bool = False) -> CarryResult:
        """The carrier offers what it carries."""
        one = self.carrier
        return carry_files(one.database, one.centre, now=one.clock.now, is_asked=is_asked)

    def files(self) -> dict[str, bytes]:
        """What lies on the stick."""
        return {path.name: path.read_bytes() for path in sorted(self.stick.glob("HCVX/*"))}

    def kinds(self) -> Counter[str]:
        """How many files of each kind lie there, by the letter of their names."""
        return Counter(name[0] for name in self.files())

    def carried(self) -> Carried:
        """What the carrier carries."""
        with self.carrier.database.read() as tables:
            return carried.state(tables)


def states(station: Station) -> list[str]:
    """The states of all bundles of a station, in the order of their chain."""
    with station.database.read() as tables:
        return [line.state.value for line in sorted(bundles.lines(tables), key=lambda line: line.sequence)]


def exchange_all(station: Station) -> None:
    """One exchange over the network, both ways."""
    exchange(station.database, station.centre, now=station.clock.now, entropy=station.entropy)
    fetch_feed(station.database, station.centre, now=station.clock.now, entropy=station.entropy)


def sign(station: Station, count: int = 2) -> None:
    """Record and sign doses; a minute goes by."""
    station.record(count)
    station.clock.at += 60
    station.sign()


def make_neighbours(directory: Path, *, tracer: Tracer | None = None) -> Neighbours:
    """Two fresh stations that share a centre, and an empty stick; the site's store tells its statements."""
    for name in ("site", "carrier", "USB"):
        (directory / name).mkdir()
    site = make_station(directory / "site", tracer=tracer)
    carrier = make_station(directory / "carrier", name=OTHER)
    carrier.centre = site.centre
    opening = ec_key(f"opening {OTHER}").public_key()
    site.centre.enrol_key(OTHER, ec_key(f"node {OTHER}").public_key(), opening, request_digest=REQUEST_DIGEST)
    assert set(site.centre.nodes) == {NODE, OTHER}
    return Neighbours(site, carrier, directory / "USB")
