"""`hcvx-edge token`: no passphrase, words for the technician, data with stable names, exit codes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from click.testing import CliRunner, Result

from edge.cli import main
from edge.domain.token_checks import CheckCode, Severity
from edge.domain.token_report import TokenFlag
from sync_protocol.certificate import Certificate
from sync_protocol.signers.token_errors import TokenCode
from tests.builders import ec_key, issue_certificate, make_ca, rsa_key
from tests.edge.clinic import NOW
from tests.edge.station import TickingClock
from tests.softhsm import PIN, SoftHsm, SoftHsmToken, softhsm_in

START: Final = datetime.fromtimestamp(NOW, UTC) - timedelta(days=100)
CA: Final = make_ca("CA công cộng", START)
LABEL: Final = "TRAM 19001"
CODES: Final = {code.value for code in (*CheckCode, *TokenCode)}


@pytest.fixture
def hsm(tmp_path: Path) -> Iterator[SoftHsm]:
    with softhsm_in(tmp_path / "hsm") as made:
        yield made


def certificate(days: float = 365, *, rsa: bool = False) -> Certificate:
    return issue_certificate(CA, rsa_key() if rsa else ec_key("token"), subject="Trạm Y tế", at=START, days=days)


def good_token(hsm: SoftHsm, *, rsa: bool = False) -> SoftHsmToken:
    key = rsa_key() if rsa else ec_key("token")
    return hsm.add_token(LABEL, key=key, certificate=certificate(rsa=rsa))


def invoke(directory: Path, *words: str, typed: str = "", **variables: str) -> Result:
    """Run the verb at a fixed time in a folder that holds no node, and so without a passphrase."""
    environment = {"HCVX_PKCS11_MODULE": None, "HCVX_EDGE_PASSPHRASE": None, **variables}
    arguments = ["--directory", str(directory), "token", *words]
    return CliRunner().invoke(main, arguments, obj=TickingClock(NOW), env=environment, input=typed)


def data(directory: Path, *words: str, exit_code: int = 0, typed: str = "", **variables: str) -> dict[str, Any]:
    done = invoke(directory, *words, "--json", typed=typed, **variables)
    assert done.exit_code == exit_code, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    assert found["ok"] is (exit_code == 0)
    assert found["code"] in CODES
    assert PIN not in done.output
    return found


@pytest.mark.parametrize("rsa", [True, False])
def test_a_token_that_is_set_is_usable_and_told_in_full(tmp_path: Path, hsm: SoftHsm, rsa: bool) -> None:
    token = good_token(hsm, rsa=rsa)
    found = data(tmp_path, HCVX_EDGE_SIGNER=token.uri)
    assert found["code"] == "token-usable"
    assert [check["code"] for check in found["checks"]] == ["token-usable"]
    assert set(found) == {"ok", "code", "program_bits", "checks", "lines", "looked_for", "modules"}
    module = found["modules"][0]
    assert (module["path"], module["vendor"], module["origin"]) == (hsm.module_path, "SoftHSM", "setting")
    assert (module["bits"], module["fault"]) == (found["program_bits"], None)
    shown = module["tokens"][0]
    assert (shown["label"], shown["manufacturer"]) == (LABEL, "SoftHSM project")
    assert set(shown["flags"]) <= {flag.value for flag in TokenFlag}
    assert "ECDSA" in shown["mechanisms"]
    one = shown["certificates"][0]
    assert token.certificate is not None
    assert one == {
        "serial": f"{token.certificate.serial:X}",
        "subject": "CN=Trạm Y tế,C=VN",
        "issuer": "CN=CA công cộng,C=VN",
        "not_before": START.isoformat(),
        "not_after": (START + timedelta(days=365)).isoformat(),
        "days_left": 265,
        "key_type": "RSA" if rsa else "EC",
        "key_bits": 2048 if rsa else 256,
        "key_usage": ["digitalSignature"],
        "authority": False,
        "may_sign": True,
        "algorithm": "RS256" if rsa else "ES256",
        "mechanism": "RSA_PKCS" if rsa else "ECDSA",
        "chosen": True,
        "configured": True,
        "lines": one["lines"],
        "checks": [],
    }


def test_what_is_wrong_ends_with_1_and_its_code(tmp_path: Path, hsm: SoftHsm) -> None:
    nothing = data(tmp_path, "--module", hsm.module_path, exit_code=1)
    assert nothing["code"] == "token-missing"
    expired = hsm.add_token("HET HAN", key=ec_key("token"), certificate=certificate(99))
    found = data(tmp_path, exit_code=1, HCVX_EDGE_SIGNER=expired.uri)
    assert found["code"] == "token-certificate-expired"
    assert found["checks"][0]["severity"] == Severity.PROBLEM
    assert found["checks"][0]["cure"].startswith("Gia hạn")
    assert found["modules"][0]["tokens"][0]["certificates"][0]["days_left"] < 0
    hsm.add_token("HET HAN", key=ec_key("token"), certificate=certificate())
    two = data(tmp_path, exit_code=1, HCVX_EDGE_SIGNER=f"pkcs11:token=HET%20HAN?module-path={hsm.module_path}")
    assert two["code"] == "token-ambiguous"
    assert len(two["modules"][0]["tokens"]) == 2


def test_a_token_that_is_not_set_gives_lines_that_make_it_usable(tmp_path: Path, hsm: SoftHsm) -> None:
    good_token(hsm)
    lines = data(tmp_path, exit_code=1, HCVX_PKCS11_MODULE=hsm.module_path)["lines"]
    (tmp_path / "node.toml").write_text("\n".join(lines))
    found = data(tmp_path)
    assert found["code"] == "token-usable"
    assert found["modules"][0]["tokens"][0]["certificates"][0]["configured"]


def test_a_file_is_examined_whatever_is_set(tmp_path: Path, hsm: SoftHsm) -> None:
    good_token(hsm)
    found = data(tmp_path, "--module", hsm.module_path, HCVX_EDGE_SIGNER="pkcs11:nonsense")
    assert found["modules"][0]["vendor"] == "SoftHSM"
    assert found["modules"][0]["origin"] == "asked"
    assert not found["modules"][0]["tokens"][0]["certificates"][0]["configured"]
    text = tmp_path / "không phải.so"
    text.write_text("x")
    assert data(tmp_path, "--module", str(text), exit_code=1)["code"] == "token-module-invalid"
    assert data(tmp_path, "--module", str(tmp_path / "none.so"), exit_code=1)["code"] == "token-module-missing"
    old = tmp_path / "old.so"
    old.write_bytes(b"\x7fELF\x01" + bytes(60))
    assert data(tmp_path, "--module", str(old), exit_code=1)["code"] == "token-module-bits"


def test_a_setting_that_cannot_be_read_is_told_and_repeats_nothing(tmp_path: Path, hsm: SoftHsm) -> None:
    good_token(hsm)
    done = invoke(tmp_path, "--json", HCVX_EDGE_SIGNER="pkcs11:token=a;pin-value=83612954")
    assert done.exit_code == 1
    assert json.loads(done.stdout)["code"] == "token-uri-invalid"
    assert PIN not in done.output
    assert invoke(tmp_path, HCVX_EDGE_NONSENSE="1").exit_code == 2
    assert invoke(tmp_path, "--nonsense").exit_code == 2


@pytest.mark.parametrize("rsa", [True, False])
def test_a_trial_signature_takes_the_pin_from_the_pipe(tmp_path: Path, hsm: SoftHsm, rsa: bool) -> None:
    token = good_token(hsm, rsa=rsa)
    found = data(tmp_path, "--sign", "--pin-stdin", typed=f"{PIN}\n", HCVX_EDGE_SIGNER=token.uri)
    assert found["trial"]["algorithm"] == ("RS256" if rsa else "ES256")
    assert found["trial"]["operations"] == 1


def test_a_wrong_pin_ends_the_trial_and_a_bad_token_is_never_asked_for_one(tmp_path: Path, hsm: SoftHsm) -> None:
    token = good_token(hsm)
    done = invoke(tmp_path, "--sign", "--json", "--pin-stdin", typed="99999999\n", HCVX_EDGE_SIGNER=token.uri)
    assert done.exit_code == 1
    assert json.loads(done.stdout)["code"].startswith("token-pin-")
    assert "99999999" not in done.output
    # Without the store nobody knows of earlier tries, and that is said before the PIN is asked for.
    assert "không mở kho dữ liệu" in done.stderr
    unset = invoke(tmp_path, "--sign", HCVX_EDGE_SIGNER="pkcs11:token=KHAC")
    assert unset.exit_code == 1
    assert "Mã PIN của token" not in unset.output


def test_the_words_name_token_certificate_and_cure(tmp_path: Path, hsm: SoftHsm) -> None:
    token = hsm.add_token("[đỏ] TRAM", key=ec_key("token"), certificate=certificate(130))
    done = invoke(tmp_path, HCVX_EDGE_SIGNER=token.uri)
    assert done.exit_code == 0
    assert done.stdout == ""
    said = " ".join(done.stderr.split())
    assert "! Chứng thư số sắp hết hạn" in said
    assert "còn 30 ngày" in said
    assert "✓ Token dùng được ([đỏ] TRAM)." in said
    assert "← dùng để ký" in said
