"""Asking drivers that hang, crash or fail: each costs its own process and time, and hides no other."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

import pytest

from edge.config import Config
from edge.workflow import examine_token
from edge.workflow.examine_token import begin_examination, examine_modules, finish_examination
from sync_protocol.signers.token_errors import TokenCode
from sync_protocol.signers.token_link import TokenTimeouts
from sync_protocol.signers.token_modules import Place
from tests.builders import ec_key, issue_certificate, make_ca
from tests.edge.clinic import NOW
from tests.softhsm import SoftHsm, softhsm_in
from tests.token.fault_token import FaultToken, compile_shim, put_before

START: Final = datetime.fromtimestamp(NOW, UTC) - timedelta(days=100)
# Long enough for the sound driver on a slow machine.
SHORT: Final = TokenTimeouts(scan=8.0, close=1.0)


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compile_shim(tmp_path_factory.mktemp("shim"))


@pytest.fixture
def hsm(tmp_path: Path) -> Iterator[SoftHsm]:
    with softhsm_in(tmp_path / "hsm") as made:
        yield made


@pytest.fixture
def faulty(tmp_path: Path, hsm: SoftHsm, shim: Path, monkeypatch: pytest.MonkeyPatch) -> FaultToken:
    """A faulty driver and a sound one on the same machine, both for the same token."""
    key = ec_key("token")
    one = issue_certificate(make_ca("CA", START), key, subject="Trạm Y tế", at=START)
    token = hsm.add_token("TRAM 19001", key=key, certificate=one)
    places = (Place(str(shim), "Hãng lỗi"), Place(hsm.module_path, "SoftHSM"))
    monkeypatch.setattr(examine_token, "known_places", lambda *_: places)
    return put_before(token, shim, tmp_path / "faults", monkeypatch)


@pytest.mark.parametrize(
    ("fault", "call", "code"),
    [
        ("hang", "C_GetSlotList", TokenCode.TIMEOUT),
        ("crash", "C_Initialize", TokenCode.PROCESS_DIED),
        ("crash", "C_GetTokenInfo", TokenCode.PROCESS_DIED),
    ],
)
def test_a_driver_that_hangs_or_crashes_hides_no_other(
    tmp_path: Path, faulty: FaultToken, fault: str, call: str, code: TokenCode
) -> None:
    faulty.fault(fault, call)
    examination = begin_examination(Config(tmp_path), {})
    seen = list(examine_modules(examination, timeouts=SHORT))
    assert [module.fault for module in seen] == [code, None]
    assert [len(module.tokens) for module in seen] == [0, 1]
    report = finish_examination(examination, seen, now=NOW)
    assert report.meant is not None
    assert report.meant[0].candidate.vendor == "SoftHSM"
    # The same driver, where it is the one that is set, is the problem, and the sound one is told instead.
    named = begin_examination(Config(tmp_path, signer=faulty.uri), {})
    report = finish_examination(named, list(examine_modules(named, timeouts=SHORT)), now=NOW)
    assert report.checks[0].code is code
    assert not report.is_usable
    assert len(report.lines) == 2


def test_answers_come_one_by_one(tmp_path: Path, faulty: FaultToken) -> None:
    answers = examine_modules(begin_examination(Config(tmp_path), {}), timeouts=SHORT)
    first = next(answers)
    assert first.candidate.vendor == "Hãng lỗi"
    calls = len(faulty.calls())
    assert calls
    assert next(answers).candidate.vendor == "SoftHSM"
    # The second driver was asked by itself, when the first one had ended.
    assert len(faulty.calls()) == calls
    assert next(answers, None) is None


def test_an_examination_asks_for_no_pin_and_signs_nothing(tmp_path: Path, faulty: FaultToken) -> None:
    list(examine_modules(begin_examination(Config(tmp_path), {})))
    assert faulty.count("C_Login") == faulty.count("C_Sign") == 0
    assert faulty.wrong_pins == 0
