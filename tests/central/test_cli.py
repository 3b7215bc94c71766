"""The command line, from an empty directory to exported evidence."""

from __future__ import annotations

import datetime
import json
import stat
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.serialization import Encoding

from central.bootstrap import open_centre
from central.cli import main
from central.config import load_config
from central.store.key_store import KeyRole, KeyStoreError, read_key
from sync_protocol.enrolment_file import enrolled_anchors
from sync_protocol.errors import Code
from sync_protocol.trust import trust_from_file
from tests.builders import make_ca

SECRETS: Final = {
    "HCVX_CENTRAL_PASSWORD": "mật khẩu",
    "HCVX_CENTRAL_SIGNER_PIN": "123456",
    "HCVX_CENTRAL_KEY_FILE_PASSWORD": "654321",
}
Run = Callable[..., Result]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A centre that `init` made."""
    directory = tmp_path_factory.mktemp("cli") / "centre"
    made = run_in(directory, "init", "--json", "--name", "Trung tâm thử")
    assert made.exit_code == 0, made.stderr
    return directory


def run_in(directory: Path, *words: str, environment: Mapping[str, str] = SECRETS) -> Result:
    runner = CliRunner(env={**environment})
    return runner.invoke(main, ["--directory", str(directory), *words], catch_exceptions=False)


def data(result: Result) -> dict[str, Any]:
    assert result.exit_code == 0, result.stderr
    return dict(json.loads(result.stdout))


def test_init_again_changes_nothing(place: Path) -> None:
    before = {path.name: path.read_bytes() for path in (place / "keys").iterdir()}
    again = data(run_in(place, "init", "--json"))
    assert again["made"] is False
    assert {path.name: path.read_bytes() for path in (place / "keys").iterdir()} == before


def test_files_with_keys_and_people_are_the_owners_alone(place: Path) -> None:
    for path in [*(place / "keys").iterdir(), place / "centre.db"]:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_site_is_enrolled_with_a_certificate_of_the_training_authority(place: Path, tmp_path: Path) -> None:
    file, key_file = tmp_path / "a.enrolment", tmp_path / "a.p12"
    enrolled = data(
        run_in(place, "enrol", "19001", "19001A", "--name", "Trạm", "--unit", "05413", "--out", str(file), "--json")
    )
    assert file.stat().st_size > 1_000
    assert len(enrolled["fingerprint"].split()) == 8
    words = ("issue-organisation-certificate", "--organisation", "Trạm", "--officer", "Hà", "--out", str(key_file))
    issued = data(run_in(place, *words, "--json"))
    # A demo that runs again gets the same certificate.
    assert data(run_in(place, *words, "--json")) == {**issued, "made": False}
    registered = data(run_in(place, "register-certificate", "19001", issued["serial"], "--officer", "Hà", "--json"))
    assert registered["serial"] == issued["serial"]


def test_training_certificates_are_refused_on_real_material(place: Path, tmp_path: Path) -> None:
    words = ("issue-organisation-certificate", "--organisation", "T", "--officer", "H", "--out", str(tmp_path / "x"))
    refused = run_in(place, *words, "--json", environment={**SECRETS, "HCVX_CENTRAL_CENTRE_MATERIAL": "real"})
    assert refused.exit_code == 1
    assert json.loads(refused.stdout) == {"ok": False, "code": Code.KEY_INVALID.value}


def test_the_registry_is_imported_and_faulty_lines_are_named(place: Path, tmp_path: Path) -> None:
    file = tmp_path / "registry.csv"
    lines = [
        "SoDinhDanh,HoVaTen,GioiTinh,NgayThangNamSinh,MaXa",
        "019190000001,Đặng Thị Hương,Nữ,1990-01-02,05413",
        "019090000002,Nguyễn Văn Hùng,Nam,1990,05413",
        "19090000003,Người Thiếu Số,Nam,1990,05413",
        "019090000004,Người Sai Ngày,Nam,02/01/1990,05413",
        "",
    ]
    file.write_text("\n".join(lines), encoding="utf-8")
    result = run_in(place, "import-registry", str(file), "--json")
    assert data(result) == {"ok": True, "written": 2, "faulty": 2}
    assert "dòng 4" in result.stderr
    assert "Người" not in result.stderr
    assert data(run_in(place, "status", "--json"))["registry_people"] == 2
    file.write_text("number,name\n", encoding="utf-8")
    assert run_in(place, "import-registry", str(file)).exit_code == 1


def test_evidence_is_exported_and_the_check_is_silent(place: Path, tmp_path: Path) -> None:
    for form in ("gateway", "signed"):
        out = tmp_path / f"trust.{form}"
        data(run_in(place, "export-trust", "--form", form, "--out", str(out), "--json"))
        assert len(trust_from_file(out.read_bytes(), at=None).signers) == 1
    assert data(run_in(place, "export-ledger", "--out", str(tmp_path / "ledger"), "--json"))["bytes"] > 0
    assert data(run_in(place, "check", "--json"))["findings"] == []


def test_sets_are_published_as_the_next_version(place: Path) -> None:
    assert data(run_in(place, "publish-trust", "--json"))["version"] == 2
    from importlib.resources import as_file, files

    with as_file(files("central").joinpath("data/catalogue.toml")) as catalogue:
        assert data(run_in(place, "publish-catalogue", str(catalogue), "--json"))["version"] == 2


def test_wrong_settings_and_wrong_passwords_end_with_their_codes(place: Path, tmp_path: Path) -> None:
    assert run_in(tmp_path, "status").exit_code == 2
    assert run_in(place, "status", environment={"HCVX_CENTRAL_TYPO": "1"}).exit_code == 2
    wrong = run_in(place, "publish-trust", "--json", environment={**SECRETS, "HCVX_CENTRAL_PASSWORD": "khác"})
    assert (wrong.exit_code, json.loads(wrong.stdout)["code"]) == (1, "key-store")
    assert run_in(place, "register-certificate", "19001").exit_code == 2


def test_the_centre_opens_its_document_signer(place: Path) -> None:
    centre = open_centre(place, environment=SECRETS)
    with centre.open_signer() as signer:
        assert signer.certificate is not None
    centre.engine.dispose()


def test_a_key_file_tells_a_wrong_password_from_a_missing_file(place: Path, tmp_path: Path) -> None:
    config = load_config(place, {})
    with pytest.raises(KeyStoreError, match="password"):
        read_key(config.keys_directory, KeyRole.LEDGER, password="khác")
    with pytest.raises(KeyStoreError, match="missing"):
        read_key(tmp_path, KeyRole.LEDGER, password="khác")


def test_enrolment_files_carry_the_authority_that_the_settings_name(place: Path, tmp_path: Path) -> None:
    pem, file = tmp_path / "goc.pem", tmp_path / "a.enrolment"
    authority = make_ca("Gốc TLS", datetime.datetime(2022, 1, 1, tzinfo=datetime.UTC)).certificate.x509
    pem.write_bytes(b"# a note\n" + authority.public_bytes(Encoding.PEM))
    words = ("enrol", "19007", "19007A", "--name", "Trạm", "--out", str(file), "--json")
    named = {**SECRETS, "HCVX_CENTRAL_CENTRE_TLS_ANCHORS": str(pem)}
    assert data(run_in(place, *words, environment=named))["ok"]
    assert enrolled_anchors(file.read_bytes()) == authority.public_bytes(Encoding.PEM)
    file.unlink()
    pem.write_bytes(b"no certificate")
    # A file that is not as it must be is no reason to let nodes believe everybody.
    refused = run_in(place, *words, environment=named)
    assert refused.exit_code != 0
    assert "tls_anchors" in refused.stderr
    assert not file.exists()
