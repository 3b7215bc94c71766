"""Certificates of the site: asked for, listed by the centre, judged before the PIN, and warned of in time."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from edge.cli import main
from edge.domain.certificate_standing import CertificateState, Standing
from edge.domain.code_words import words
from edge.domain.pass_journal import PASS_WORDS, PassCode, PassRefusedError, PassState
from edge.domain.refusals import EdgeCode, RefusedError
from edge.store import audit, bundles, certificates, passes
from edge.store.audit import Action
from edge.store.certificates import NewRequest
from edge.workflow.certificate_standings import signing_standing, site_standings
from edge.workflow.check_signer import check_signer
from edge.workflow.check_store import check_store
from edge.workflow.exchange import exchange
from edge.workflow.register_certificate import Asked, register_certificate, register_serial
from edge.workflow.seal_bundle import seal_bundle
from edge.workflow.sign_pass import resume_pass
from edge.workflow.take_feed import fetch_feed
from sync_protocol.bundle import Bundle, BundleKind
from sync_protocol.certificate import Certificate, serial_text
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.feed import FeedKind
from sync_protocol.registration import Place, parse_registration, verify_possession
from sync_protocol.registration_list import (
    RegisteredCertificate,
    Registrations,
    RegistrationState,
    encode_registrations,
)
from sync_protocol.signers.key_signer import KeySigner
from sync_protocol.signers.software import write_pkcs12
from sync_protocol.signers.token_errors import TokenCode, TokenError
from tests.builders import Authority, PassingSigner, ec_key, issue_certificate, make_ca
from tests.edge.clinic import NOW, PASSPHRASE, make_clinic
from tests.edge.station import AFTERNOON, DAY_SECONDS, FACILITY, NODE, OFFICER, REQUEST_DIGEST, Station, make_station

AT = datetime.datetime(2022, 1, 1, tzinfo=datetime.UTC)
MANAGER = "Trưởng trạm Lê Thị Bưởi"
HERE, ELSEWHERE = "Trạm Y tế xã Hòa Hiệp", "Trạm Y tế xã Bình Kiến"


@pytest.fixture
def station(tmp_path: Path) -> Station:
    return make_station(tmp_path)


def signer_of(seed: str, *, days: int = 365, organisation: str = "", authority: Authority | None = None) -> KeySigner:
    key = ec_key(seed)
    certificate = issue_certificate(
        authority or make_ca("Registering CA", AT),
        key,
        subject=f"Trạm {seed}",
        at=AT,
        days=days,
        organisation=organisation,
    )
    return KeySigner(key, certificate=certificate)


def of(signer: KeySigner) -> Certificate:
    assert signer.certificate is not None
    return signer.certificate


def serial_of(signer: KeySigner) -> str:
    return serial_text(of(signer).serial)


def row_of(signer: KeySigner, **changes: object) -> RegisteredCertificate:
    row = RegisteredCertificate(
        serial_of(signer),
        of(signer).thumbprint,
        OFFICER.name,
        RegistrationState.REGISTERED,
        0,
        not_after=int(of(signer).not_after.timestamp()),
    )
    return replace(row, **changes)  # type: ignore[arg-type]


def listed(station: Station, *rows: RegisteredCertificate, facility: str = FACILITY) -> None:
    """The centre's list, as it comes with the feed."""
    body = encode_registrations(Registrations(facility, tuple(sorted(rows, key=lambda row: row.serial))))
    station.centre.put_item(NODE, FeedKind.REGISTRATIONS, body)
    take(station)


def take(station: Station) -> None:
    fetch_feed(station.database, station.centre, now=station.clock.now, entropy=station.entropy)


def send(station: Station) -> None:
    exchange(station.database, station.centre, now=station.clock.now, entropy=station.entropy)


def ask(station: Station, signer: KeySigner | PassingSigner, officer: str = OFFICER.name) -> Asked:
    return register_certificate(
        station.database, signer, officer=officer, by=MANAGER, now=station.clock.now(), entropy=station.entropy
    )


def ask_number(station: Station, typed: str, officer: str = OFFICER.name, *, is_decimal: bool = False) -> Asked:
    return register_serial(
        station.database,
        typed,
        is_decimal=is_decimal,
        officer=officer,
        by=MANAGER,
        now=station.clock.now(),
        entropy=station.entropy,
    )


def standings(station: Station) -> list[Standing]:
    with station.database.read() as tables:
        return site_standings(tables, now=station.clock.now())


def state_of(station: Station, serial: str) -> CertificateState:
    return next(one.state for one in standings(station) if one.serial == serial)


def at_the_centre(station: Station) -> list[Bundle]:
    kept = [station.centre.kept[entry.digest].bundle.bundle for entry in station.centre.entries[1:]]
    return [bundle for bundle in kept if bundle.kind is BundleKind.REGISTRATION]


def test_a_request_with_proof_is_sealed_offline_and_names_its_place(station: Station) -> None:
    signer = signer_of("next")
    asked = ask(station, signer)
    (one,) = standings(station)
    assert (one.serial, one.state, one.is_sent, one.officer) == (
        serial_of(signer), CertificateState.ASKED, False, OFFICER.name,
    )  # fmt: skip
    assert signer.operations == 1
    send(station)
    assert standings(station)[0].is_sent
    (bundle,) = at_the_centre(station)
    assert (bundle.sequence, asked.bundle) == (1, 1)
    request = parse_registration(bundle.body)
    possession = verify_possession(request, Place(FACILITY, NODE, bundle.epoch, REQUEST_DIGEST))
    assert (request.chain, possession.claimed_at) == ((of(signer),), AFTERNOON)
    with station.database.read() as tables:
        actions = [entry.action for entry in audit.entries(tables)]
    assert Action.REGISTRATION_ASKED in actions
    assert check_store(station.database).findings == ()


def test_an_authority_on_the_token_goes_along_and_its_root_does_not(station: Station) -> None:
    root = make_ca("Root CA", AT)
    between = make_ca("Between CA", AT, parent=root)
    signer = signer_of("next", authority=between)
    others = (root.certificate, of(signer_of("other")), between.certificate)
    register_certificate(
        station.database, signer, officer="A B", by="x", now=AFTERNOON, entropy=station.entropy, others=others
    )
    send(station)
    request = parse_registration(at_the_centre(station)[0].body)
    assert request.chain == (of(signer), between.certificate)


def test_a_proof_that_came_too_late_for_its_place_is_made_again_by_the_same_open_token(station: Station) -> None:
    class Slow(PassingSigner):
        """While it signs for the first time somebody closes a day, or sends something else."""

        signed = 0

        def sign_many(self, messages: object) -> list[bytes]:
            if not Slow.signed:
                with station.database.write_transaction() as tables:
                    seal_bundle(tables, BundleKind.REPORT, b"", pass_id=None, now=AFTERNOON, entropy=station.entropy)
            Slow.signed += 1
            return self.inner.sign_many(messages)  # type: ignore[arg-type]

    ask(station, Slow(signer_of("next")))
    assert Slow.signed == 2
    send(station)
    (bundle,) = at_the_centre(station)
    verify_possession(parse_registration(bundle.body), Place(FACILITY, NODE, bundle.epoch, bundle.previous))


def test_a_node_that_seals_without_end_gives_up_and_stores_nothing(station: Station) -> None:
    class Never(PassingSigner):
        def sign_many(self, messages: object) -> list[bytes]:
            with station.database.write_transaction() as tables:
                seal_bundle(tables, BundleKind.REPORT, b"", pass_id=None, now=AFTERNOON, entropy=station.entropy)
            return self.inner.sign_many(messages)  # type: ignore[arg-type]

    with pytest.raises(RefusedError, match=EdgeCode.REGISTRATION_MOVED):
        ask(station, Never(signer_of("next")))
    assert standings(station) == []


def test_a_number_alone_is_asked_for_as_people_type_it(station: Station) -> None:
    assert ask_number(station, "54:03:a1 f0").serial == "5403A1F0"
    assert ask_number(station, "255", is_decimal=True).serial == "FF"
    send(station)
    assert [parse_registration(bundle.body).chain for bundle in at_the_centre(station)] == [(), ()]
    assert {one.serial: one.organisation for one in standings(station)} == {"5403A1F0": "", "FF": ""}


@pytest.mark.parametrize(
    ("typed", "officer", "code"),
    [
        ("", OFFICER.name, EdgeCode.SERIAL_INVALID),
        ("không có", OFFICER.name, EdgeCode.SERIAL_INVALID),
        ("5403", "", EdgeCode.OFFICER_NAME),
        ("5403", "12", EdgeCode.OFFICER_NAME),
    ],
)
def test_a_form_with_a_fault_asks_nothing(station: Station, typed: str, officer: str, code: EdgeCode) -> None:
    with pytest.raises(RefusedError, match=code):
        ask_number(station, typed, officer)
    with station.database.read() as tables:
        assert bundles.newest(tables, 1) is None


def test_the_same_is_asked_once_and_a_proof_adds_to_a_number(station: Station) -> None:
    signer = signer_of("next")
    ask_number(station, serial_of(signer))
    with pytest.raises(RefusedError, match=EdgeCode.REGISTRATION_ASKED):
        ask_number(station, serial_of(signer))
    ask(station, signer)
    with pytest.raises(RefusedError, match=EdgeCode.REGISTRATION_ASKED):
        ask(station, signer)
    ask(station, signer, officer="Lê Văn Kim")


@pytest.mark.parametrize(("days", "code"), [(90, Code.CERTIFICATE_EXPIRED), (365, None)])
def test_an_ended_certificate_is_not_even_asked_for(station: Station, days: int, code: Code | None) -> None:
    signer = signer_of("next", days=days)
    if code is None:
        ask(station, signer)
        return
    with pytest.raises(ProtocolError, match=code):
        ask(station, signer)
    assert (signer.operations, standings(station)) == (0, [])


def test_a_signer_without_a_certificate_registers_nothing(station: Station) -> None:
    with pytest.raises(TokenError, match=TokenCode.CERTIFICATE_MISSING):
        ask(station, KeySigner(ec_key("bare")))


def test_the_centres_list_is_what_holds_and_a_younger_request_stands_beside_it(station: Station) -> None:
    signer = signer_of("next", organisation=HERE)
    ask(station, signer)
    send(station)
    listed(station, row_of(signer, state=RegistrationState.ASKED, remark="registration-conflict"))
    (one,) = standings(station)
    assert (one.state, one.remark) == (CertificateState.ASKED, "registration-conflict")
    listed(station, row_of(signer, state=RegistrationState.REFUSED, remark="registration-refused"))
    assert state_of(station, serial_of(signer)) is CertificateState.REFUSED
    # Asked for anew, it waits again, also while the old list is all there is.
    station.clock.at += 60
    ask(station, signer)
    assert state_of(station, serial_of(signer)) is CertificateState.ASKED
    send(station)
    assert state_of(station, serial_of(signer)) is CertificateState.ASKED
    listed(station, row_of(signer, organisation=HERE))
    (one,) = standings(station)
    assert (one.state, one.organisation) == (CertificateState.REGISTERED, HERE)


def test_a_request_that_the_receipt_refuses_says_why(station: Station) -> None:
    signer = signer_of("next")
    ask(station, signer)
    station.centre.refuse = [Code.CERTIFICATE_UNTRUSTED]
    send(station)
    (one,) = standings(station)
    assert (one.state, one.remark) == (CertificateState.REFUSED, "certificate-untrusted")


@pytest.mark.parametrize(
    ("facility", "body"), [("79001", None), (FACILITY, b"poison"), (FACILITY, b"\xa1\x01\x65" + b"19001")]
)
def test_a_list_that_cannot_be_taken_leaves_the_one_that_holds(
    station: Station, facility: str, body: bytes | None
) -> None:
    signer = signer_of("next")
    listed(station, row_of(signer))
    if body is None:
        body = encode_registrations(Registrations(facility, ()))
    station.centre.put_item(NODE, FeedKind.REGISTRATIONS, body)
    take(station)
    assert [one.serial for one in standings(station)] == [serial_of(signer)]
    with station.database.read() as tables:
        assert [entry.action for entry in audit.entries(tables)][-1] == Action.FEED_UNREADABLE


def revoked(signer: KeySigner) -> RegisteredCertificate:
    return row_of(signer, revoked_at=AFTERNOON - 1)


def ended(signer: KeySigner) -> RegisteredCertificate:
    return row_of(signer, state=RegistrationState.ENDED, valid_until=AFTERNOON - 1)


def over_since(signer: KeySigner) -> RegisteredCertificate:
    return row_of(signer, valid_until=AFTERNOON)


def refused(signer: KeySigner) -> RegisteredCertificate:
    return row_of(signer, state=RegistrationState.REFUSED, remark="registration-refused")


def other_thumbprint(signer: KeySigner) -> RegisteredCertificate:
    return row_of(signer, thumbprint=bytes(32))


def of_another_officer(signer: KeySigner) -> RegisteredCertificate:
    return row_of(signer, officer="Nguyễn Văn Khác")


def of_others(_: KeySigner) -> RegisteredCertificate:
    return row_of(signer_of("registered", organisation=HERE), organisation=HERE)


@pytest.mark.parametrize(
    ("row", "organisation", "code"),
    [
        (revoked, HERE, Code.CERTIFICATE_REVOKED),
        (ended, HERE, PassCode.CERTIFICATE_ENDED),
        (over_since, HERE, PassCode.CERTIFICATE_ENDED),
        (refused, HERE, Code.CERTIFICATE_UNREGISTERED),
        (other_thumbprint, HERE, Code.CERTIFICATE_UNREGISTERED),
        (of_others, HERE, Code.CERTIFICATE_UNREGISTERED),
        (of_others, "", Code.CERTIFICATE_UNREGISTERED),
        (of_others, ELSEWHERE, PassCode.CERTIFICATE_FOREIGN),
        (None, HERE, Code.CERTIFICATE_UNREGISTERED),
        (of_another_officer, HERE, PassCode.CERTIFICATE_OFFICER),
        (lambda signer: row_of(signer, officer=OFFICER.name.upper()), HERE, None),
        (lambda signer: row_of(signer, officer=""), HERE, None),
        (row_of, HERE, None),
        (lambda signer: row_of(signer, state=RegistrationState.ASKED), HERE, None),
        (lambda signer: row_of(signer, thumbprint=None), HERE, None),
        (lambda signer: row_of(signer, revoked_at=AFTERNOON + 1), HERE, None),
    ],
)
def test_what_the_list_says_decides_before_the_token_is_asked_and_the_pass_can_be_resumed(
    station: Station,
    row: Callable[[KeySigner], RegisteredCertificate] | None,
    organisation: str,
    code: Code | PassCode | None,
) -> None:
    signer = signer_of("signing", organisation=organisation)
    station.signer = signer_that_fails(signer)
    station.record(2)
    with pytest.raises(TokenError):
        station.sign()
    before = stored(station)
    listed(station, *([] if row is None else [row(signer)]))
    if code is not None:
        with pytest.raises((ProtocolError, PassRefusedError), match=rf"^{code}: "):
            resume_pass(station.database, signer, now=AFTERNOON, entropy=station.entropy)
        # Nothing was asked of the key, and every byte of the pass is as it was.
        assert signer.operations == 0
        assert stored(station) == before
        said = words(code) if isinstance(code, Code) else PASS_WORDS[code]
        assert said.vi
        assert said.cure
        # The centre has registered it since: the same bytes are signed.
        listed(station, row_of(signer))
    resumed = resume_pass(station.database, signer, now=AFTERNOON, entropy=station.entropy)
    assert resumed is not None
    assert signer.operations == 1
    assert check_store(station.database).findings == ()


def signer_that_fails(signer: KeySigner) -> KeySigner:
    class Removed(PassingSigner):
        def sign_many(self, messages: object) -> list[bytes]:
            raise TokenError(TokenCode.TOKEN_REMOVED)

    return Removed(signer)  # type: ignore[return-value]


def stored(station: Station) -> object:
    with station.database.read() as tables:
        return tables.execute("SELECT * FROM passes").fetchall(), tables.execute("SELECT * FROM pass_leaves").fetchall()


def test_a_fresh_pass_is_refused_before_anything_is_prepared(station: Station) -> None:
    station.record(1)
    listed(station)
    with pytest.raises(ProtocolError, match=Code.CERTIFICATE_UNREGISTERED):
        station.sign()
    with station.database.read() as tables:
        assert passes.numbers(tables) == []


def test_a_node_that_never_got_a_list_lets_every_valid_certificate_pass(station: Station) -> None:
    with station.database.read() as tables:
        check_signer(tables, of(signer_of("whoever")), now=AFTERNOON)
        for days, code in ((90, Code.CERTIFICATE_EXPIRED), (365, None)):
            certificate = of(signer_of("time", days=days))
            if code is not None:
                with pytest.raises(ProtocolError, match=code):
                    check_signer(tables, certificate, now=AFTERNOON)
        with pytest.raises(ProtocolError, match=Code.CERTIFICATE_NOT_YET_VALID):
            check_signer(tables, of(signer_of("time")), now=int(AT.timestamp()) - 1)
        with pytest.raises(TokenError, match=TokenCode.CERTIFICATE_MISSING):
            check_signer(tables, None, now=AFTERNOON)


def test_what_is_asked_for_may_sign_whatever_the_list_knows(station: Station) -> None:
    listed(station)
    signer = signer_of("next")
    ask(station, signer)
    station.signer = signer
    station.record(1)
    assert station.sign().doses == 1
    with station.database.read() as tables:
        assert certificates.seen(tables) == [of(signer)]
        assert [passes.find(tables, number).state for number in passes.numbers(tables)] == [PassState.SEALED]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("left_days", "warning"), [(91, None), (90, 90), (31, 90), (30, 30), (8, 30), (7, 7), (0, 7), (-1, None)]
)
def test_the_end_is_warned_of_ninety_thirty_and_seven_days_before(
    station: Station, left_days: int, warning: int | None
) -> None:
    signer = signer_of("signing")
    listed(station, row_of(signer, not_after=AFTERNOON + left_days * DAY_SECONDS))
    (one,) = standings(station)
    assert (one.days_left(AFTERNOON), one.warning_days(AFTERNOON)) == (left_days, warning)
    assert one.state is (CertificateState.REGISTERED if left_days >= 0 else CertificateState.EXPIRED)


def test_the_one_that_signs_is_the_one_of_the_setting_else_the_longest_lived(station: Station) -> None:
    old, new, over = signer_of("old", days=120), signer_of("new"), signer_of("over")
    listed(station, row_of(old), row_of(new), ended(over))
    with station.database.read() as tables:
        for serial, expected in (("", new), (serial_of(old), old), (serial_of(over), over)):
            found = signing_standing(tables, serial, now=AFTERNOON)
            assert found is not None
            assert found.serial == serial_of(expected)
        assert signing_standing(tables, "AB", now=AFTERNOON) is None


def test_requests_and_seen_certificates_are_only_added_to(station: Station) -> None:
    ask(station, signer_of("next"))
    for table, column in (("registration_requests", "officer"), ("seen_certificates", "serial")):
        for statement in (f"UPDATE {table} SET {column} = 'x'", f"DELETE FROM {table}"):
            with pytest.raises(Exception, match="append-only"), station.database.write_transaction() as tables:
                tables.execute(statement)
    with pytest.raises(Exception, match="no gaps"), station.database.write_transaction() as tables:
        tables.execute("INSERT INTO registration_requests VALUES (9, 'AB', NULL, 'x', 1, 'x', 1, 1)")


def test_a_request_needs_its_bundle(station: Station) -> None:
    with pytest.raises(Exception, match="FOREIGN KEY"), station.database.write_transaction() as tables:
        certificates.add_request(tables, NewRequest("AB", None, "x", at=1, by="x", epoch=1, sequence=99))


@pytest.mark.parametrize(
    ("planted", "subject"),
    [
        ("UPDATE registered_certificates SET state = 'registered'", "feed:1"),
        ("DELETE FROM registered_certificates", "feed:1"),
        ("UPDATE registration_requests SET officer = 'Ai đó'", "bundle:1/1"),
        ("DELETE FROM registration_requests", "bundle:1/1"),
    ],
)
def test_check_finds_a_certificate_that_was_tampered_with(station: Station, planted: str, subject: str) -> None:
    signer = signer_of("next")
    ask(station, signer)
    listed(station, refused(signer))
    assert check_store(station.database).findings == ()
    with station.database.write_transaction() as tables:
        tables.execute("DROP TRIGGER registration_requests_no_update")
        tables.execute("DROP TRIGGER registration_requests_no_delete")
        tables.execute(planted)
    assert [finding.subject for finding in check_store(station.database).findings] == [subject]


def run(directory: Path, *arguments: str, typed: str = "", exit_code: int = 0) -> tuple[dict[str, object], str]:
    class Clock:
        def now(self) -> int:
            return NOW

    done = CliRunner().invoke(
        main,
        ["--directory", str(directory), *arguments, "--json"],
        input=typed,
        env={"HCVX_EDGE_PASSPHRASE": PASSPHRASE},
        obj=Clock(),
    )
    assert done.exit_code == exit_code, done.output
    return (json.loads(done.stdout) if done.stdout else {}), done.stderr


def test_certificates_are_registered_at_the_command_line(tmp_path: Path) -> None:
    clinic = make_clinic(tmp_path)
    clinic.database.close()
    signer = signer_of("token", organisation=HERE)
    file = tmp_path / "key.p12"
    file.write_bytes(write_pkcs12(signer._private_key, of(signer), password="mật khẩu tệp"))
    node = clinic.database.path.parent
    assert run(node, "certificates")[0]["certificates"] == []
    data, words_said = run(
        node, "register-certificate", "--officer", OFFICER.name, "--signer", f"software:{file}", "--pin-stdin",
        typed="mật khẩu tệp\n",
    )  # fmt: skip
    assert data["serial"] == serial_of(signer)
    assert "tệp khóa phần mềm" in words_said
    data, _ = run(node, "register-certificate", "--serial", "54:03", "--officer", OFFICER.name)
    assert data["serial"] == "5403"
    _, words_said = run(node, "register-certificate", "--serial", "54:03", "--officer", OFFICER.name, exit_code=1)
    assert "registration-asked" in words_said
    found = run(node, "certificates")[0]["certificates"]
    assert isinstance(found, list)
    assert {(one["serial"], one["state"], one["organisation"]) for one in found} == {
        (serial_of(signer), "asked", HERE),
        ("5403", "asked", None),
    }
