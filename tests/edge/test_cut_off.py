"""The power goes at any statement while a certificate is asked for, or doses travel between a site and its hub."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import count
from pathlib import Path

import pytest

from edge.store import bundles, certificates
from edge.store.database import Database
from edge.workflow.check_store import check_store
from edge.workflow.exchange import exchange
from edge.workflow.register_certificate import register_certificate
from edge.workflow.take_feed import fetch_feed
from tests.edge.hub_pair import HubPair, make_pair
from tests.edge.power_cut import Fuse, FusedSigner, PowerCutError
from tests.edge.station import DATA_KEY, OFFICER, Station, make_station
from tests.edge.test_certificates import MANAGER, at_the_centre, send
from tests.edge.test_handover_workflow import correct
from tests.edge.test_hub_workflow import give_back, import_file, inner_of, sealed_for_hub, states


def cuts(directory: Path) -> Iterator[tuple[Path, Fuse, Callable[[Callable[[], object]], None]]]:
    """A fresh place and fuse for each event of what is done, until it is done without one; `do` does it."""
    for blows_at in count(1):
        place, fuse = directory / str(blows_at), Fuse()
        was_cut: list[bool] = []
        place.mkdir(parents=True)

        def do(act: Callable[[], object], fuse: Fuse = fuse, at: int = blows_at, cut: list[bool] = was_cut) -> None:
            fuse.events, fuse.blows_at = 0, at
            try:
                act()
            except PowerCutError:
                cut.append(True)
            fuse.blows_at = None

        yield place, fuse, do
        if not was_cut:
            return


def started_again(station: Station) -> Station:
    """The same station as the next start of the program finds it."""
    station.database.close()
    return replace(station, database=Database(station.database.path, DATA_KEY))


def hear(station: Station) -> None:
    fetch_feed(station.database, station.centre, now=station.clock.now, entropy=station.entropy)


def close(pair: HubPair) -> None:
    pair.site.database.close()
    pair.hub.database.close()


def ask(station: Station, signer: FusedSigner) -> None:
    register_certificate(
        station.database, signer, officer=OFFICER.name, by=MANAGER, now=station.clock.now(), entropy=station.entropy
    )


def test_a_certificate_is_asked_for_once_or_not_at_all(tmp_path: Path) -> None:
    found = set()
    for place, fuse, do in cuts(tmp_path):
        station = make_station(place, tracer=fuse.statement)
        signer = FusedSigner(station.signer, fuse)
        do(lambda s=station, k=signer: ask(s, k))  # type: ignore[misc]
        station = started_again(station)
        with station.database.read() as tables:
            asked = len(certificates.requests(tables))
            assert len(bundles.chain(tables)) == asked
            assert len(list(certificates.seen(tables))) == asked
        found.add(asked)
        assert check_store(station.database).findings == ()
        if not asked:
            ask(station, FusedSigner(station.signer, Fuse()))
        send(station)
        assert len(at_the_centre(station)) == 1
        assert check_store(station.database).findings == ()
        station.database.close()
    assert found == {0, 1}


@pytest.mark.parametrize("way", ["feed", "file"])
def test_a_hub_takes_doses_of_a_site_once(tmp_path: Path, way: str) -> None:
    found = set()
    for place, fuse, do in cuts(tmp_path):
        pair = make_pair(place, hub_tracer=fuse.statement)
        pair.site.record(2)
        pair.hand()
        sealed = sealed_for_hub(inner_of(pair))
        if way == "feed":
            exchange(pair.site.database, pair.centre, now=pair.site.clock.now, entropy=pair.site.entropy)
            pair.relay()

        def take(pair: HubPair = pair, sealed: bytes = sealed) -> None:
            if way == "feed":
                hear(pair.hub)
            else:
                import_file(pair, sealed)

        do(take)
        pair.hub = started_again(pair.hub)
        found.add(len(states(pair)))
        assert check_store(pair.hub.database).findings == ()
        take()
        assert states(pair) == ["waiting"] * 2
        assert check_store(pair.hub.database).findings == ()
        close(pair)
    assert found == {0, 2}


@pytest.mark.parametrize("is_corrected", [False, True])
def test_a_site_takes_what_its_hub_has_signed_once(tmp_path: Path, *, is_corrected: bool) -> None:
    found = set()
    for place, fuse, do in cuts(tmp_path):
        pair = make_pair(place, site_tracer=fuse.statement)
        pair.site.record(2)
        pair.hand()
        pair.send()
        pair.sign()
        exchange(pair.hub.database, pair.centre, now=pair.hub.clock.now, entropy=pair.hub.entropy)
        pair.relay()
        if is_corrected:
            correct(pair, 1)
        do(lambda p=pair: hear(p.site))  # type: ignore[misc]
        pair.site = started_again(pair.site)
        found.add(pair.stages()[2][0])
        assert check_store(pair.site.database).findings == ()
        hear(pair.site)
        assert pair.stages()[2] == ("receipted", "admitted", "")
        assert (1 in pair.stages()) is not is_corrected
        assert check_store(pair.site.database).findings == ()
        close(pair)
    assert found == {"handed", "receipted"}


def test_a_hub_gives_doses_back_once_and_the_site_hears_it_once(tmp_path: Path) -> None:
    found = set()
    for place, fuse, do in cuts(tmp_path / "hub"):
        pair = _with_doses_at_the_hub(place, hub_fuse=fuse)
        do(lambda p=pair: give_back(p, 1))  # type: ignore[misc]
        pair.hub = started_again(pair.hub)
        found.add(tuple(states(pair)))
        assert check_store(pair.hub.database).findings == ()
        if states(pair) == ["waiting"] * 2:
            give_back(pair, 1)
        pair.send()
        assert pair.stages() == {1: ("", "", ""), 2: ("handed", "", "")}
        assert check_store(pair.hub.database).findings == ()
        close(pair)
    assert found == {("waiting", "waiting"), ("back", "waiting")}
    heard = set()
    for place, fuse, do in cuts(tmp_path / "site"):
        pair = _with_doses_at_the_hub(place, site_fuse=fuse)
        give_back(pair, 1)
        exchange(pair.hub.database, pair.centre, now=pair.hub.clock.now, entropy=pair.hub.entropy)
        pair.relay()
        do(lambda p=pair: hear(p.site))  # type: ignore[misc]
        pair.site = started_again(pair.site)
        heard.add(pair.stages()[1][0])
        assert check_store(pair.site.database).findings == ()
        hear(pair.site)
        assert pair.stages() == {1: ("", "", ""), 2: ("handed", "", "")}
        assert check_store(pair.site.database).findings == ()
        close(pair)
    assert heard == {"", "handed"}


def _with_doses_at_the_hub(place: Path, *, hub_fuse: Fuse | None = None, site_fuse: Fuse | None = None) -> HubPair:
    pair = make_pair(
        place,
        hub_tracer=None if hub_fuse is None else hub_fuse.statement,
        site_tracer=None if site_fuse is None else site_fuse.statement,
    )
    pair.site.record(2)
    pair.hand()
    pair.send()
    return pair
