"""The key file: it warns each time, and each way of not opening has its own code."""

from __future__ import annotations

import warnings
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12

from sync_protocol import keys
from sync_protocol.keys import Algorithm
from sync_protocol.signers.opening import open_signer
from sync_protocol.signers.software import SoftwareSignerWarning, open_software, read_pkcs12, write_pkcs12
from sync_protocol.signers.token_errors import TokenCode, TokenError
from tests.builders import ec_key, issue_certificate, make_ca, rsa_key

_AT = datetime(2022, 4, 8, tzinfo=UTC)
_KEY = ec_key("software")
_CERTIFICATE = issue_certificate(make_ca("authority", _AT), _KEY, subject="Trạm Y tế", at=_AT)
_PASSWORD = "mật khẩu 83612954"
_FILE = write_pkcs12(_KEY, _CERTIFICATE, password=_PASSWORD)

pytestmark = pytest.mark.filterwarnings("ignore::sync_protocol.signers.software.SoftwareSignerWarning")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "trạm.p12"
    path.write_bytes(_FILE)
    return path


def _refusal(path: Path, password: str, algorithm: Algorithm | None = None) -> TokenError:
    with pytest.raises(TokenError) as caught:
        open_software(path, password, algorithm=algorithm)
    assert "83612954" not in f"{caught.value} {caught.value!r} {caught.value.__cause__!r}"
    return caught.value


def test_it_warns_each_time_also_from_the_same_line(path: Path) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("default")
        for _ in range(3):
            open_software(path, _PASSWORD).close()
    assert [item.category for item in caught] == [SoftwareSignerWarning] * 3
    assert "tập huấn" in str(caught[0].message)


def test_the_setting_opens_it_and_asks_once(path: Path) -> None:
    questions: list[str] = []

    def ask(question: str) -> str:
        questions.append(question)
        return _PASSWORD

    with open_signer(f"software:{path}", ask) as signer:
        keys.verify(_KEY.public_key(), signer.algorithm, signer.sign(b"message"), b"message")
        assert signer.operations == 1
    assert len(questions) == 1


def test_what_is_written_is_read_back_and_is_encrypted() -> None:
    key, certificate = read_pkcs12(_FILE, _PASSWORD)
    assert certificate == _CERTIFICATE
    assert key.private_numbers() == _KEY.private_numbers()
    secret = _KEY.private_numbers().private_value.to_bytes(32)
    assert secret not in _FILE
    assert write_pkcs12(_KEY, _CERTIFICATE, password=_PASSWORD) != _FILE


def test_a_wrong_password_is_said_to_be_one(path: Path) -> None:
    error = _refusal(path, "83612954")
    assert error.code is TokenCode.FILE_PASSWORD
    assert error.try_again


def test_an_empty_password_is_not_even_tried(path: Path) -> None:
    assert _refusal(path, "").code is TokenCode.PIN_EMPTY
    with pytest.raises(TokenError) as caught:
        write_pkcs12(_KEY, _CERTIFICATE, password="")
    assert caught.value.code is TokenCode.PIN_EMPTY


def test_an_absent_file_is_said_to_be_absent(tmp_path: Path) -> None:
    assert _refusal(tmp_path / "absent.p12", _PASSWORD).code is TokenCode.FILE_MISSING
    assert _refusal(tmp_path, _PASSWORD).code is TokenCode.FILE_MISSING


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"0",
        b"\x30\x80",
        b"not a key file at all",
        _FILE[:-1],
        _FILE + b"\x00",
        _CERTIFICATE.der,
        _KEY.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
        b"\x30\x84" + bytes(300_000),
    ],
    ids=["empty", "one-byte", "open", "text", "cut", "longer", "certificate", "pem", "huge"],
)
def test_another_kind_of_file_is_not_taken_for_a_wrong_password(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "other.p12"
    path.write_bytes(data)
    assert _refusal(path, _PASSWORD).code is TokenCode.FILE_INVALID


def test_any_damage_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "damaged.p12"
    for position in range(0, len(_FILE), 37):
        damaged = bytearray(_FILE)
        damaged[position] ^= 0x10
        path.write_bytes(damaged)
        assert _refusal(path, _PASSWORD).code in {TokenCode.FILE_PASSWORD, TokenCode.FILE_INVALID}


def test_a_file_without_certificate_or_with_anothers_is_refused(tmp_path: Path) -> None:
    encryption = BestAvailableEncryption(_PASSWORD.encode())
    path = tmp_path / "bare.p12"
    path.write_bytes(pkcs12.serialize_key_and_certificates(b"bare", _KEY, None, None, encryption))
    assert _refusal(path, _PASSWORD).code is TokenCode.FILE_INVALID
    path.write_bytes(pkcs12.serialize_key_and_certificates(b"none", None, _CERTIFICATE.x509, None, encryption))
    assert _refusal(path, _PASSWORD).code is TokenCode.FILE_INVALID


def test_an_algorithm_for_another_kind_of_key_is_refused(path: Path, tmp_path: Path) -> None:
    assert _refusal(path, _PASSWORD, Algorithm.PS256).code is TokenCode.ALGORITHM_UNFIT
    certificate = issue_certificate(make_ca("authority", _AT), rsa_key(), subject="Trạm", at=_AT)
    rsa_path = tmp_path / "rsa.p12"
    rsa_path.write_bytes(write_pkcs12(rsa_key(), certificate, password=_PASSWORD))
    assert _refusal(rsa_path, _PASSWORD, Algorithm.ES256).code is TokenCode.ALGORITHM_UNFIT
