"""The shim, compiled once for a run, and the tokens that stand behind it, each alone in a SoftHSM of its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TypeAlias

import pytest

from sync_protocol.certificate import Certificate
from sync_protocol.signers.key_signer import PrivateKey
from tests.builders import ec_key, issue_certificate, make_ca, rsa_key
from tests.softhsm import SoftHsmToken, softhsm_in
from tests.token.fault_token import FaultToken, compile_shim, put_before
from tests.token.turn import make_turn

_BEGIN: Final = datetime(2022, 1, 1, tzinfo=UTC)
LABEL: Final = "TRAM 19001"
KEY_NAMES: Final = ("rsa", "p256")
# One of `KEY_NAMES`: RSA-2048, as most tokens hold, or P-256.
KeyName: TypeAlias = str


@dataclass(frozen=True, slots=True)
class Shelf:
    """One token in a SoftHSM of its own, and the configuration that leads there."""

    configuration: Path
    token: SoftHsmToken


def organisation_key(name: KeyName) -> PrivateKey:
    """The key of this kind."""
    return rsa_key() if name == "rsa" else ec_key("organisation")


def organisation_certificate(name: KeyName) -> Certificate:
    """The certificate over it, valid through 2022."""
    authority = make_ca("Thử nghiệm CA", _BEGIN)
    return issue_certificate(authority, organisation_key(name), subject="Trạm Y tế xã Hòa Hiệp", at=_BEGIN, days=365)


@pytest.fixture(scope="session")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compile_shim(tmp_path_factory.mktemp("shim"))


@pytest.fixture(scope="session")
def shelves(tmp_path_factory: pytest.TempPathFactory) -> dict[KeyName, Shelf]:
    made = {}
    for name in KEY_NAMES:
        with softhsm_in(tmp_path_factory.mktemp(name) / "hsm") as hsm:
            token = hsm.add_token(LABEL, key=organisation_key(name), certificate=organisation_certificate(name))
            made[name] = Shelf(hsm.folder / "softhsm2.conf", token)
    return made


@pytest.fixture(scope="session")
def clean_calls(
    shim: Path, shelves: dict[KeyName, Shelf], tmp_path_factory: pytest.TempPathFactory
) -> dict[KeyName, list[str]]:
    """What a turn without a fault asks of the token with this key, call by call."""
    calls = {}
    for name, shelf in shelves.items():
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("SOFTHSM2_CONF", str(shelf.configuration))
            folder = tmp_path_factory.mktemp("clean")
            token = put_before(shelf.token, shim, folder / "shim", patch)
            make_turn(folder / "station", token).sign()
            calls[name] = token.calls()
    return calls


@pytest.fixture
def fault_token_with(
    shim: Path, shelves: dict[KeyName, Shelf], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[KeyName], FaultToken]:
    """The token with this key, behind the shim, with a folder of the test's own."""

    def make(name: KeyName) -> FaultToken:
        shelf = shelves[name]
        monkeypatch.setenv("SOFTHSM2_CONF", str(shelf.configuration))
        return put_before(shelf.token, shim, tmp_path / f"shim {name}", monkeypatch)

    return make
