"""Attacks on everything that has a version, after The Update Framework: each is refused, the last good stays.

Old, frozen, mixed of two versions, made for somebody else, of another kind, signed by another key, without an end, and
with a version beyond the last: against catalogue, trust list, population pack, the lists of certificates and
delegations, and what the centre says of itself. Where a row signs with the publisher's own key, a fault of the centre
or an answer that was kept back is tried.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final, cast

import pytest

from edge.store import audit, contacts, population, receipts, sets
from edge.store.database import Tables
from edge.store.errors import StoreError
from edge.store.sets import StoredSet, StoredSetKind
from edge.workflow.check_store import check_store
from edge.workflow.import_pack import import_pack
from edge.workflow.read_catalogue import CatalogueShelf
from edge.workflow.take_feed import APPLIERS, Applier, fetch_feed, take_file, take_page
from sync_protocol import cbor, contexts, cose, limits
from sync_protocol.api import CentralApi
from sync_protocol.catalogue import CATALOGUE_BYTES
from sync_protocol.contact import sign_statement
from sync_protocol.contexts import Context
from sync_protocol.delegation import encode_delegations
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.feed import FeedItem, FeedKind, FeedRequest, parse_request, sign_item
from sync_protocol.feed_page import StatedHead, seal_page, split_file
from sync_protocol.ledger_entry import entry_leaf, genesis_entry
from sync_protocol.manifest import Checkpoint
from sync_protocol.merkle import Tree
from sync_protocol.population import build_pack, sign_pack
from sync_protocol.registration_list import Registrations, encode_registrations
from sync_protocol.sealing import seal
from sync_protocol.signers.key_signer import KeySigner
from tests.builders import SeededEntropy, ec_key
from tests.edge.station import DAY_SECONDS, FACILITY, NODE, Station, make_station
from tests.simulator import EPOCH

STRANGER: Final = KeySigner(ec_key("a stranger's publisher"))
OVER: Final = limits.COUNTER + 1
FAR: Final = 2**53


def resigned(signed: bytes, changes: Mapping[int, Any], *, context: Context, by: KeySigner) -> bytes:
    """The same message with other fields, signed anew."""
    payload = cose.parse_sign1(signed, max_bytes=limits.SET_BYTES).payload
    assert payload is not None
    fields = cbor.decode(payload, max_bytes=limits.SET_BYTES)
    assert isinstance(fields, dict)
    for key, value in changes.items():
        fields[key] = value
    return cose.sign1(cbor.encode(fields), signer=by, content_type=context.content_type, context=context.aad)


@dataclass(frozen=True, slots=True)
class Site:
    """A station that holds version 3 of each set, and lists of certificates and delegations."""

    station: Station

    def fetch(self, appliers: Mapping[FeedKind, Applier] = APPLIERS) -> None:
        """Takes what the centre has."""
        station = self.station
        fetch_feed(station.database, station.centre, now=station.clock.now, entropy=station.entropy, appliers=appliers)

    def catalogue(self, changes: Mapping[int, object], *, by: KeySigner | None = None) -> bytes:
        centre = self.station.centre
        return resigned(centre.catalogue(), changes, context=contexts.CATALOGUE, by=by or centre.publisher)

    def trust_list(self, changes: Mapping[int, object], *, by: KeySigner | None = None) -> bytes:
        centre = self.station.centre
        return resigned(centre.trust_list(), changes, context=contexts.TRUST_LIST, by=by or centre.publisher)

    def pack(self, changes: Mapping[int, object], *, by: KeySigner | None = None) -> bytes:
        centre, at = self.station.centre, self.station.clock.now()
        built = build_pack(
            [], pack_key=bytes(32), version=3, facility=FACILITY, issued_at=at, expires_at=at + 30 * DAY_SECONDS
        )
        signed = sign_pack(built, centre.publisher)
        return resigned(signed, changes, context=contexts.POPULATION, by=by or centre.publisher)

    def sealed(self, signed: bytes) -> bytes:
        """A pack on a stick."""
        opening = ec_key(f"opening {NODE}").public_key()
        return seal(signed, recipient=opening, entropy=SeededEntropy(9))

    def held(self) -> object:
        """Everything that a set can change."""
        with self.station.database.read() as tables:
            pack = population.state(tables)
            rows = [
                [tuple(row) for row in tables.execute(f"SELECT * FROM {table} ORDER BY 1")]
                for table in ("registered_certificates", "delegations")
            ]
            return [sets.newest(tables, kind) for kind in StoredSetKind], pack, rows

    def said(self) -> object:
        """What is kept of the centre's word."""
        with self.station.database.read() as tables:
            return contacts.newest(tables), receipts.known_head(tables)

    def told(self) -> list[str]:
        """The codes under which items were refused."""
        with self.station.database.read() as tables:
            lines = audit.entries(tables)
            return [line.details for line in lines if line.action == audit.Action.FEED_UNREADABLE]


@pytest.fixture
def site(tmp_path: Path) -> Site:
    made = Site(make_station(tmp_path))
    station = made.station
    station.record(1)
    station.sign()
    centre = station.centre
    centre.put_item(NODE, FeedKind.CATALOGUE, made.catalogue({2: 3}))
    centre.put_item(NODE, FeedKind.TRUST_LIST, made.trust_list({1: 3}))
    centre.put_item(NODE, FeedKind.REGISTRATIONS, encode_registrations(Registrations(FACILITY, ())))
    centre.put_item(NODE, FeedKind.DELEGATIONS, encode_delegations([]))
    centre.versions = {"catalogue": 3, "trust-list": 3}
    station.clock.at += 60
    made.fetch()
    import_pack(station.database, made.sealed(made.pack({})), at=station.clock.now(), by="Y tá")
    assert CatalogueShelf(station.database).catalogue().version == 3
    return made


@dataclass(frozen=True, slots=True)
class Attack:
    """One attack: what it is, what it sends, and the code by which it is refused."""

    name: str
    code: Code
    make: Callable[[Site], bytes]


def _past(site: Site) -> int:
    return site.station.clock.now() - 1


def spliced(first: bytes, second: bytes) -> bytes:
    """The signature of one version over the content of another."""
    parts = [cose.parse_sign1(data, max_bytes=limits.SET_BYTES).payload for data in (first, second)]
    assert parts[0] is not None
    assert parts[1] is not None
    assert len(parts[0]) == len(parts[1])
    return first.replace(parts[0], parts[1])


CATALOGUES: Final = (
    Attack("old", Code.SET_OLDER, lambda site: site.catalogue({2: 2})),
    Attack("the same version, other content", Code.SET_OLDER, lambda site: site.catalogue({2: 3, 3: 1})),
    Attack("past its end", Code.SET_EXPIRED, lambda site: site.catalogue({2: 4, 3: 1, 4: _past(site)})),
    Attack("mixed", Code.SIGNATURE_INVALID, lambda site: spliced(site.catalogue({2: 4}), site.catalogue({2: 5}))),
    Attack("for another site", Code.SET_FOREIGN, lambda site: site.catalogue({2: 4, 5: "79001"})),
    Attack("another kind", Code.CONTENT_TYPE, lambda site: site.trust_list({1: 4})),
    Attack("another kind inside", Code.KIND_UNKNOWN, lambda site: site.catalogue({1: "population", 2: 4})),
    Attack("wrong key", Code.SIGNATURE_INVALID, lambda site: site.catalogue({2: 4}, by=STRANGER)),
    Attack("version overflow", Code.FIELD_INVALID, lambda site: site.catalogue({2: OVER})),
    Attack("version far beyond", Code.FIELD_INVALID, lambda site: site.catalogue({2: FAR})),
    Attack("version zero", Code.FIELD_INVALID, lambda site: site.catalogue({2: 0})),
    Attack("without an end", Code.TOO_LARGE, lambda site: site.catalogue({2: 4, 6: bytes(CATALOGUE_BYTES)})),
)
TRUST_LISTS: Final = (
    Attack("old", Code.SET_OLDER, lambda site: site.trust_list({1: 2})),
    Attack("the same version, other content", Code.SET_OLDER, lambda site: site.trust_list({1: 3, 2: 1})),
    Attack("past its end", Code.SET_EXPIRED, lambda site: site.trust_list({1: 4, 2: 1, 3: _past(site)})),
    Attack("mixed", Code.SIGNATURE_INVALID, lambda site: spliced(site.trust_list({1: 4}), site.trust_list({1: 5}))),
    Attack("another kind", Code.CONTENT_TYPE, lambda site: site.catalogue({2: 4})),
    Attack("wrong key", Code.SIGNATURE_INVALID, lambda site: site.trust_list({1: 4}, by=STRANGER)),
    Attack("version overflow", Code.FIELD_INVALID, lambda site: site.trust_list({1: OVER})),
    Attack("version far beyond", Code.FIELD_INVALID, lambda site: site.trust_list({1: FAR})),
    Attack("too many entries", Code.FIELD_INVALID, lambda site: site.trust_list({1: 4, 5: [b""] * 1_000})),
)
PACKS: Final = (
    Attack("old", Code.SET_OLDER, lambda site: site.pack({2: 2})),
    Attack("past its end", Code.SET_EXPIRED, lambda site: site.pack({2: 4, 3: 1, 4: _past(site)})),
    Attack("mixed", Code.SIGNATURE_INVALID, lambda site: spliced(site.pack({2: 4}), site.pack({2: 5}))),
    Attack("for another site", Code.SET_FOREIGN, lambda site: site.pack({2: 4, 5: "79001"})),
    Attack("for everybody", Code.SET_FOREIGN, lambda site: site.pack({2: 4, 5: ""})),
    Attack("another kind", Code.CONTENT_TYPE, lambda site: site.catalogue({2: 4})),
    Attack("wrong key", Code.SIGNATURE_INVALID, lambda site: site.pack({2: 4}, by=STRANGER)),
    Attack("version overflow", Code.FIELD_INVALID, lambda site: site.pack({2: OVER})),
    Attack("without an end", Code.TOO_LARGE, lambda site: bytes(limits.SET_BYTES + 2_048)),
)
LISTS: Final = (
    (FeedKind.REGISTRATIONS, Code.SET_FOREIGN, lambda: encode_registrations(Registrations("79001", ()))),
    (FeedKind.REGISTRATIONS, Code.FIELD_INVALID, lambda: encode_delegations([])),
    (FeedKind.REGISTRATIONS, Code.TOO_LARGE, lambda: bytes(limits.MESSAGE_BYTES + 1)),
    (FeedKind.DELEGATIONS, Code.FIELD_INVALID, lambda: encode_registrations(Registrations(FACILITY, ()))),
    (FeedKind.DELEGATIONS, Code.TOO_LARGE, lambda: bytes(limits.FEED_ITEM_BYTES + 1)),
)


def by_name(attacks: tuple[Attack, ...]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("attack", attacks, ids=[attack.name for attack in attacks])


def assert_refused_item(
    site: Site, kind: FeedKind, body: bytes, code: Code, appliers: Mapping[FeedKind, Applier] = APPLIERS
) -> None:
    """An item with this body changes nothing, is refused by this code, and the next item is taken all the same."""
    before = site.held()
    site.station.centre.put_item(NODE, kind, body)
    site.fetch(appliers)
    assert site.told() == [code.value]
    assert site.held() == before
    site.station.centre.put_item(NODE, FeedKind.CATALOGUE, site.catalogue({2: 9}))
    site.fetch(appliers)
    assert CatalogueShelf(site.station.database).catalogue().version == 9
    assert check_store(site.station.database).findings == ()


@by_name(CATALOGUES)
def test_an_attack_on_the_catalogue_is_refused_and_the_last_good_one_serves_on(site: Site, attack: Attack) -> None:
    assert_refused_item(site, FeedKind.CATALOGUE, attack.make(site), attack.code)


@by_name(TRUST_LISTS)
def test_an_attack_on_the_trust_list_is_refused_and_the_last_good_one_serves_on(site: Site, attack: Attack) -> None:
    assert_refused_item(site, FeedKind.TRUST_LIST, attack.make(site), attack.code)


@by_name(PACKS)
def test_an_attack_on_the_population_pack_is_refused_and_the_last_good_one_serves_on(
    site: Site, attack: Attack
) -> None:
    before = site.held()
    with pytest.raises(ProtocolError, match=attack.code):
        import_pack(site.station.database, site.sealed(attack.make(site)), at=site.station.clock.now(), by="Y tá")
    assert site.held() == before


@pytest.mark.parametrize(("kind", "code", "make"), LISTS)
def test_an_attack_on_a_list_of_the_feed_is_refused_and_the_last_good_one_serves_on(
    site: Site, kind: FeedKind, code: Code, make: Callable[[], bytes]
) -> None:
    assert_refused_item(site, kind, make(), code)


@pytest.mark.parametrize(
    ("changes", "by", "code"),
    [
        ({"node": "79001A"}, None, Code.SET_FOREIGN),
        ({}, STRANGER, Code.SIGNATURE_INVALID),
        ({"number": 99}, None, Code.NOT_NEXT),
    ],
    ids=["for another node", "wrong key", "a gap"],
)
def test_an_item_that_is_not_this_nodes_next_one_is_not_even_kept(
    site: Site, changes: dict[str, object], by: KeySigner | None, code: Code
) -> None:
    station, before = site.station, site.held()
    items = station.centre.feeds[NODE]
    honest = FeedItem(NODE, len(items) + 1, FeedKind.CATALOGUE, station.clock.now(), site.catalogue({2: 4}))
    items.append(sign_item(replace(honest, **changes), by or station.centre.publisher))  # type: ignore[arg-type]
    with pytest.raises(ProtocolError, match=code):
        site.fetch()
    assert (site.held(), site.told()) == (before, [])


def test_a_page_of_long_ago_brings_nothing_back(site: Site) -> None:
    station = site.station
    old = station.centre.feed_file(NODE)
    station.centre.put_item(NODE, FeedKind.CATALOGUE, site.catalogue({2: 4}))
    station.clock.at += 60
    site.fetch()
    before, said = site.held(), site.said()
    assert take_file(station.database, old, at=station.clock.now()).taken == 0
    assert (site.held(), site.said(), site.told()) == (before, said, [])


@dataclass(frozen=True, slots=True)
class Lie:
    """One attack on what the centre says of itself: it gets the honest answer's parts and gives the page's."""

    name: str
    code: Code
    tell: Callable[[Site, FeedRequest], StatedHead]


def _said(site: Site, asked: FeedRequest, **changes: object) -> StatedHead:
    centre = site.station.centre
    statement = replace(centre.statement(asked), **changes)  # type: ignore[arg-type]
    known = asked.known
    assert known is not None
    is_longer = known.size < statement.head.size <= centre.tree.size
    path = Tree([entry_leaf(entry) for entry in centre.entries]).consistency(known.size) if is_longer else ()
    return StatedHead(sign_statement(statement, centre.publisher), known.size if is_longer else 0, path)


def _raw(site: Site, asked: FeedRequest, changes: Mapping[int, object], **how: object) -> StatedHead:
    honest = _said(site, asked)
    made = {"context": contexts.CONTACT, "by": site.station.centre.publisher, **how}
    return replace(honest, signed=resigned(honest.signed, changes, **made))  # type: ignore[arg-type]


def _head(site: Site, **changes: object) -> Checkpoint:
    tree, now = site.station.centre.tree, site.station.clock.now()
    return replace(Checkpoint(EPOCH, tree.size, tree.root, now), **changes)  # type: ignore[arg-type]


def _rewritten(site: Site, asked: FeedRequest) -> StatedHead:
    """A longer ledger whose past is another."""
    entries = site.station.centre.entries
    tree = Tree([entry_leaf(entry) for entry in (genesis_entry(1), *entries, *entries)])
    assert asked.known is not None
    said = _said(site, asked, head=_head(site, size=tree.size, root=tree.root))
    return replace(said, path_from=asked.known.size, path=tree.consistency(asked.known.size))


LIES: Final = (
    Lie("old", Code.SET_OLDER, lambda site, asked: _said(site, asked, at=site.station.clock.now() - 3_600)),
    Lie("an answer to another request", Code.REPLAYED, lambda site, asked: _said(site, asked, nonce=bytes(16))),
    Lie("a file as an answer", Code.REPLAYED, lambda site, asked: _said(site, asked, nonce=b"")),
    Lie("fewer items", Code.SET_OLDER, lambda site, asked: _said(site, asked, newest_item=3)),
    Lie("a set that went back", Code.SET_OLDER, lambda site, asked: _said(site, asked, versions={"catalogue": 2})),
    Lie("a set that vanished", Code.SET_OLDER, lambda site, asked: _said(site, asked, versions={"catalogue": 3})),
    Lie("said to another node", Code.SET_FOREIGN, lambda site, asked: _said(site, asked, node="79001A")),
    Lie("wrong key", Code.SIGNATURE_INVALID, lambda site, asked: _raw(site, asked, {}, by=STRANGER)),
    Lie("another kind", Code.CONTENT_TYPE, lambda site, asked: _raw(site, asked, {}, context=contexts.TREE_HEAD)),
    Lie("items overflow", Code.FIELD_INVALID, lambda site, asked: _raw(site, asked, {2: OVER})),
    Lie("version overflow", Code.FIELD_INVALID, lambda site, asked: _raw(site, asked, {6: [OVER, 3, 0]})),
    Lie("without an end", Code.FIELD_INVALID, lambda site, asked: _raw(site, asked, {6: [0] * 5_000})),
    Lie(
        "mixed",
        Code.SIGNATURE_INVALID,
        lambda site, asked: replace(
            _said(site, asked), signed=spliced(_raw(site, asked, {3: 10**9}).signed, _said(site, asked).signed)
        ),
    ),
    Lie(
        "a shorter ledger",
        Code.HEAD_INCONSISTENT,
        lambda site, asked: _said(site, asked, head=_head(site, size=1, root=bytes(32))),
    ),
    Lie(
        "another root for the same size",
        Code.HEAD_INCONSISTENT,
        lambda site, asked: _said(site, asked, head=_head(site, root=bytes(32))),
    ),
    Lie("a rewritten ledger", Code.HEAD_INCONSISTENT, _rewritten),
)


def assert_refused_lie(site: Site, lie: Lie) -> None:
    """The page is refused by the code with all that it holds, what was said before stays, and evidence is kept."""
    station = site.station
    station.clock.at += 60
    station.centre.put_item(NODE, FeedKind.CATALOGUE, site.catalogue({2: 9}))
    held, said = site.held(), site.said()
    items = station.centre.feeds[NODE]

    def answer(request: bytes) -> Iterator[bytes]:
        _, asked = parse_request(request)
        yield seal_page(
            [] if lie.name == "fewer items" else items[asked.after :],
            newest=3 if lie.name == "fewer items" else len(items),
            recipient=station.centre.openings[NODE],
            entropy=SeededEntropy(1),
            stated=lie.tell(site, asked),
        )

    way = cast("CentralApi", SimpleNamespace(feed=answer))
    with station.database.read() as tables:
        evidence = receipts.evidence_count(tables)
    with pytest.raises(ProtocolError) as caught:
        fetch_feed(station.database, way, now=station.clock.now, entropy=station.entropy)
    assert caught.value.code is lie.code
    assert (site.held(), site.said()) == (held, said)
    with station.database.read() as tables:
        assert receipts.evidence_count(tables) - evidence == (lie.code is Code.HEAD_INCONSISTENT)
    # The honest answer is taken as if nothing had been.
    site.fetch()
    assert CatalogueShelf(station.database).catalogue().version == 9
    assert check_store(station.database).findings == ()


@pytest.mark.parametrize("lie", LIES, ids=[lie.name for lie in LIES])
def test_a_lie_in_the_centres_name_is_refused_with_all_that_comes_with_it(site: Site, lie: Lie) -> None:
    assert_refused_lie(site, lie)


def test_a_feed_that_stands_still_while_the_centre_says_more_is_a_state_with_its_age(site: Site) -> None:
    station = site.station
    begun = station.clock.now()
    station.centre.versions = {"catalogue": 4, "trust-list": 3}
    for _ in range(3):
        station.clock.at += 600
        site.fetch()
    with station.database.read() as tables:
        assert contacts.missing(tables) == [contacts.Missing("catalogue", said=4, since=begun + 600)]
    assert CatalogueShelf(station.database).catalogue().version == 3
    station.centre.put_item(NODE, FeedKind.CATALOGUE, site.catalogue({2: 4}))
    site.fetch()
    with station.database.read() as tables:
        assert contacts.missing(tables) == []


def test_a_node_whose_clock_is_far_ahead_still_takes_what_is_in_force_by_the_centres(site: Site) -> None:
    station = site.station
    ahead = station.clock.now() + 20 * 365 * DAY_SECONDS
    station.centre.put_item(NODE, FeedKind.CATALOGUE, site.catalogue({2: 4}))
    fetch_feed(station.database, station.centre, now=lambda: ahead, entropy=station.entropy)
    assert CatalogueShelf(station.database).catalogue().version == 4


def test_a_statement_out_of_a_file_counts_only_if_it_is_newer(site: Site) -> None:
    station = site.station
    (page,) = split_file(station.centre.feed_file(NODE))
    station.clock.at += 60
    site.fetch()
    said = site.said()
    take_page(station.database, page, at=station.clock.now())
    assert site.said() == said
    station.clock.at += 60
    take_file(station.database, station.centre.feed_file(NODE), at=station.clock.now())
    with station.database.read() as tables:
        newest = contacts.newest(tables)
    assert newest is not None
    assert (newest.centre_at, newest.is_answer) == (station.clock.now(), False)


def naive_set(tables: Tables, item: FeedItem, *, at: int) -> None:
    """The planted fault: what comes with the feed is the centre's, so nothing in it needs a look."""
    message = cose.parse_sign1(item.body, max_bytes=2 * limits.SET_BYTES)
    fields = cbor.decode(message.payload or b"", max_bytes=2 * limits.SET_BYTES)
    assert isinstance(fields, dict)
    version, kind = fields[2], StoredSetKind(item.kind.value)
    if item.kind is FeedKind.TRUST_LIST:
        version = fields[1]
    if isinstance(version, int):
        sets.add(tables, StoredSet(kind, version, item.body, expires_at=at + 1, imported_at=at))


@pytest.mark.parametrize(
    ("kind", "attack"),
    [
        *((FeedKind.CATALOGUE, attack) for attack in CATALOGUES),
        *((FeedKind.TRUST_LIST, attack) for attack in TRUST_LISTS),
    ],
)
def test_the_harness_sees_a_node_that_takes_sets_without_looking(site: Site, kind: FeedKind, attack: Attack) -> None:
    with pytest.raises(AssertionError):
        assert_refused_item(site, kind, attack.make(site), attack.code, dict.fromkeys(FeedKind, naive_set))


@pytest.mark.parametrize(
    "lie", [lie for lie in LIES if lie.code in (Code.SET_OLDER, Code.REPLAYED, Code.HEAD_INCONSISTENT)]
)
def test_the_harness_sees_a_node_that_believes_every_statement(
    site: Site, lie: Lie, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edge.workflow.take_feed.take_statement", lambda *_args, **_kwargs: None)
    with pytest.raises((AssertionError, StoreError, pytest.fail.Exception)):
        assert_refused_lie(site, lie)
