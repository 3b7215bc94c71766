"""The verbs about trust, from an empty list of authorities to a revoked certificate, as an operator types them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.serialization import Encoding

from central.bootstrap import open_centre
from central.cli import main
from central.store.database import read_transaction
from central.store.published_sets import PublishedKind, newest_set
from central.workflow.import_crl import import_crl
from sync_protocol.certificate import Certificate
from sync_protocol.errors import Code
from sync_protocol.trust import trust_from_file
from tests.builders import Authority, ec_key, issue_certificate, make_ca
from tests.central.scenario import EVENING, MORNING, SetClock
from tests.revocation_lists import WEEK, make_crl

SECRETS: Final = {"HCVX_CENTRAL_PASSWORD": "mật khẩu", "HCVX_CENTRAL_SIGNER_PIN": "123456"}
START = datetime(2022, 1, 1, tzinfo=UTC)
ROOT = make_ca("Government Root", START)
BELOW = make_ca("Government CA", START, parent=ROOT)
ORGANISATION = issue_certificate(BELOW, ec_key("organisation"), subject="Trạm y tế", at=START, days=900)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A centre that `init` made, with one facility."""
    directory = tmp_path / "centre"
    run(directory, "init")
    run(directory, "enrol", "19001", "19001A", "--name", "Trạm", "--out", str(tmp_path / "a.enrolment"))
    return directory


def run_in(directory: Path, *words: str, at: int = EVENING, environment: Mapping[str, str] = SECRETS) -> Result:
    runner = CliRunner(env={**environment})
    return runner.invoke(main, ["--directory", str(directory), *words], obj=SetClock(at), catch_exceptions=False)


def run(directory: Path, *words: str, at: int = EVENING) -> dict[str, Any]:
    done = run_in(directory, *words, "--json", at=at)
    assert done.exit_code == 0, done.stderr
    return dict(json.loads(done.stdout))


def file_of(directory: Path, name: str, *certificates: Certificate, form: Encoding = Encoding.PEM) -> str:
    path = directory / name
    path.write_bytes(b"".join(item.x509.public_bytes(form) for item in certificates))
    return str(path)


def list_file(directory: Path, authority: Authority, *revoked: Certificate, at: int = EVENING - 60) -> str:
    path = directory / f"{at}.crl"
    entries = {item.serial: MORNING for item in revoked}
    path.write_bytes(make_crl(authority.certificate, authority.private_key, entries, at=at))
    return str(path)


def trust_root(place: Path) -> None:
    run(place, "trust-anchor", "add", file_of(place, "root.pem", ROOT.certificate), "--scope", "government")
    run(place, "trust-anchor", "add", file_of(place, "ca.der", BELOW.certificate, form=Encoding.DER), "--intermediate")


def test_a_root_and_what_is_below_it_are_added_listed_and_retired(place: Path) -> None:
    trust_root(place)
    listed = run(place, "trust-anchor", "list")["authorities"]
    assert {(one["role"], one["scope"], one["removed_at"]) for one in listed} == {
        ("anchor", "", None),
        ("anchor", "government", None),
        ("intermediate", "", None),
    }
    thumbprint = ROOT.certificate.thumbprint.hex()
    spoken = ":".join(thumbprint[place : place + 2] for place in range(0, 16, 2)).upper()
    assert run(place, "trust-anchor", "retire", spoken)["thumbprint"] == thumbprint
    after = {one["thumbprint"]: one["removed_at"] for one in run(place, "trust-anchor", "list")["authorities"]}
    assert after[thumbprint] == EVENING
    # Nothing leads to a root that is not trusted any more, until it is added again.
    refused = run_in(place, "trust-anchor", "add", str(place / "ca.der"), "--intermediate", "--json")
    assert (refused.exit_code, json.loads(refused.stdout)["code"]) == (1, Code.CERTIFICATE_UNTRUSTED.value)
    run(place, "trust-anchor", "add", str(place / "root.pem"), "--scope", "public")
    again = {one["thumbprint"]: one for one in run(place, "trust-anchor", "list")["authorities"]}
    assert (again[thumbprint]["removed_at"], again[thumbprint]["scope"]) == (None, "public")


@pytest.mark.parametrize("words", [["retire", "00"], ["retire", ""], ["retire", "zz"]])
def test_a_thumbprint_that_names_nobody_retires_nobody(place: Path, words: list[str]) -> None:
    refused = run_in(place, "trust-anchor", *words, "--json")
    assert (refused.exit_code, json.loads(refused.stdout)["code"]) == (1, Code.CERTIFICATE_UNTRUSTED.value)


def test_what_is_no_authority_is_not_trusted(place: Path) -> None:
    files = {
        "organisation.pem": (ORGANISATION, Code.KEY_USAGE),
        "stranger.pem": (make_ca("Stranger", START).certificate, Code.CERTIFICATE_UNTRUSTED),
    }
    for name, (certificate, code) in files.items():
        path = file_of(place, name, certificate)
        refused = run_in(place, "trust-anchor", "add", path, "--intermediate", "--json")
        assert (refused.exit_code, json.loads(refused.stdout)["code"]) == (1, code.value)
    as_root = run_in(place, "trust-anchor", "add", str(place / "organisation.pem"), "--scope", "public", "--json")
    assert json.loads(as_root.stdout)["code"] == Code.KEY_USAGE.value
    assert run_in(place, "trust-anchor", "add", str(place / "stranger.pem")).exit_code == 2


def test_a_certificate_is_registered_only_where_both_judges_find_its_way_to_a_root(place: Path) -> None:
    path = file_of(place, "organisation.pem", ORGANISATION)
    words = ("register-certificate", "19001", "--certificate", path)
    refused = run_in(place, *words, "--json")
    assert json.loads(refused.stdout)["code"] == Code.CERTIFICATE_UNTRUSTED.value
    trust_root(place)
    run(place, *words)
    run(place, "import-crl", list_file(place, BELOW, ORGANISATION))
    refused = run_in(place, *words, "--json")
    assert json.loads(refused.stdout)["code"] == Code.CERTIFICATE_REVOKED.value


def test_a_list_from_a_stick_shows_in_the_status_with_its_age(place: Path) -> None:
    trust_root(place)
    path = list_file(place, BELOW, ORGANISATION)
    imported = run(place, "import-crl", path)
    assert (imported["is_new"], imported["entries"], imported["number"]) == (True, 1, 1)
    assert run(place, "import-crl", path)["is_new"] is False
    status = {one["thumbprint"]: one for one in run(place, "trust-status")["authorities"]}
    below, root = status[BELOW.certificate.thumbprint.hex()], status[ROOT.certificate.thumbprint.hex()]
    (held,) = below["crls"]
    assert (held["age_seconds"], held["next_update"], held["entries"]) == (60, EVENING - 60 + WEEK, 1)
    assert (below["warnings"], root["warnings"]) == ([], ["crl-missing"])
    older = run_in(place, "import-crl", list_file(place, BELOW, at=EVENING - 90), "--json")
    assert (older.exit_code, json.loads(older.stdout)["code"]) == (1, Code.CRL_OLDER.value)


def test_fetching_says_when_no_certificate_names_an_address(place: Path) -> None:
    done = run_in(place, "fetch-crls", "--json")
    assert (done.exit_code, json.loads(done.stdout)["addresses"]) == (0, [])


def test_the_list_for_verifiers_holds_registered_certificates_and_what_was_revoked(place: Path, tmp_path: Path) -> None:
    trust_root(place)
    run(place, "register-certificate", "19001", "--certificate", file_of(place, "o.pem", ORGANISATION))
    run(place, "import-crl", list_file(place, BELOW, ORGANISATION))

    def exported(*words: str) -> Any:
        out = tmp_path / f"trust{len(list(tmp_path.iterdir()))}.cose"
        run(place, "export-trust", "--form", "signed", "--out", str(out), *words)
        return trust_from_file(out.read_bytes(), at=EVENING)

    whole = exported()
    assert set(whole.organisation_certificates.values()) == {ORGANISATION, BELOW.certificate}
    assert whole.is_revoked(ORGANISATION.thumbprint, at=MORNING)
    assert not whole.is_revoked(ORGANISATION.thumbprint, at=MORNING - 1)
    assert exported("--facilities", "19").organisation_certificates == whole.organisation_certificates
    assert set(exported("--facilities", "79").organisation_certificates.values()) == {BELOW.certificate}


def test_the_list_for_nodes_stays_small(place: Path) -> None:
    trust_root(place)
    run(place, "register-certificate", "19001", "--certificate", file_of(place, "o.pem", ORGANISATION))
    run(place, "import-crl", list_file(place, BELOW, ORGANISATION))
    run(place, "publish-trust")
    centre = open_centre(place, environment=SECRETS)
    with read_transaction(centre.engine) as connection:
        newest = newest_set(connection, PublishedKind.TRUST_LIST)
    assert newest is not None
    published = trust_from_file(newest.content, at=EVENING)
    assert published.organisation_certificates == {}
    assert not published.is_revoked(ORGANISATION.thumbprint, at=EVENING)
    assert ROOT.certificate in published.organisation_anchors
    centre.engine.dispose()


def test_a_revocation_by_hand_is_told_at_once(place: Path) -> None:
    trust_root(place)
    path = file_of(place, "o.pem", ORGANISATION)
    run(place, "register-certificate", "19001", "--certificate", path)
    told = run(place, "revoke-certificate", "--certificate", path, "--from", "2022-04-10", "--reason", "Mất token")
    assert (told["questioned"], told["nodes_told"]) == ([], 1)
    status = run(place, "trust-status")
    assert status["questioned"] == []


def test_what_a_list_changed_is_told_by_the_next_fetch_where_the_last_one_was_cut_off(place: Path) -> None:
    trust_root(place)
    run(place, "register-certificate", "19001", "--certificate", file_of(place, "o.pem", ORGANISATION))
    path = Path(list_file(place, BELOW, ORGANISATION))
    centre = open_centre(place, clock=SetClock(EVENING), secret=lambda variable, _: SECRETS[variable])
    # The list is kept in a transaction of its own; the power went before anybody was told.
    import_crl(path.read_bytes(), source=path.name, engine=centre.engine, now=EVENING)
    centre.engine.dispose()
    assert [json.loads(run_in(place, "fetch-crls", "--json").stdout)["nodes_told"] for _ in range(2)] == [1, 0]
