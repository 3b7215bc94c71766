"""Attacks on what comes down of the site's people: wrong node, other facility, forged, repeated, mixed, oversized."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pytest

from edge.store import (
    audit,
    contacts,
    dose_numbers,
    health_certificates,
    hub_passes,
    population,
    standings,
    verdict_changes,
)
from edge.store.audit import Action
from edge.workflow.check_store import check_store
from edge.workflow.exchange import exchange
from edge.workflow.take_feed import fetch_feed
from sync_protocol import cbor, limits
from sync_protocol.days import local_day
from sync_protocol.errors import Code
from sync_protocol.feed import FeedKind
from sync_protocol.identity import Sex
from sync_protocol.issuance import issue_many
from sync_protocol.passports import CertificateState, IssuedCertificate, Passports, encode_passports
from sync_protocol.population import PersonKey, build_pack, read_pack, sign_pack
from sync_protocol.population_change import PopulationNews, build_change, encode_news
from sync_protocol.signed_set import SignedSet, sign_set
from sync_protocol.signers.key_signer import KeySigner
from sync_protocol.verdict import ADMITTED, Verdict, VerdictState
from sync_protocol.verdict_changes import VerdictChange, VerdictChanges, encode_changes
from tests.builders import ec_key
from tests.edge.hub_pair import HUB_NODE, make_pair
from tests.edge.station import AFTERNOON, DAY_SECONDS, FACILITY, NODE, Station, TickingClock, make_station
from tests.protocol.passports import PRODUCTS, content, ec_signer

REVOKED: Final = Verdict(VerdictState.QUARANTINED, Code.CERTIFICATE_REVOKED)
DUPLICATE: Final = Verdict(VerdictState.REFUSED, Code.DOSE_DUPLICATE)
STRANGER: Final = KeySigner(ec_key("stranger"))


def hear(station: Station, kind: FeedKind, *bodies: bytes) -> None:
    for body in bodies:
        station.centre.put_item(NODE, kind, body)
    fetch_feed(station.database, station.centre, now=station.clock.now, entropy=station.entropy)


def told(station: Station, action: Action) -> list[str]:
    """The details of these acts, oldest first."""
    with station.database.read() as tables:
        rows = tables.execute("SELECT details FROM audit WHERE action = ? ORDER BY entry", (action,))
        return [str(row[0]) for row in rows]


def delivered(station: Station, count: int) -> list[int]:
    sequences = station.record(count)
    station.sign()
    exchange(station.database, station.centre, now=station.clock.now, entropy=station.entropy)
    return sequences


@pytest.fixture
def station(tmp_path: Path) -> Station:
    return make_station(tmp_path)


class TestPacks:
    def pack(self, people: Iterable[int], *, version: int, facility: str = FACILITY, days: int = 30) -> SignedSet:
        return build_pack(
            [PersonKey(f"0191{one:08d}", "Nguyễn Văn An", Sex.M, "1980") for one in people],
            pack_key=bytes(32),
            version=version,
            facility=facility,
            issued_at=AFTERNOON - DAY_SECONDS,
            expires_at=AFTERNOON + days * DAY_SECONDS,
        )

    def whole(self, station: Station, frame: SignedSet, *, by: KeySigner | None = None) -> bytes:
        return encode_news(PopulationNews(sign_pack(frame, by or station.centre.publisher), is_whole=True))

    def change(self, station: Station, held: SignedSet, new: SignedSet, *, by: KeySigner | None = None) -> bytes:
        step = build_change(read_pack(held), read_pack(new))
        return encode_news(PopulationNews(sign_set(step, by or station.centre.publisher), is_whole=False))

    def version(self, station: Station) -> int:
        with station.database.read() as tables:
            held = population.state(tables)
        return 0 if held is None else held.version

    def test_a_whole_pack_and_a_change_are_taken_and_written_down(self, station: Station) -> None:
        first, second = self.pack([1, 2], version=1), self.pack([2, 3, 4], version=2)
        hear(station, FeedKind.POPULATION, self.whole(station, first), self.change(station, first, second))
        assert self.version(station) == 2
        with station.database.read() as tables:
            assert population.content(tables)[1] == read_pack(second).tags
        assert told(station, Action.PACK_IMPORTED) == ["2 people, whole", "3 people, change"]

    @pytest.mark.parametrize(
        ("attack", "code"),
        [
            ("forged", Code.SIGNATURE_INVALID),
            ("forged change", Code.SIGNATURE_INVALID),
            ("foreign", Code.SET_FOREIGN),
            ("foreign change", Code.SET_FOREIGN),
            ("past its end", Code.SET_EXPIRED),
            ("past its end, change", Code.SET_EXPIRED),
            ("a change as a whole", Code.CONTENT_TYPE),
            ("a whole as a change", Code.CONTENT_TYPE),
            ("no pack at all", Code.NOT_CBOR),
        ],
    )
    def test_an_attack_leaves_the_pack_held_in_place(self, station: Station, attack: str, code: Code) -> None:
        held = self.pack([1], version=3)
        hear(station, FeedKind.POPULATION, self.whole(station, held))
        newer = self.pack([1, 2], version=4)
        foreign = [self.pack(people, version=number, facility="19002") for number, people in ((3, [1]), (4, [1, 2]))]
        old = [self.pack(people, version=number, days=-0) for number, people in ((3, [1]), (4, [1, 2]))]
        step = sign_set(build_change(read_pack(held), read_pack(newer)), station.centre.publisher)
        bodies: dict[str, Callable[[], bytes]] = {
            "forged": lambda: self.whole(station, newer, by=STRANGER),
            "forged change": lambda: self.change(station, held, newer, by=STRANGER),
            "foreign": lambda: self.whole(station, foreign[1]),
            "foreign change": lambda: self.change(station, *foreign),
            "past its end": lambda: self.whole(station, old[1]),
            "past its end, change": lambda: self.change(station, *old),
            "a change as a whole": lambda: encode_news(PopulationNews(step, is_whole=True)),
            "a whole as a change": lambda: cbor.encode({2: sign_pack(newer, station.centre.publisher)}),
            "no pack at all": lambda: b"\xff",
        }
        hear(station, FeedKind.POPULATION, bodies[attack]())
        assert self.version(station) == 3
        assert told(station, Action.FEED_UNREADABLE) == [code.value]

    @pytest.mark.parametrize("years", [-2, 20])
    def test_the_centre_has_just_said_what_time_it_is_and_the_laptop_is_wrong(self, tmp_path: Path, years: int) -> None:
        station = make_station(tmp_path)
        first, second = self.pack([1], version=1), self.pack([1, 2], version=2)
        # The laptop's own clock is another one than the centre's from here on.
        laptop = TickingClock(station.clock.at + years * 365 * DAY_SECONDS)
        for body in (self.whole(station, first), self.change(station, first, second)):
            station.centre.put_item(NODE, FeedKind.POPULATION, body)
        fetch_feed(station.database, station.centre, now=laptop.now, entropy=station.entropy)
        assert self.version(station) == 2
        assert told(station, Action.FEED_UNREADABLE) == []
        # By the centre's clock it is past its end, whatever the laptop says.
        station.centre.put_item(NODE, FeedKind.POPULATION, self.whole(station, self.pack([1], version=3, days=0)))
        laptop.at += 60
        fetch_feed(station.database, station.centre, now=laptop.now, entropy=station.entropy)
        assert self.version(station) == 2
        assert told(station, Action.FEED_UNREADABLE) == [Code.SET_EXPIRED.value]

    def test_by_a_stick_the_time_that_has_gone_by_since_the_last_answer_counts(self, station: Station) -> None:
        hear(station, FeedKind.POPULATION, self.whole(station, self.pack([1], version=1)))
        with station.database.read() as tables:
            answered_at = station.clock.now()
            assert contacts.time_by_centre(tables, answered_at + 5 * DAY_SECONDS) == answered_at + 5 * DAY_SECONDS
            assert contacts.time_by_centre(tables, answered_at - 5 * DAY_SECONDS) == answered_at

    def test_older_and_repeated_ones_change_nothing(self, station: Station) -> None:
        first, second = self.pack([1], version=1), self.pack([1, 2], version=2)
        items = (self.whole(station, first), self.change(station, first, second))
        hear(station, FeedKind.POPULATION, *items, *items, *items)
        assert self.version(station) == 2
        assert len(told(station, Action.PACK_IMPORTED)) == 2
        assert told(station, Action.PACK_MISSED) == []

    def test_a_change_of_another_content_is_told_and_the_pack_stays(self, station: Station) -> None:
        held, other, newer = self.pack([1], version=1), self.pack([5], version=1), self.pack([5, 6], version=2)
        hear(station, FeedKind.POPULATION, self.whole(station, held), self.change(station, other, newer))
        assert self.version(station) == 1
        assert told(station, Action.PACK_MISSED) == [Code.PACK_MISMATCH.value]
        with station.database.read() as tables:
            gap = population.gap(tables)
            assert population.content(tables)[1] == read_pack(held).tags
        assert gap is not None
        assert gap.version == 2


class TestVerdicts:
    def changes(self, sequences: Iterable[int], verdict: Verdict, *, number: int = 1, node: str = NODE) -> bytes:
        return encode_changes(
            VerdictChanges(
                node,
                tuple(
                    VerdictChange(number + place, sequence, ADMITTED, verdict, AFTERNOON)
                    for place, sequence in enumerate(sequences)
                ),
            )
        )

    def said(self, station: Station, sequence: int) -> str:
        with station.database.read() as tables:
            return standings.verdict_state(tables, sequence)

    def test_the_greatest_number_holds_in_whatever_order_they_come(self, station: Station) -> None:
        (dose,) = delivered(station, 1)
        hear(station, FeedKind.VERDICTS, self.changes([dose], DUPLICATE, number=7))
        hear(station, FeedKind.VERDICTS, self.changes([dose], REVOKED, number=3))
        assert self.said(station, dose) == VerdictState.REFUSED
        with station.database.read() as tables:
            assert verdict_changes.newest_of(tables, [dose])[dose].after == DUPLICATE
        assert check_store(station.database).findings == ()

    def test_the_same_item_twice_is_one_change(self, station: Station) -> None:
        (dose, other) = delivered(station, 2)
        item = self.changes([dose], REVOKED)
        hear(station, FeedKind.VERDICTS, item, item)
        assert told(station, Action.VERDICTS_CHANGED) == [f"1 doses of {NODE}", f"0 doses of {NODE}"]
        assert (self.said(station, dose), self.said(station, other)) == ("quarantined", "admitted")

    @pytest.mark.parametrize("body", [b"\xff", cbor.encode({1: NODE, 2: []}), bytes(limits.MESSAGE_BYTES + 1)])
    def test_what_cannot_be_read_changes_nothing(self, station: Station, body: bytes) -> None:
        (dose,) = delivered(station, 1)
        hear(station, FeedKind.VERDICTS, body)
        assert self.said(station, dose) == VerdictState.ADMITTED
        assert len(told(station, Action.FEED_UNREADABLE)) == 1

    def test_another_nodes_doses_are_none_of_its_business(self, station: Station) -> None:
        (dose,) = delivered(station, 1)
        hear(station, FeedKind.VERDICTS, self.changes([dose], REVOKED, node="19002A"))
        assert self.said(station, dose) == VerdictState.ADMITTED
        assert told(station, Action.FEED_UNREADABLE) == [Code.SET_FOREIGN.value]

    def test_what_a_change_says_of_doses_that_are_not_here_is_kept_and_shows_nowhere(self, station: Station) -> None:
        delivered(station, 1)
        hear(station, FeedKind.VERDICTS, self.changes([77], REVOKED))
        with station.database.read() as tables:
            assert list(verdict_changes.newest_of(tables, [77])) == [77]
        assert check_store(station.database).findings == ()

    def test_neither_word_is_ever_overwritten(self, station: Station) -> None:
        (dose,) = delivered(station, 1)
        hear(station, FeedKind.VERDICTS, self.changes([dose], REVOKED))
        with station.database.read() as tables:
            (first,) = tables.execute("SELECT state FROM verdicts WHERE dose = ?", (dose,)).fetchall()
        assert first[0] == VerdictState.ADMITTED
        for statement in ("UPDATE verdict_changes SET state = 'admitted'", "DELETE FROM verdict_changes"):
            with (
                pytest.raises(Exception, match=r"append-only|only with an epoch"),
                station.database.write_transaction() as tables,
            ):
                tables.execute(statement)


class TestDelegated:
    def test_the_site_and_the_hub_both_show_what_the_centre_says_now(self, tmp_path: Path) -> None:
        pair = make_pair(tmp_path)
        pair.site.record(2)
        pair.hand()
        pair.send()
        pair.sign()
        pair.send()
        own = VerdictChange(1, 1, ADMITTED, REVOKED, AFTERNOON)
        for node in (NODE, HUB_NODE):
            pair.centre.put_item(node, FeedKind.VERDICTS, encode_changes(VerdictChanges(NODE, (own,))))
        pair.hear()
        with pair.site.database.read() as tables:
            assert [standings.verdict_state(tables, one) for one in (1, 2)] == ["quarantined", "admitted"]
        with pair.hub.database.read() as tables:
            (made,) = hub_passes.passes_made(tables, limit=5)
            # The hub's own dose of that number, if it had one, would be another.
            assert standings.verdict_state(tables, 1) == ""
        assert (made.admitted, made.quarantined) == (1, 1)
        for one in (pair.site, pair.hub):
            assert check_store(one.database).findings == ()


class TestPassports:
    def certificate(self, sequence: int, **changes: Any) -> IssuedCertificate:
        (text,) = issue_many([content(sequence)], ec_signer(), issued_at=AFTERNOON, products=PRODUCTS)
        made = IssuedCertificate(
            sequence, 1, CertificateState.ISSUED, AFTERNOON, expires_at=AFTERNOON + 365 * DAY_SECONDS, hc1=text
        )
        return replace(made, **changes)

    def body(self, *certificates: IssuedCertificate, node: str = NODE) -> bytes:
        return encode_passports(Passports(node, certificates))

    def held(self, station: Station) -> dict[int, CertificateState]:
        with station.database.read() as tables:
            rows = tables.execute("SELECT sequence FROM standings")
            found = health_certificates.of_doses(tables, [int(row[0]) for row in rows])
        return {sequence: one.state for sequence, one in found.items()}

    def test_the_same_twice_is_one_and_a_revocation_is_the_last_word(self, station: Station) -> None:
        first, second = delivered(station, 2)
        item = self.body(self.certificate(first), self.certificate(second))
        hear(station, FeedKind.PASSPORTS, item, item)
        assert told(station, Action.PASSPORTS_TAKEN) == ["2 certificates", "0 certificates"]
        revoked = self.certificate(first, state=CertificateState.REVOKED, hc1="")
        hear(station, FeedKind.PASSPORTS, self.body(revoked), item)
        assert self.held(station) == {first: CertificateState.REVOKED, second: CertificateState.ISSUED}

    def test_a_revocation_that_comes_first_holds_too(self, station: Station) -> None:
        (dose,) = delivered(station, 1)
        revoked = self.certificate(dose, state=CertificateState.REVOKED, hc1="")
        hear(station, FeedKind.PASSPORTS, self.body(revoked), self.body(self.certificate(dose)))
        assert self.held(station) == {dose: CertificateState.REVOKED}

    def test_a_renewed_one_takes_the_place_of_the_first(self, station: Station) -> None:
        (dose,) = delivered(station, 1)
        renewed = self.certificate(dose, issue=2, state=CertificateState.RENEWED)
        hear(station, FeedKind.PASSPORTS, self.body(self.certificate(dose)), self.body(renewed))
        assert self.held(station) == {dose: CertificateState.RENEWED}

    def test_nothing_is_shown_of_a_number_that_may_be_somebody_elses(self, station: Station) -> None:
        # A restored store gives a number again that the centre has for another person: until the centre has answered
        # for the dose that is here, and after it has said that the number is taken, the code is another person's.
        (delivered_dose,) = delivered(station, 1)
        (dose,) = station.record(1)
        hear(station, FeedKind.PASSPORTS, self.body(self.certificate(delivered_dose), self.certificate(dose)))
        assert list(self.held(station)) == [delivered_dose]
        with station.database.write_transaction() as tables:
            dose_numbers.take(tables, dose, epoch=1, at=AFTERNOON)
        assert list(self.held(station)) == [delivered_dose]
        with station.database.read() as tables:
            day = local_day(AFTERNOON)
            listed = health_certificates.of_day(tables, day, offset=0, limit=9)
            assert [row.certificate.sequence for row in listed] == [delivered_dose]
            assert health_certificates.count_of_day(tables, day) == 1
            assert health_certificates.days(tables, limit=9) == [(day, 1)]

    @pytest.mark.parametrize("code", [Code.SET_FOREIGN, Code.NOT_CBOR])
    def test_another_nodes_and_unreadable_ones_are_not_taken(self, station: Station, code: Code) -> None:
        (dose,) = delivered(station, 1)
        body = self.body(self.certificate(dose), node="19002A") if code is Code.SET_FOREIGN else b"\xff"
        hear(station, FeedKind.PASSPORTS, body)
        assert self.held(station) == {}
        assert told(station, Action.FEED_UNREADABLE) == [code.value]

    def test_a_text_is_never_overwritten(self, station: Station) -> None:
        (dose,) = delivered(station, 1)
        hear(station, FeedKind.PASSPORTS, self.body(self.certificate(dose)))
        for statement in (
            "UPDATE health_certificates SET hc1 = 'HC1:OTHER'",
            "UPDATE health_certificates SET state = 'renewed'",
            "DELETE FROM health_certificates",
        ):
            with pytest.raises(Exception, match="health certificate"), station.database.write_transaction() as tables:
                tables.execute(statement)

    @pytest.mark.parametrize(
        "statement",
        [
            "UPDATE health_certificates SET hc1 = 'HC1:OTHER' WHERE sequence = 1",
            "UPDATE health_certificates SET state = 'revoked' WHERE sequence = 1",
            "UPDATE health_certificates SET state = 'issued' WHERE sequence = 2",
            "DELETE FROM health_certificates WHERE sequence = 2",
            "UPDATE verdict_changes SET state = 'admitted'",
            "UPDATE verdict_changes SET sequence = 2",
        ],
    )
    def test_what_somebody_changed_in_the_file_is_found_against_the_signed_items(
        self, station: Station, statement: str
    ) -> None:
        first, second = delivered(station, 2)
        change = VerdictChange(first, 1, ADMITTED, REVOKED, AFTERNOON)
        hear(station, FeedKind.VERDICTS, encode_changes(VerdictChanges(NODE, (change,))))
        revoked = self.certificate(second, state=CertificateState.REVOKED, hc1="", at=AFTERNOON + 60)
        hear(station, FeedKind.PASSPORTS, self.body(self.certificate(first), self.certificate(second)))
        hear(station, FeedKind.PASSPORTS, self.body(revoked), self.body(revoked), b"\xff")
        assert check_store(station.database).findings == ()
        with station.database.write_transaction() as tables:
            table = statement.split()[1 if statement.startswith("UPDATE") else 2]
            rows = tables.execute("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = ?", (table,))
            for (name,) in rows.fetchall():
                tables.execute(f"DROP TRIGGER {name}")
            tables.execute(statement)
        assert any(
            "centre sent" in one.what or "of the item" in one.what for one in check_store(station.database).findings
        )


def test_all_of_it_is_written_down_by_name_of_its_action() -> None:
    assert {Action.PACK_MISSED, Action.VERDICTS_CHANGED, Action.PASSPORTS_TAKEN} <= set(audit.Action)
