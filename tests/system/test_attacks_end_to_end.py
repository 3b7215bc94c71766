"""What strangers, thieves and dishonest signers send, against the real admission: the code, the rows, the words.

`tests/central/test_admission` shows each numbered check once. Here stand the attacks that go around one: the store is
compared byte for byte, and a marked person must not be found in anything that the centre says.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final, TypeAlias

import cbor2
import pytest
from sqlalchemy import select

from central.domain.admission import PlaceError, Registration
from central.store import facilities, trust
from central.store.database import read_transaction, write_transaction
from central.store.tables import metadata
from central.store.trust import CertificateRole
from central.workflow.check_centre import check_centre
from central.workflow.register_certificate import revoke_certificate
from sync_protocol import cbor, contexts, cose, limits
from sync_protocol.api import encode_problem
from sync_protocol.batch import leaf_hashes
from sync_protocol.bundle import BatchBody, BundleKind, encode_batch_body
from sync_protocol.certificate import Certificate, serial_text
from sync_protocol.columns import pack_doses
from sync_protocol.days import to_datetime
from sync_protocol.dose import Dose, encode_dose
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.keys import key_id
from sync_protocol.manifest import Manifest, Statement, encode_statement
from sync_protocol.merkle import root_of
from sync_protocol.receipt import VerifiedReceipt
from sync_protocol.sealing import seal
from sync_protocol.signers.key_signer import KeySigner
from sync_protocol.verdict import Verdict, VerdictState
from tests.builders import Authority, SeededEntropy, ec_key, issue_certificate, make_ca
from tests.central.scenario import EVENING, MORNING, SECRET, Site, World, recipient

# Somebody who must not be found in any answer, error or log line.
MARKED: Final = recipient(2, name="Nguyễn Văn Dấu Vết", phone="0987654321")
MARKS: Final = ("Dấu Vết", "DAU VET", MARKED.number, MARKED.phone, MARKED.birth_date)
ADMITTED: Final = Verdict(VerdictState.ADMITTED)
# What a bundle that holds its place adds, whatever is wrong with it: one row of each.
PLACE: Final = {"ledger_entries": 1, "tree_heads": 1, "bundles": 1, "bundle_seals": 1}
Contents: TypeAlias = dict[str, frozenset[tuple[object, ...]]]


def waits(code: Code) -> Verdict:
    """The dose is kept and a person decides."""
    return Verdict(VerdictState.QUARANTINED, code)


def goes_back(code: Code) -> Verdict:
    """The dose is not kept."""
    return Verdict(VerdictState.REFUSED, code)


def contents(world: World) -> Contents:
    """Every row of every table."""
    with read_transaction(world.centre.engine) as connection:
        return {
            table.name: frozenset(tuple(row) for row in connection.execute(select(table)))
            for table in metadata.sorted_tables
        }


def assert_says_nothing(*said: object) -> None:
    text = "\n".join(bytes_as_text(item) if isinstance(item, bytes) else f"{item} {item!r}" for item in said)
    for mark in MARKS:
        assert mark not in text


def bytes_as_text(data: bytes) -> str:
    return data.decode(errors="replace") + data.decode("latin-1")


def refused(world: World, sealed: bytes, caplog: pytest.LogCaptureFixture | None = None) -> ProtocolError:
    """Offers what takes no place; nothing may change, and nothing may be said of anybody."""
    before = contents(world)
    with pytest.raises(ProtocolError) as caught:
        world.offer(sealed)
    assert contents(world) == before
    error = caught.value
    head = error.head if isinstance(error, PlaceError) else None
    assert_says_nothing(error, error.rule, encode_problem(error.code, rule=error.rule, head=head))
    if caplog is not None:
        assert_says_nothing(caplog.text)
    return error


def poisoned(site: Site, inner: bytes) -> Code:
    """Offers what holds its place and is refused: exactly one refused entry, and the chain goes on behind it."""
    before = contents(site.world)
    receipt = site.send_inner(inner)
    after = contents(site.world)
    for table, rows in after.items():
        if table == "nodes":
            continue
        assert before[table] <= rows, table
        assert len(rows) - len(before[table]) == PLACE.get(table, 0), table
    assert {row for row in after["nodes"] if row[0] != site.node} == {
        row for row in before["nodes"] if row[0] != site.node
    }
    assert (receipt.verdicts, receipt.entry.doses) == ((), 0)
    assert receipt.entry.refusal is not None
    assert_says_nothing(receipt)
    follower = site.dose(4_000)
    assert site.send([follower], claimed_at=site.world.clock.now()).entry.refusal is None
    assert check_centre(site.world.centre.engine).findings == ()
    return receipt.entry.refusal


def marked_doses(site: Site, count: int = 2) -> list[Dose]:
    """Doses of people whom the registry knows; the first is the marked person's."""
    doses = [site.dose(2, recipient=MARKED), *site.doses(range(10, 9 + count))]
    site.world.know(doses)
    return doses


def lying_body(site: Site, doses: Sequence[Dose], **changes: object) -> BatchBody:
    """A batch that `prepare_batch` would not make: its statement is signed whatever the doses are."""
    manifest: Manifest = site.manifest(doses, **changes)
    root = root_of(leaf_hashes(manifest, [encode_dose(dose) for dose in doses], SECRET))
    return BatchBody(
        signed_statement(site, encode_statement(Statement(manifest, root))), SECRET, pack_doses(doses[:3_000])
    )


def signed_statement(site: Site, payload: bytes, *, by: KeySigner | None = None) -> bytes:
    """Signs any bytes as a statement in the name of the site's certificate."""
    assert site.certificate is not None
    return cose.sign1(
        payload,
        signer=by or KeySigner(site.organisation_key),
        content_type=contexts.BATCH.content_type,
        context=contexts.BATCH.aad,
        protected={cose.X5T: cose.x5t(site.certificate.thumbprint)},
        unprotected={cose.X5CHAIN: site.certificate.der},
    )


def resigned_with(site: Site, payload: bytes, protected: dict[object, object]) -> bytes:
    """An inner message whose protected header holds whatever is given."""
    header = cbor2.dumps(protected)
    signature = KeySigner(site.node_key).sign(cose.sig_structure(header, contexts.BUNDLE.aad, payload))
    return cbor2.dumps(cbor2.CBORTag(18, [header, {}, payload, signature]))


class TestMalformed:
    @pytest.mark.parametrize(
        "odd",
        [1.5, cbor2.CBORTag(1, 5), cbor2.undefined, cbor2.CBORSimpleValue(99), {(1, 2): 3}, {True: 1}, {b"k": 1}],
        ids=["float", "tag", "undefined", "simple", "list key", "true key", "byte key"],
    )
    def test_a_protected_header_with_anything_odd_is_a_refusal_and_no_fault_of_ours(
        self, world: World, odd: object
    ) -> None:
        site = world.site()
        payload = cose.parse_sign1(site.inner(marked_doses(site)), max_bytes=limits.SEALED_BYTES).payload
        assert payload is not None
        inner = resigned_with(site, payload, {1: -7, 3: contexts.BUNDLE.content_type, 99: odd})
        assert refused(world, site.seal(inner)).code is Code.NOT_DETERMINISTIC

    @pytest.mark.parametrize(
        ("inner", "code"),
        [
            (lambda inner: b"", Code.NOT_CBOR),
            (lambda inner: b"Nguy\xe1\xbb\x85n V\xc4\x83n D\xe1\xba\xa5u V\xe1\xba\xbft", Code.NOT_CBOR),
            (lambda inner: inner + b"\x00", Code.NOT_CBOR),
            (lambda inner: inner[1:], Code.NOT_COSE),
            (lambda inner: cbor2.dumps(cbor2.CBORTag(96, cbor2.loads(inner).value)), Code.NOT_COSE),
            (lambda inner: b"\xd2\x9f" + inner[2:] + b"\xff", Code.NOT_CBOR),
            (lambda inner: b"\xd2\x98\x04" + inner[2:], Code.NOT_DETERMINISTIC),
        ],
        ids=["nothing", "a name", "a byte more", "untagged", "another tag", "indefinite", "long form"],
    )
    def test_what_is_no_bundle_inside_a_good_envelope(
        self, world: World, inner: Callable[[bytes], bytes], code: Code, caplog: pytest.LogCaptureFixture
    ) -> None:
        site = world.site()
        caplog.set_level(logging.DEBUG)
        assert refused(world, site.seal(inner(site.inner(marked_doses(site)))), caplog).code is code

    @pytest.mark.parametrize(
        ("place", "value", "code"),
        [
            (1, 2, Code.VERSION),
            (2, "Dấu Vết", Code.FIELD_INVALID),
            (3, -1, Code.FIELD_INVALID),
            (4, 0, Code.FIELD_INVALID),
            (6, 8, Code.KIND_UNKNOWN),
            (8, 2**63, Code.FIELD_INVALID),
            (9, "Dấu Vết", Code.FIELD_INVALID),
            (10, 1, Code.FIELD_UNKNOWN),
        ],
    )
    def test_a_bundle_of_the_node_with_one_field_that_breaks_its_rule(
        self, world: World, place: int, value: object, code: Code
    ) -> None:
        site = world.site()
        payload = cose.parse_sign1(site.inner(marked_doses(site)), max_bytes=limits.SEALED_BYTES).payload
        assert payload is not None
        changed = cbor.encode({**cbor2.loads(payload), place: value})
        inner = resigned_with(site, changed, {1: -7, 3: contexts.BUNDLE.content_type})
        assert refused(world, site.seal(inner)).code is code

    def test_another_message_of_the_node_is_no_bundle(self, world: World) -> None:
        site = world.site()
        payload = cose.parse_sign1(site.inner(marked_doses(site)), max_bytes=limits.SEALED_BYTES).payload
        assert payload is not None
        other = contexts.ENROLMENT_REQUEST
        signer = KeySigner(site.node_key)
        inner = cose.sign1(payload, signer=signer, content_type=other.content_type, context=other.aad)
        assert refused(world, site.seal(inner)).code is Code.CONTENT_TYPE
        # The right type over the wrong context: the signature was made for something else.
        inner = cose.sign1(payload, signer=signer, content_type=contexts.BUNDLE.content_type, context=other.aad)
        assert refused(world, site.seal(inner)).code is Code.SIGNATURE_INVALID

    def test_an_envelope_that_lies_about_its_recipient(self, world: World) -> None:
        site = world.site()
        sealed = seal(site.inner(marked_doses(site)), recipient=ec_key("b").public_key(), entropy=SeededEntropy(3))
        assert refused(world, sealed).code is Code.RECIPIENT_UNKNOWN
        lying = sealed.replace(key_id(ec_key("b").public_key()), key_id(world.centre.keys.sealing_key))
        assert refused(world, lying).code is Code.ENVELOPE_UNREADABLE

    def test_a_cut_at_any_byte_is_refused(self, world: World) -> None:
        site = world.site()
        sealed = site.seal(site.inner(marked_doses(site)))
        before = contents(world)
        for end in range(0, len(sealed), 41):
            with pytest.raises(ProtocolError) as caught:
                world.offer(sealed[:end])
            assert caught.value.code is Code.NOT_CBOR
            assert_says_nothing(caught.value)
        assert contents(world) == before

    @pytest.mark.parametrize("part", ["statement", "columns", "body"])
    def test_a_part_that_was_cut_before_the_node_signed_is_poison(self, world: World, part: str) -> None:
        site = world.site()
        body = site.body(marked_doses(site))
        match part:
            case "statement":
                cut = encode_batch_body(replace(body, statement=body.statement[:-1]))
            case "columns":
                cut = encode_batch_body(replace(body, columns=body.columns[: len(body.columns) // 2]))
            case _:
                cut = encode_batch_body(body)[:-1]
        assert poisoned(site, site.link(cut)) in (Code.NOT_CBOR, Code.COLUMNS_INVALID)


class TestChain:
    def test_two_bundles_in_the_wrong_order_arrive_when_the_order_is_right(self, world: World) -> None:
        site = world.site()
        first, enrolment = site.inner(marked_doses(site)), site.digest
        site.moved(first)
        second = site.inner(site.doses([30]))
        error = refused(world, site.seal(second))
        assert isinstance(error, PlaceError)
        assert (error.code, error.head.sequence, error.head.digest) == (Code.NOT_NEXT, 0, enrolment)
        world.offer(site.seal(first))
        assert site.send_inner(second).entry.index == 2

    def test_a_repeat_gets_the_first_answer_whatever_happened_meanwhile(self, world: World) -> None:
        site = world.site()
        inner = site.inner(marked_doses(site))
        first = world.offer(site.seal(inner))
        site.moved(inner)
        assert site.certificate is not None
        revoke_certificate(site.certificate, revoked_at=0, reason="lost", engine=world.centre.engine, now=EVENING)
        world.clock.at += 400 * 86_400
        world.site()
        before = contents(world)
        assert world.offer(site.seal(inner)) == first
        after = contents(world)
        assert {name for name in after if after[name] != before[name]} == {"bundle_seals"}

    def test_a_key_of_an_epoch_that_is_over_neither_sends_nor_stops_the_node_that_took_its_place(
        self, world: World
    ) -> None:
        old = world.site()
        stolen = old.inner(marked_doses(old))
        old.send(old.doses([40]))
        certificate = old.certificate
        new = world.site()
        new.certificate, new.next_dose = certificate, 100
        error = refused(world, old.seal(old.inner(old.doses([41]))))
        assert error.code is Code.EPOCH
        # A second history of the epoch that is over is kept, and that is all.
        before = contents(world)
        with pytest.raises(PlaceError) as caught:
            world.offer(old.seal(stolen))
        assert caught.value.code is Code.EPOCH
        after = contents(world)
        assert {name for name in after if after[name] != before[name]} == {"forks"}
        assert new.send(new.doses([42])).entry.refusal is None

    def test_a_bundle_signed_by_another_node_of_the_same_facility(self, world: World) -> None:
        site, beside = world.site(), world.site("19001", "19001B")
        doses = marked_doses(site)
        site.node_key = beside.node_key
        assert refused(world, site.seal(site.inner(doses))).code is Code.SIGNATURE_INVALID

    def test_a_batch_of_one_site_in_the_bundle_of_another(self, world: World) -> None:
        site, thief = world.site(), world.site("19002", "19002A")
        stolen = encode_batch_body(site.body(marked_doses(site)))
        assert poisoned(thief, thief.link(stolen)) is Code.FACILITY_MISMATCH
        # Nor is the site harmed that it was stolen from.
        assert set(site.send_inner(site.link(stolen)).verdicts) == {ADMITTED}

    def test_a_statement_of_one_batch_over_the_doses_of_another(self, world: World) -> None:
        site = world.site()
        mine, other = site.body(marked_doses(site)), site.body(site.doses([50, 51]))
        assert poisoned(site, site.link(encode_batch_body(replace(mine, columns=other.columns)))) is Code.ROOT_MISMATCH

    def test_the_same_statement_again_under_the_next_number_admits_nothing_twice(self, world: World) -> None:
        site = world.site()
        body = encode_batch_body(site.body(marked_doses(site)))
        assert set(site.send_inner(site.link(body)).verdicts) == {ADMITTED}
        held = contents(world)["doses"]
        again = site.send_inner(site.link(body))
        assert set(again.verdicts) == {goes_back(Code.DOSE_REPEATED)}
        assert contents(world)["doses"] == held


class TestDosesAfterSigning:
    @pytest.mark.parametrize(
        ("change", "code"),
        [
            (lambda doses, more: doses[1:], Code.COUNT_MISMATCH),
            (lambda doses, more: [*doses, more], Code.COUNT_MISMATCH),
            (lambda doses, more: [more, *doses[1:]], Code.ROOT_MISMATCH),
            (lambda doses, more: doses[::-1], Code.ROOT_MISMATCH),
            (lambda doses, more: [replace(doses[0], dose_number=2), *doses[1:]], Code.ROOT_MISMATCH),
            (lambda doses, more: [doses[0], doses[0], *doses[2:]], Code.COUNT_MISMATCH),
        ],
        ids=["taken out", "added", "exchanged", "turned round", "altered", "doubled"],
    )
    def test_doses_that_were_changed_after_the_signature(
        self, world: World, change: Callable[[list[Dose], Dose], list[Dose]], code: Code
    ) -> None:
        site = world.site()
        doses = marked_doses(site, 3)
        body = replace(site.body(doses), columns=pack_doses(change(doses, site.dose(60))))
        assert poisoned(site, site.link(encode_batch_body(body))) is code


class TestLimits:
    @pytest.mark.parametrize(
        ("people", "doses", "code"), [(1_001, 1_001, Code.BATCH_PEOPLE), (1_000, 3_001, Code.BATCH_DOSES)]
    )
    def test_a_statement_that_says_one_too_many(self, world: World, people: int, doses: int, code: Code) -> None:
        site = world.site()
        body = site.body(marked_doses(site))
        payload = cose.parse_sign1(body.statement, max_bytes=limits.MESSAGE_BYTES).payload
        assert payload is not None
        said = cbor2.loads(payload)
        said[2] |= {7: people, 8: doses}
        statement = signed_statement(site, cbor.encode(said))
        assert poisoned(site, site.link(encode_batch_body(replace(body, statement=statement)))) is code

    def test_a_statement_that_hides_one_person_too_many(self, world: World) -> None:
        site = world.site()
        body = lying_body(site, site.doses(range(1_001)), people=1_000)
        assert poisoned(site, site.link(encode_batch_body(body))) is Code.BATCH_PEOPLE

    def test_columns_that_hold_one_dose_too_many(self, world: World) -> None:
        site = world.site()
        doses = [dose for number in (1, 2, 3) for dose in site.doses(range(1_000), dose_number=number)]
        body = site.body(doses)
        more = body.columns[:2] + (3_001).to_bytes(2) + body.columns[4:]
        assert poisoned(site, site.link(encode_batch_body(replace(body, columns=more)))) is Code.COLUMNS_INVALID


class TestDishonestSigner:
    def test_a_dose_id_that_stands_twice_in_a_batch_counts_once_and_stops_nobody(self, world: World) -> None:
        site = world.site()
        doses = marked_doses(site, 3)
        doses[2] = replace(doses[2], sequence=doses[0].sequence)
        receipt = site.send_inner(site.link(encode_batch_body(lying_body(site, doses))))
        again = goes_back(Code.DOSE_REPEATED)
        assert receipt.verdicts == (ADMITTED, ADMITTED, again)
        assert check_centre(world.centre.engine).findings == ()

    def test_the_same_dose_twice_in_a_batch_counts_once(self, world: World) -> None:
        site = world.site()
        dose = marked_doses(site, 1)[0]
        receipt = site.send_inner(site.link(encode_batch_body(lying_body(site, [dose, dose]))))
        assert receipt.verdicts == (ADMITTED, goes_back(Code.DOSE_REPEATED))

    def test_a_dose_of_another_place_is_not_kept_and_its_neighbours_are(self, world: World) -> None:
        site = world.site()
        world.site("19002", "19002A")
        doses = marked_doses(site, 3)
        doses[1] = replace(doses[1], facility="19002")
        receipt = site.send(doses)
        assert receipt.verdicts == (ADMITTED, goes_back(Code.DOSE_FACILITY), ADMITTED)
        assert len(contents(world)["doses"]) == 2

    @pytest.mark.parametrize("together", [True, False])
    def test_a_refused_version_does_not_make_the_centre_forget_a_dose(self, world: World, together: bool) -> None:
        # The version is of another place, so it is refused; were it believed to replace the first dose, the same
        # person's dose of the same day would be admitted again, and both would get a passport.
        site = world.site()
        world.site("19002", "19002A")
        first = marked_doses(site, 1)[0]
        again = replace(first, sequence=first.sequence + 1, given_at=first.given_at + 60)
        forget = replace(first, sequence=first.sequence + 2, facility="19002", replaces=first.sequence)
        if together:
            receipt = site.send([first, again, forget])
            verdicts = receipt.verdicts[1:]
        else:
            site.send([first])
            verdicts = site.send([again, forget]).verdicts
        assert verdicts == (
            waits(Code.DOSE_DUPLICATE),
            goes_back(Code.DOSE_FACILITY),
        )

    def test_identity_that_is_only_said_to_match_waits(self, world: World) -> None:
        site = world.site()
        unknown, known = site.dose(2, recipient=MARKED), site.dose(70)
        world.know([known])
        assert site.send([unknown, known]).verdicts == (
            waits(Code.IDENTITY_EVIDENCE),
            ADMITTED,
        )


class TestCertificates:
    def test_the_certificate_of_another_site(self, world: World) -> None:
        site, other = world.site(), world.site("19002", "19002A")
        mine = (site.certificate, site.organisation_key)
        site.certificate, site.organisation_key = other.certificate, other.organisation_key
        inner = site.inner(marked_doses(site))
        site.certificate, site.organisation_key = mine
        assert poisoned(site, inner) is Code.CERTIFICATE_UNREGISTERED

    def test_a_certificate_over_another_key_than_the_one_that_signed(self, world: World) -> None:
        site = world.site()
        body = site.body(marked_doses(site))
        payload = cose.parse_sign1(body.statement, max_bytes=limits.MESSAGE_BYTES).payload
        assert payload is not None
        statement = signed_statement(site, payload, by=KeySigner(ec_key("thief")))
        inner = site.link(encode_batch_body(replace(body, statement=statement)))
        assert poisoned(site, inner) is Code.SIGNATURE_INVALID

    @pytest.mark.parametrize(
        ("begins", "ends", "outcome"),
        [
            (-86_400, -3_600, Code.CERTIFICATE_EXPIRED),
            (-86_400, 3_600, waits(Code.CERTIFICATE_EXPIRED)),
            (-86_400, 9 * 3_600, ADMITTED),
            (9 * 3_600 + 1, 86_400, Code.CERTIFICATE_NOT_YET_VALID),
        ],
        ids=["ended before the window", "ends within it", "ends with it", "begins after it"],
    )
    def test_validity_is_judged_by_the_window(
        self, world: World, begins: int, ends: int, outcome: Code | Verdict
    ) -> None:
        # The window is from the head at MORNING to the arrival at EVENING, nine hours later.
        site = world.site()
        with_life(site, begins=to_datetime(MORNING + begins), days=(ends - begins) / 86_400)
        receipt = site.send_inner(site.inner(marked_doses(site)))
        assert outcome_of(receipt) == outcome

    @pytest.mark.parametrize(
        ("revoked_at", "outcome"),
        [
            (MORNING, Code.CERTIFICATE_REVOKED),
            (MORNING + 1, waits(Code.CERTIFICATE_REVOKED)),
            (EVENING - 1, waits(Code.CERTIFICATE_REVOKED)),
            (EVENING, ADMITTED),
        ],
    )
    def test_a_revocation_is_judged_by_the_window_to_the_second(
        self, world: World, revoked_at: int, outcome: Code | Verdict
    ) -> None:
        site = world.site()
        assert site.certificate is not None
        revoke_certificate(
            site.certificate, revoked_at=revoked_at, reason="lost", engine=world.centre.engine, now=EVENING
        )
        assert outcome_of(site.send_inner(site.inner(marked_doses(site)))) == outcome

    def test_without_a_head_in_the_statement_a_revocation_is_never_answered_by_trust(self, world: World) -> None:
        # Whoever leaves the head out gives up the proof, and gains nothing.
        site = world.site()
        assert site.certificate is not None
        revoke_certificate(site.certificate, revoked_at=1, reason="lost", engine=world.centre.engine, now=EVENING)
        receipt = site.send_inner(site.inner(marked_doses(site), checkpoint=None))
        assert outcome_of(receipt) == waits(Code.CERTIFICATE_REVOKED)

    def test_a_registration_that_begins_later(self, world: World) -> None:
        site = world.site()
        assert site.certificate is not None
        with write_transaction(world.centre.engine) as connection:
            facilities.put_registration(
                connection,
                site.facility,
                serial_text(site.certificate.serial),
                registration=Registration(site.officer, EVENING + 1, None),
                at=EVENING,
            )
        receipt = site.send_inner(site.inner(marked_doses(site)))
        assert outcome_of(receipt) is Code.CERTIFICATE_UNREGISTERED

    def test_a_revoked_authority_counts_although_it_did_not_travel(self, world: World) -> None:
        site = world.site()
        between = under_authority(site, known=1)
        inner = site.inner(marked_doses(site))
        revoke_certificate(between, revoked_at=MORNING - 1, reason="broken", engine=world.centre.engine, now=EVENING)
        assert site.send_inner(inner).entry.refusal is Code.CERTIFICATE_REVOKED

    def test_a_centre_may_know_more_authorities_than_a_path_may_have(self, world: World) -> None:
        site = world.site()
        under_authority(site, known=3 * limits.CERTIFICATE_CHAIN)
        assert outcome_of(site.send_inner(site.inner(marked_doses(site)))) == ADMITTED


def outcome_of(receipt: VerifiedReceipt) -> Code | Verdict:
    """The code of a refused bundle, or the one verdict that all its doses share."""
    if receipt.entry.refusal is not None:
        return receipt.entry.refusal
    (verdict,) = set(receipt.verdicts)
    return verdict


def anchor(world: World, name: str) -> Authority:
    """An authority that the centre trusts for organisations."""
    made = make_ca(name, to_datetime(MORNING - 400 * 86_400))
    with write_transaction(world.centre.engine) as connection:
        trust.put_trusted(connection, made.certificate, CertificateRole.ORGANISATION_ANCHOR, country="VN", at=MORNING)
    return made


def with_life(site: Site, *, begins: datetime, days: float) -> None:
    """Gives the site a registered certificate with this beginning and this life."""
    authority = anchor(site.world, "Cơ quan thử")
    site.certificate = issue_certificate(authority, site.organisation_key, subject=site.officer, at=begins, days=days)
    site.world.register(site.facility, site.certificate, officer=site.officer)


def under_authority(site: Site, *, known: int) -> Certificate:
    """Puts the site's certificate under an authority between it and an anchor; gives that authority's certificate.

    The authority does not travel: the centre knows it, and `known` - 1 others that were added later.
    """
    at = to_datetime(MORNING - 300 * 86_400)
    root = anchor(site.world, "Gốc thử")
    between = make_ca("Giữa 0", at, parent=root)
    others = [make_ca(f"Giữa {number}", at, parent=root) for number in range(1, known)]
    with write_transaction(site.world.centre.engine) as connection:
        for number, authority in enumerate([between, *others]):
            role = CertificateRole.ORGANISATION_INTERMEDIATE
            trust.put_trusted(connection, authority.certificate, role, country="VN", at=MORNING + number)
    site.certificate = issue_certificate(between, site.organisation_key, subject=site.officer, at=at, days=400)
    site.world.register(site.facility, site.certificate, officer=site.officer)
    return between.certificate


def test_a_kind_of_bundle_that_carries_no_doses_cannot_smuggle_any(world: World) -> None:
    site = world.site()
    body = encode_batch_body(site.body(marked_doses(site)))
    receipt = site.send_inner(site.link(body, kind=BundleKind.REPORT))
    assert (receipt.entry.refusal, receipt.entry.doses) == (None, 0)
    assert contents(world)["doses"] == frozenset()


def test_the_harness_sees_a_name_in_an_error() -> None:
    with pytest.raises(AssertionError):
        assert_says_nothing(ProtocolError(Code.FIELD_INVALID, f"dose.name: {MARKED.name}"))
    with pytest.raises(AssertionError):
        assert_says_nothing(encode_problem(Code.FIELD_INVALID, rule=MARKED.number))
