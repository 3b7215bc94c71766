"""Clock × revocation: every order of signing window, validity, revocation and registration has its one outcome.

Times are ticks of ten minutes on one day. A batch was signed at some instant in [lower bound, arrival), and nobody
knows at which: it is admitted when every such instant was allowed, refused when none was, and in doubt otherwise. The
oracle below says just that, by trying each instant; it shares no line with the code that admits.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import product
from typing import Final

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from central.domain import admission
from central.domain.admission import Registration, Surroundings, Trust
from central.domain.delegation import HubGround
from central.domain.signature_standing import Revocations, objections_by_revocation
from central.domain.signing_window import Against, SigningWindow
from sync_protocol.batch import count_people, prepare_batch, sign_batch
from sync_protocol.bundle import (
    BatchBody,
    Bundle,
    BundleKind,
    VerifiedBundle,
    encode_batch_body,
    parse_bundle,
    sign_bundle,
    verify_bundle,
)
from sync_protocol.certificate import Certificate, parse_certificate, serial_text
from sync_protocol.columns import pack_doses
from sync_protocol.crl import Listed
from sync_protocol.days import day_start, to_datetime
from sync_protocol.dose import Dose
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.identity import EvidenceSource, IdentityEvidence, IdentityState
from sync_protocol.manifest import Checkpoint, Manifest, Purpose
from sync_protocol.signers.key_signer import KeySigner
from tests.builders import ec_key
from tests.central.scenario import DAY, SECRET, recipient

TICK: Final = 600
LOWER, CLAIMED, ARRIVAL = 10, 14, 18
# Before the window, on its lower bound, inside (before and after the claim), on its upper bound, after it.
MOMENTS: Final = (6, LOWER, 12, 16, ARRIVAL, 22)
LONG_BEFORE, LONG_AFTER = 0, 40

ADMITTED, DOUBT, REFUSED = "admitted", "doubt", "refused"


def at(tick: int) -> int:
    return day_start(DAY) + tick * TICK


@dataclass(frozen=True)
class Life:
    """When a certificate's leave to sign begins and ends (ticks; the end is the first instant without)."""

    start: int = LONG_BEFORE
    end: int = LONG_AFTER
    revoked: int | None = None


@dataclass(frozen=True)
class Row:
    """One case; `checkpoint` says whether the statement names a head of the ledger."""

    signer: Life = field(default_factory=Life)
    authority: Life = field(default_factory=Life)
    registered: Life = field(default_factory=Life)
    checkpoint: bool = True


# --- The oracle -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Rule:
    code: Code
    start: int = -1_000
    end: int = 1_000

    def judge(self, row: Row) -> str:
        # Without a head the signing may lie at any time before the arrival; for a beginning the claim is believed.
        first = CLAIMED if self.start != -1_000 else LOWER if row.checkpoint else -900
        allowed = {self.start <= instant < self.end for instant in range(first, ARRIVAL)}
        if len(allowed) > 1:
            return DOUBT
        return ADMITTED if True in allowed else REFUSED


def rules(row: Row) -> Iterator[Rule]:
    for life in (row.signer, row.authority):
        yield Rule(Code.CERTIFICATE_NOT_YET_VALID, start=life.start)
        yield Rule(Code.CERTIFICATE_EXPIRED, end=life.end)
    for life in (row.signer, row.authority):
        if life.revoked is not None:
            yield Rule(Code.CERTIFICATE_REVOKED, end=life.revoked)
    yield Rule(Code.CERTIFICATE_UNREGISTERED, start=row.registered.start)
    yield Rule(Code.CERTIFICATE_UNREGISTERED, end=row.registered.end)


def expected(row: Row) -> tuple[str, Code | None]:
    if row.authority.start > ARRIVAL:
        # An authority that begins after the arrival could not have issued: there is no path at any instant.
        return REFUSED, Code.CERTIFICATE_UNTRUSTED
    judged = [(rule.judge(row), rule.code) for rule in rules(row)]
    refused = [code for outcome, code in judged if outcome == REFUSED]
    doubts = [code for outcome, code in judged if outcome == DOUBT]
    if refused:
        return REFUSED, refused[0]
    return (DOUBT, doubts[-1]) if doubts else (ADMITTED, None)


# --- The admission, over real certificates and real signatures ------------------------------------


def certificate(name: str, issuer: str, life: Life, *, is_authority: bool = False) -> Certificate:
    def named(text: str) -> x509.Name:
        return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])

    builder = (
        x509.CertificateBuilder()
        .subject_name(named(name))
        .issuer_name(named(issuer))
        .public_key(ec_key(name).public_key())
        .serial_number(7)
        .not_valid_before(to_datetime(at(life.start)))
        # The last second is the one before the end.
        .not_valid_after(to_datetime(at(life.end) - 1))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
    )
    signed = builder.sign(ec_key(issuer), hashes.SHA256(), ecdsa_deterministic=True)
    return parse_certificate(signed.public_bytes(serialization.Encoding.DER))


@cache
def signer_of(start: int, end: int) -> Certificate:
    return certificate("signer", "authority", Life(start, end))


@cache
def authority_of(start: int, end: int) -> Certificate:
    return certificate("authority", "root", Life(start, end), is_authority=True)


ROOT: Final = certificate("root", "root", Life(), is_authority=True)
HEAD: Final = Checkpoint(epoch=1, size=1, root=bytes(32), at=at(LOWER))


@cache
def bundle_of(start: int, end: int, *, checkpoint: bool) -> VerifiedBundle:
    doses = [_dose()]
    manifest = Manifest(
        facility="19001",
        node="19001A",
        batch_number=1,
        purpose=Purpose.SAME_DAY,
        first_day=DAY,
        last_day=DAY,
        people=count_people(doses),
        doses=len(doses),
        catalogue_version=1,
        checkpoint=HEAD if checkpoint else None,
        previous=None,
        approver="",
        claimed_at=at(CLAIMED),
        signer_name="Nguyễn Thị Hà",
    )
    signer = KeySigner(ec_key("signer"), certificate=signer_of(start, end))
    statement = sign_batch(prepare_batch(manifest, doses, SECRET), signer)
    bundle = Bundle(
        node="19001A",
        epoch=1,
        sequence=1,
        previous=bytes(32),
        kind=BundleKind.BATCH,
        known_head=None,
        created_at=at(CLAIMED),
        body=encode_batch_body(BatchBody(statement, SECRET, pack_doses(doses))),
    )
    node_key = KeySigner(ec_key("node"))
    return verify_bundle(parse_bundle(sign_bundle(bundle, node_key)), node_key.public_key)


def _dose() -> Dose:
    return Dose(
        node="19001A",
        sequence=1,
        facility="19001",
        recipient=recipient(1),
        product="AZ",
        lot="FG12345",
        lot_expiry="2022-12-31",
        dose_number=1,
        dose_total=2,
        given_at=at(8),
        recorded_at=at(8),
        vaccinator="Trần Văn Bình",
        station="B1",
        reaction="",
        recorded_by="ha.nt",
        late_reason="",
        evidence=IdentityEvidence(IdentityState.MATCHED, EvidenceSource.PACK, "pack-1", at(7)),
        replaces=None,
        replace_reason="",
    )


def admitted(row: Row, *, by_list: bool = True) -> tuple[str, Code | None]:
    """What the admission says; revocations come from the authorities' lists, or from an operator's note."""
    signer = signer_of(row.signer.start, row.signer.end)
    authority = authority_of(row.authority.start, row.authority.end)
    revoked = {
        item: at(life.revoked)
        for item, life in ((signer, row.signer), (authority, row.authority))
        if life.revoked is not None
    }
    listed = {item: Listed(instant, "keyCompromise") for item, instant in revoked.items()} if by_list else {}
    noted = {} if by_list else {item.thumbprint: instant for item, instant in revoked.items()}
    registration = Registration("", at(row.registered.start), at(row.registered.end))
    around = Surroundings(
        facility="19001",
        trust=Trust(
            anchors=[ROOT],
            intermediates=[authority],
            seen={},
            revocations=Revocations(noted, listed.get),
            registered={serial_text(signer.serial): registration},
        ),
        head_time=lambda claimed: claimed.at if claimed == HEAD else None,
        last_claimed_at=None,
        arrived_at=at(ARRIVAL),
        hub=HubGround([], lambda node: None, lambda node, sequences: {}),
    )
    try:
        batch = admission.check_batch(bundle_of(row.signer.start, row.signer.end, checkpoint=row.checkpoint), around)
    except ProtocolError as error:
        return REFUSED, error.code
    return (ADMITTED if batch.doubt is None else DOUBT), batch.doubt


# --- The rows -------------------------------------------------------------------------------------

_LIVES: Final = [
    Life(start, end, revoked)
    for start in (LONG_BEFORE, *MOMENTS)
    for end in (*MOMENTS, LONG_AFTER)
    for revoked in (None, *MOMENTS)
    if start < end
]


def all_rows() -> Iterator[Row]:
    """Every life of the signer, every life of its authority, every registration with every revocation."""
    for checkpoint in (True, False):
        for life in _LIVES:
            yield Row(signer=life, checkpoint=checkpoint)
            yield Row(authority=life, checkpoint=checkpoint)
            if life.revoked is None:
                for revoked in (None, *MOMENTS):
                    yield Row(Life(revoked=revoked), registered=life, checkpoint=checkpoint)
        # The claim decides of a beginning, to the second.
        yield Row(Life(start=CLAIMED), checkpoint=checkpoint)
        yield Row(registered=Life(start=CLAIMED), checkpoint=checkpoint)


def wrong_rows() -> Iterator[Row]:
    return (row for row in all_rows() if admitted(row) != expected(row))


def test_every_row_of_the_table_has_the_outcome_that_its_instants_give() -> None:
    rows = list(all_rows())
    assert len(rows) > 800
    assert {expected(row)[0] for row in rows} == {ADMITTED, DOUBT, REFUSED}
    assert list(wrong_rows()) == []


def test_a_note_of_an_operator_weighs_like_an_authoritys_list() -> None:
    for life, checkpoint in product([Life(revoked=moment) for moment in MOMENTS], (True, False)):
        for row in (Row(signer=life, checkpoint=checkpoint), Row(authority=life, checkpoint=checkpoint)):
            assert admitted(row, by_list=False) == expected(row)


@pytest.mark.parametrize("checkpoint", [True, False])
def test_a_signer_and_an_authority_that_both_end_are_both_weighed(checkpoint: bool) -> None:
    for signer, authority in product((None, *MOMENTS), repeat=2):
        row = Row(Life(revoked=signer), Life(revoked=authority), checkpoint=checkpoint)
        assert admitted(row) == expected(row)
    for signer, authority in product((*MOMENTS, LONG_AFTER), repeat=2):
        row = Row(Life(end=signer), Life(end=authority), checkpoint=checkpoint)
        assert admitted(row) == expected(row)


# The same in words, so that somebody can read what is promised.
SPELLED: Final = {
    "nothing ends": (Row(), ADMITTED, None),
    "revoked before the lower bound": (Row(Life(revoked=6)), REFUSED, Code.CERTIFICATE_REVOKED),
    "revoked on the lower bound": (Row(Life(revoked=LOWER)), REFUSED, Code.CERTIFICATE_REVOKED),
    "revoked inside": (Row(Life(revoked=12)), DOUBT, Code.CERTIFICATE_REVOKED),
    "revoked on the arrival": (Row(Life(revoked=ARRIVAL)), ADMITTED, None),
    "revoked after the arrival": (Row(Life(revoked=22)), ADMITTED, None),
    "revoked before, no head": (Row(Life(revoked=6), checkpoint=False), DOUBT, Code.CERTIFICATE_REVOKED),
    "revoked on the arrival, no head": (Row(Life(revoked=ARRIVAL), checkpoint=False), ADMITTED, None),
    "authority revoked before": (Row(authority=Life(revoked=6)), REFUSED, Code.CERTIFICATE_REVOKED),
    "authority revoked inside": (Row(authority=Life(revoked=16)), DOUBT, Code.CERTIFICATE_REVOKED),
    "authority revoked after": (Row(authority=Life(revoked=22)), ADMITTED, None),
    "expired before": (Row(Life(end=6)), REFUSED, Code.CERTIFICATE_EXPIRED),
    "expired on the lower bound": (Row(Life(end=LOWER)), REFUSED, Code.CERTIFICATE_EXPIRED),
    "expires inside": (Row(Life(end=12)), DOUBT, Code.CERTIFICATE_EXPIRED),
    "expires on the arrival": (Row(Life(end=ARRIVAL)), ADMITTED, None),
    "expired before, no head": (Row(Life(end=6), checkpoint=False), DOUBT, Code.CERTIFICATE_EXPIRED),
    "authority expired before": (Row(authority=Life(end=6)), REFUSED, Code.CERTIFICATE_EXPIRED),
    "authority expires inside": (Row(authority=Life(end=12)), DOUBT, Code.CERTIFICATE_EXPIRED),
    "begins on the lower bound": (Row(Life(start=LOWER)), ADMITTED, None),
    "begins inside, before the claim": (Row(Life(start=12)), ADMITTED, None),
    "begins with the claim": (Row(Life(start=CLAIMED)), ADMITTED, None),
    "begins inside, after the claim": (Row(Life(start=16)), DOUBT, Code.CERTIFICATE_NOT_YET_VALID),
    "begins on the arrival": (Row(Life(start=ARRIVAL)), REFUSED, Code.CERTIFICATE_NOT_YET_VALID),
    "begins after": (Row(Life(start=22)), REFUSED, Code.CERTIFICATE_NOT_YET_VALID),
    "begins before the claim, no head": (Row(Life(start=12), checkpoint=False), ADMITTED, None),
    "begins after the claim, no head": (Row(Life(start=16), checkpoint=False), DOUBT, Code.CERTIFICATE_NOT_YET_VALID),
    "begins inside and ends inside": (Row(Life(12, 16)), DOUBT, Code.CERTIFICATE_EXPIRED),
    "revoked after its end": (Row(Life(end=12, revoked=22)), DOUBT, Code.CERTIFICATE_EXPIRED),
    "revoked before and ends inside": (Row(Life(end=12, revoked=6)), REFUSED, Code.CERTIFICATE_REVOKED),
    "registered from inside, before the claim": (Row(registered=Life(start=12)), ADMITTED, None),
    "registered from inside, after the claim": (Row(registered=Life(start=16)), DOUBT, Code.CERTIFICATE_UNREGISTERED),
    "registered from after": (Row(registered=Life(start=22)), REFUSED, Code.CERTIFICATE_UNREGISTERED),
    "registered until inside": (Row(registered=Life(end=12)), DOUBT, Code.CERTIFICATE_UNREGISTERED),
    "registered until before": (Row(registered=Life(end=6)), REFUSED, Code.CERTIFICATE_UNREGISTERED),
    "registered until the arrival": (Row(registered=Life(end=ARRIVAL)), ADMITTED, None),
}


@pytest.mark.parametrize("name", SPELLED)
def test_a_row_in_words(name: str) -> None:
    row, outcome, code = SPELLED[name]
    assert expected(row) == (outcome, code)
    assert admitted(row) == (outcome, code)


def test_a_hold_never_refuses() -> None:
    # A refusal is for ever and a hold is not, so whatever was signed under one waits.
    for moment, (outcome, _) in ((moment, expected(Row(Life(revoked=moment)))) for moment in MOMENTS):
        hold = Listed(at(moment), "certificateHold")
        found = list(_revocation_objections(hold))
        assert not any(objection for objection in found)
        assert bool(found) == (outcome != ADMITTED)


def _revocation_objections(listed: Listed) -> list[bool]:
    signer = signer_of(LONG_BEFORE, LONG_AFTER)
    known = Revocations({}, lambda item: listed if item == signer else None)
    window = SigningWindow(at(LOWER), at(ARRIVAL))
    return [objection.is_final for objection in objections_by_revocation([signer, ROOT], known, window=window)]


# --- Planted: each comparison made wrong turns the table red --------------------------------------


def _flipped(right: Against) -> Against:
    return {Against.BEFORE: Against.AFTER, Against.AFTER: Against.BEFORE}.get(right, right)


def _ends(window: SigningWindow, end: int) -> Against:
    if window.not_after <= end:
        return Against.BEFORE
    return Against.AFTER if window.not_before >= end else Against.AROUND


PLANTED_ENDS: Final = {
    "arrival on the end is not before it": lambda window, end: (
        Against.AROUND if window.not_after == end else _ends(window, end)
    ),
    "a head on the end is not after it": lambda window, end: (
        Against.AROUND if window.not_before == end else _ends(window, end)
    ),
    "a window around is before": lambda window, end: (
        Against.BEFORE if _ends(window, end) is Against.AROUND else _ends(window, end)
    ),
    "a window around is after": lambda window, end: (
        Against.AFTER if _ends(window, end) is Against.AROUND else _ends(window, end)
    ),
    "the bounds are swapped": lambda window, end: _ends(SigningWindow(window.not_after, window.not_before), end),
    "before and after are swapped": lambda window, end: _flipped(_ends(window, end)),
    "one second too many": lambda window, end: _ends(window, end + 1),
    "one second too few": lambda window, end: _ends(window, end - 1),
}


@pytest.mark.parametrize("fault", PLANTED_ENDS)
def test_a_planted_comparison_of_ends_turns_the_table_red(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SigningWindow, "against", PLANTED_ENDS[fault])
    assert next(wrong_rows(), None) is not None


def _begins(window: SigningWindow, start: int, claimed_at: int) -> Against:
    if window.not_after <= start:
        return Against.BEFORE
    return Against.AFTER if max(window.not_before, claimed_at) >= start else Against.AROUND


PLANTED_STARTS: Final = {
    "every beginning is past": lambda window, start, *, claimed_at: Against.AFTER,
    "the claim never counts": lambda window, start, *, claimed_at: _begins(window, start, 0),
    "the claim counts only without a head": lambda window, start, *, claimed_at: _begins(
        window, start, 0 if window.not_before else claimed_at
    ),
    "one second too many": lambda window, start, *, claimed_at: _begins(window, start + 1, claimed_at),
    "one second too few": lambda window, start, *, claimed_at: _begins(window, start - 1, claimed_at),
}


@pytest.mark.parametrize("fault", PLANTED_STARTS)
def test_a_planted_comparison_of_beginnings_turns_the_table_red(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SigningWindow, "against_start", PLANTED_STARTS[fault])
    assert next(wrong_rows(), None) is not None
