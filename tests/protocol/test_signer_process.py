"""The signer process: killed, stopped, left alone, it costs one process and nothing else, and the PIN ends with it."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest

from sync_protocol.signers.opening import open_signer
from sync_protocol.signers.pin_guard import PinFlag
from sync_protocol.signers.pkcs11 import list_tokens, open_pkcs11
from sync_protocol.signers.process_signer import ProcessSigner
from sync_protocol.signers.token_errors import TokenCode, TokenError
from sync_protocol.signers.token_link import TokenTimeouts
from sync_protocol.signers.uri import Pkcs11Uri, parse_signer_uri
from tests.builders import ec_key, issue_certificate, make_ca
from tests.softhsm import PIN, Person, SoftHsm, SoftHsmToken, softhsm_in

_AT: Final = datetime(2022, 4, 8, tzinfo=UTC)
_CA: Final = make_ca("authority", _AT)
_KEY: Final = ec_key("signers")
_CERTIFICATE: Final = issue_certificate(_CA, _KEY, subject="Trạm Y tế", at=_AT)

linux_only = pytest.mark.skipif(sys.platform != "linux", reason="stops and watches processes as Linux does")


@pytest.fixture
def hsm(tmp_path: Path) -> Iterator[SoftHsm]:
    with softhsm_in(tmp_path / "hsm") as hsm:
        yield hsm


@pytest.fixture
def token(hsm: SoftHsm) -> SoftHsmToken:
    return hsm.add_token("Trạm", key=_KEY, certificate=_CERTIFICATE)


def _open(token: SoftHsmToken, timeouts: TokenTimeouts | None = None) -> ProcessSigner:
    uri = parse_signer_uri(token.uri)
    assert isinstance(uri, Pkcs11Uri)
    return open_pkcs11(uri, Person(), module_path=token.module_path, timeouts=timeouts or TokenTimeouts())


def _wait_for_end(process_id: int) -> None:
    """Returns when the process is gone, and fails after half a minute."""
    try:
        handle = os.pidfd_open(process_id)
    except ProcessLookupError:
        return
    try:
        assert select.select([handle], [], [], 30)[0], "the signer process lives on"
    finally:
        os.close(handle)


def test_a_token_that_loses_its_key_while_its_module_still_shows_it_says_so(hsm: SoftHsm, token: SoftHsmToken) -> None:
    signer = _open(token)
    signer.sign(b"message")
    for file in sorted((hsm.folder / "tokens").rglob("*"), reverse=True):
        file.rmdir() if file.is_dir() else file.unlink()
    with pytest.raises(TokenError) as caught:
        signer.sign(b"message")
    assert caught.value.code is TokenCode.SESSION_LOST
    assert caught.value.try_again
    signer.close()


@linux_only
def test_a_killed_signer_process_is_an_error_and_not_a_hang(token: SoftHsmToken) -> None:
    signer = _open(token)
    assert signer.process_id is not None
    os.kill(signer.process_id, signal.SIGKILL)
    with pytest.raises(TokenError) as caught:
        signer.sign(b"message")
    assert caught.value.code is TokenCode.PROCESS_DIED
    assert caught.value.try_again
    signer.close()
    # A new one works, and needs the person again.
    with open_signer(token.uri, Person()) as fresh:
        fresh.sign(b"message")


@linux_only
def test_a_hanging_signer_process_is_ended(token: SoftHsmToken) -> None:
    signer = _open(token, TokenTimeouts(signature=0.2))
    process_id = signer.process_id
    assert process_id is not None
    os.kill(process_id, signal.SIGSTOP)
    with pytest.raises(TokenError) as caught:
        signer.sign(b"message")
    assert caught.value.code is TokenCode.TIMEOUT
    _wait_for_end(process_id)
    with pytest.raises(TokenError) as again:
        signer.sign(b"message")
    assert again.value.code is TokenCode.CLOSED


@pytest.mark.parametrize("end", ["close", "error in the block"])
@linux_only
def test_the_signer_process_ends_with_the_pass(token: SoftHsmToken, end: str) -> None:
    process_id = None
    try:
        with open_signer(token.uri, Person()) as signer:
            assert isinstance(signer, ProcessSigner)
            process_id = signer.process_id
            if end != "close":
                raise RuntimeError(end)
    except RuntimeError:
        pass
    assert process_id is not None
    _wait_for_end(process_id)
    with pytest.raises(TokenError) as caught:
        signer.sign(b"message")
    assert caught.value.code is TokenCode.CLOSED


def test_a_person_who_walks_away_leaves_no_process(token: SoftHsmToken) -> None:
    def refuse(question: str) -> str:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), open_signer(token.uri, refuse):
        pass
    (seen,) = list_tokens(token.module_path)
    assert not seen.flags & PinFlag.COUNT_LOW


@linux_only
def test_neither_the_module_nor_the_pin_is_where_it_does_not_belong(token: SoftHsmToken) -> None:
    with open_signer(token.uri, Person()) as signer:
        assert isinstance(signer, ProcessSigner)
        signer.sign(b"message")
        child = Path(f"/proc/{signer.process_id}")
        assert "softhsm" in (child / "maps").read_text()
        assert PIN.encode() not in (child / "cmdline").read_bytes() + (child / "environ").read_bytes()
        # No core file: the limit is 0, soft and hard.
        core = next(line for line in (child / "limits").read_text().splitlines() if line.startswith("Max core"))
        assert core.split()[4:6] == ["0", "0"]
    assert "softhsm" not in Path("/proc/self/maps").read_text()


_PROGRAM: Final = """
    import sys
    from sync_protocol.signers.opening import open_signer
    from sync_protocol.signers.token_errors import TokenError
    try:
        with open_signer(sys.argv[1], lambda question: "83612954") as signer:
            print(signer.process_id, len(signer.sign(b"message")), flush=True)
            sys.stdin.read()
    except TokenError as error:
        print(error.code, flush=True)
"""


@linux_only
def test_the_signer_process_ends_when_the_program_is_killed(token: SoftHsmToken) -> None:
    program = [sys.executable, "-c", textwrap.dedent(_PROGRAM), token.uri]
    with subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        process_id, size = map(int, running.stdout.readline().split())
        assert size == 64
        running.kill()
        running.wait(30)
        _wait_for_end(process_id)


def test_a_program_without_a_main_guard_is_told_so_and_starts_no_swarm(token: SoftHsmToken, tmp_path: Path) -> None:
    script = tmp_path / "unguarded.py"
    script.write_text(textwrap.dedent(_PROGRAM))
    surroundings = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, script, token.uri],
        env=surroundings,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.split() == [TokenCode.PROCESS_DIED]
