"""The second judge of paths agrees with the first one where both can speak, and speaks of lists by itself."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509

from central.domain.admission import Registration
from central.domain.path_judge import PathJudge
from central.workflow import check_trust
from central.workflow.check_centre import check_centre
from central.workflow.register_certificate import register_certificate
from sync_protocol.certificate import Certificate, serial_text, verify_chain
from sync_protocol.days import DAY_SECONDS, to_datetime
from sync_protocol.errors import Code, ProtocolError
from tests.builders import Authority, ec_key, issue_certificate, make_ca, rsa_key
from tests.central.scenario import EVENING, World
from tests.protocol.refusals import refused
from tests.revocation_lists import WEEK, Entry, make_crl

START = datetime(2022, 1, 1, tzinfo=UTC)
NOW = int(datetime(2022, 4, 8, 3, 0, tzinfo=UTC).timestamp())
ROOT = make_ca("Root", START)
MIDDLE = make_ca("Middle", START, parent=ROOT)
STRANGER = make_ca("Stranger", START)
KEY = ec_key("station")
LEAF = issue_certificate(MIDDLE, KEY, subject="Trạm y tế", at=START)
EMPTY = make_crl(ROOT.certificate, ROOT.private_key, {}, at=NOW - 60)


def second(certificate: Certificate, *lists: bytes, at: int = NOW) -> Code | None:
    judge = PathJudge(intermediates=[MIDDLE.certificate], anchors=[ROOT.certificate], lists=lists, at=at)
    return judge.judge([certificate])[0]


def first(certificate: Certificate, *, at: int = NOW) -> Code | None:
    try:
        verify_chain(certificate, intermediates=[MIDDLE.certificate], anchors=[ROOT.certificate], at=to_datetime(at))
    except ProtocolError as error:
        return error.code
    return None


CERTIFICATES = {
    "over an authority": LEAF,
    "under the root": issue_certificate(ROOT, KEY, subject="Trạm", at=START),
    "with an RSA key": issue_certificate(MIDDLE, rsa_key(), subject="Trạm RSA", at=START),
    "without key usage": issue_certificate(MIDDLE, KEY, subject="Trạm", at=START, usage="none"),
    "for encryption alone": issue_certificate(MIDDLE, KEY, subject="Trạm", at=START, usage="encipher"),
    "an authority's": MIDDLE.certificate,
    "a stranger's": issue_certificate(STRANGER, KEY, subject="Trạm", at=START),
    "under a stolen name": issue_certificate(
        Authority(MIDDLE.certificate, ec_key("thief")), KEY, subject="Trạm", at=START
    ),
    "short": issue_certificate(MIDDLE, KEY, subject="Trạm", at=START, days=10),
}


@pytest.mark.parametrize("at", [NOW, NOW - 200 * DAY_SECONDS, NOW + 500 * DAY_SECONDS])
@pytest.mark.parametrize("name", CERTIFICATES)
def test_both_judges_say_the_same_of_a_path(name: str, at: int) -> None:
    # Where there are several reasons, each names its own.
    found = second(CERTIFICATES[name], at=at), first(CERTIFICATES[name], at=at)
    assert found[0] == found[1] or None not in found
    assert at != NOW or found[0] == found[1]


def test_an_authority_that_is_none_is_seen_by_both() -> None:
    not_an_authority = issue_certificate(ROOT, ec_key("x"), subject="Middle", at=START)
    forged = issue_certificate(Authority(not_an_authority, ec_key("x")), KEY, subject="Trạm", at=START)
    judge = PathJudge(intermediates=[not_an_authority], anchors=[ROOT.certificate], lists=[], at=NOW)
    assert judge.judge([forged]) == [Code.CERTIFICATE_UNTRUSTED]
    with refused(Code.CERTIFICATE_UNTRUSTED):
        verify_chain(forged, intermediates=[not_an_authority], anchors=[ROOT.certificate], at=to_datetime(NOW))


def listing(authority: Authority, serial: int, **changes: object) -> bytes:
    entry = changes.pop("entry", NOW - 99)
    settings = {"at": NOW - 60, **changes}
    return make_crl(authority.certificate, authority.private_key, {serial: entry}, **settings)  # type: ignore[dict-item,arg-type]


@pytest.mark.parametrize(
    ("lists", "code"),
    [
        ([], None),
        ([EMPTY], None),
        ([EMPTY, listing(MIDDLE, LEAF.serial)], Code.CERTIFICATE_REVOKED),
        # The list above is not held: what is said of the signer counts all the same.
        ([listing(MIDDLE, LEAF.serial)], Code.CERTIFICATE_REVOKED),
        ([listing(MIDDLE, LEAF.serial + 1)], None),
        ([listing(ROOT, MIDDLE.certificate.serial)], Code.CERTIFICATE_REVOKED),
        ([listing(MIDDLE, LEAF.serial, entry=NOW + 60)], None),
        (
            [listing(MIDDLE, LEAF.serial, entry=Entry(NOW - 99, x509.ReasonFlags.certificate_hold))],
            Code.CERTIFICATE_REVOKED,
        ),
        # Lists that are not in force say nothing, and neither does somebody else's.
        ([listing(MIDDLE, LEAF.serial, at=NOW - 2 * WEEK)], None),
        ([listing(MIDDLE, LEAF.serial, at=NOW + 60)], None),
        ([listing(STRANGER, LEAF.serial)], None),
    ],
)
def test_lists_count_for_certificates_that_name_no_address_of_one(lists: Sequence[bytes], code: Code | None) -> None:
    assert second(LEAF, *lists) is code


def test_many_are_judged_in_their_order() -> None:
    judge = PathJudge(intermediates=[MIDDLE.certificate], anchors=[ROOT.certificate], lists=[EMPTY], at=NOW)
    assert judge.judge([CERTIFICATES["a stranger's"], LEAF, CERTIFICATES["short"]]) == [
        Code.CERTIFICATE_UNTRUSTED,
        None,
        Code.CERTIFICATE_EXPIRED,
    ]


def test_check_names_a_certificate_on_which_the_judges_differ(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    site = world.site()
    assert site.certificate is not None
    centre = world.centre
    register_certificate(
        site.facility,
        serial_text(site.certificate.serial),
        registration=Registration("", 0, None),
        certificate=site.certificate,
        engine=centre.engine,
        keys=centre.keys,
        now=EVENING,
    )
    assert check_centre(centre.engine).findings == ()
    # Planted: the first judge lets everybody pass.
    monkeypatch.setattr(check_trust, "verify_chain", lambda *_, **__: ())
    monkeypatch.setattr(PathJudge, "judge", lambda _, asked: [Code.CERTIFICATE_UNTRUSTED for _ in asked])
    findings = check_centre(centre.engine).findings
    assert {finding.invariant for finding in findings} == {"I13"}
    assert serial_text(site.certificate.serial) in findings[0].place


def test_the_day_of_a_path_is_told_apart_from_its_neighbours() -> None:
    end = int((START + timedelta(days=10)).timestamp())
    for at in (end - 1, end, end + 1, end + 2):
        assert second(CERTIFICATES["short"], at=at) == first(CERTIFICATES["short"], at=at)
