"""Everything that a token, its certificate, its PIN or its driver can do wrong, as the page of a turn says it.

Each row: what is wrong, the code that stands on the page, how far the pass has come, and how many tries of the PIN the
token has seen. Whatever it was: the page holds the sentence and the cure, no signer process and no port stays, and from
the same pages the same doses are then signed, once.
"""

from __future__ import annotations

import multiprocessing
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import pytest

from edge.bootstrap import Node
from edge.domain.code_words import words
from edge.domain.pass_journal import PASS_WORDS, PassCode, PassState
from edge.store import passes
from edge.workflow import open_key
from edge.workflow.check_store import check_store
from sync_protocol.errors import Code
from sync_protocol.signers.key_signer import KeySigner
from sync_protocol.signers.opening import MODULE_VARIABLE, open_signer_at_desk
from sync_protocol.signers.token_errors import TOKEN_PROBLEMS, TokenCode
from sync_protocol.signers.token_link import TokenTimeouts
from sync_protocol.signers.uri import Pkcs11Uri, encode_signer_uri, parse_signer_uri
from tests.browser.signing_desk import desk, outcome, preview, sign, signing
from tests.browser.visitor import ADDRESS, Visitor, make_node, visit
from tests.builders import ec_key
from tests.edge.station import Station, make_station
from tests.edge.test_certificates import (
    ELSEWHERE,
    ended,
    listed,
    of,
    of_another_officer,
    of_others,
    refused,
    revoked,
    row_of,
    signer_of,
)
from tests.softhsm import PIN, SoftHsm, SoftHsmToken, softhsm_in
from tests.token.fault_token import FaultToken, compile_shim, put_before
from tests.token.odd_tokens import put_public_key
from tests.typist import give

LABEL: Final = "TRAM 19001"
OPENER: Final = "edge.workflow.open_key.open_signer_at_desk"
_WRONG: Final = "11112222"
_PREPARED: Final = PassState.PREPARED
# Where a call hangs for certain, waiting for it long proves nothing more; the steps before it have all their time.
PATIENT: Final = TokenTimeouts()
_SCAN_SOON: Final = TokenTimeouts(scan=0.7)
_LOGIN_SOON: Final = TokenTimeouts(login=2.0)
_SIGN_SOON: Final = TokenTimeouts(signature=0.3)


@dataclass(frozen=True, slots=True)
class Drawer:
    """The tokens of this machine, made once, and the shim that stands before them."""

    hsm: SoftHsm
    shim: Path
    good: SoftHsmToken
    others: dict[str, SoftHsmToken]


@dataclass(slots=True)
class Desk:
    """A node with two doses to sign, its token, and what has to be put right again afterwards."""

    node: Node
    station: Station
    token: FaultToken
    drawer: Drawer
    folder: Path

    def with_module(self, path: Path | str | None) -> str:
        """The setting, with another driver."""
        uri = parse_signer_uri(self.token.uri)
        assert isinstance(uri, Pkcs11Uri)
        return encode_signer_uri(replace(uri, module_path=None if path is None else str(path)))

    def file(self, content: bytes) -> Path:
        """A file that stands where the driver should be."""
        path = self.folder / "driver.so"
        path.write_bytes(content)
        return path

    def visit(self, uri: str) -> Visitor:
        """The program as it runs with this setting, and somebody at its browser."""
        return visit(replace(self.node, config=replace(self.node.config, signer=uri)), self.station.centre)


# Breaks something, and may give another setting of the signer.
Break = Callable[[Desk], str | None]


@dataclass(frozen=True, slots=True)
class Row:
    """One thing that is wrong.

    Attributes:
        name: what is wrong.
        code: what stands on the page.
        how: makes it so.
        pin: what is typed; None where nobody may be asked.
        left: how far the pass has come; None while it is only selected.
        logins: how often the token was given a PIN.
        wrong: how many wrong PINs it has counted for it.
    """

    name: str
    code: TokenCode | PassCode | Code
    how: Break
    pin: str | None = None
    left: PassState | None = None
    logins: int = 0
    wrong: int = 0
    timeouts: TokenTimeouts = PATIENT

    def __str__(self) -> str:
        return self.name.replace(" ", "-")


def _fault(name: str, text: str = "") -> Break:
    return lambda desk: desk.token.fault(name, text)


def _driver(content: Callable[[bytes], bytes]) -> Break:
    return lambda desk: desk.with_module(desk.file(content(desk.drawer.shim.read_bytes())))


def _other(name: str) -> Break:
    return lambda desk: desk.drawer.others[name].uri


def _list(make: Callable[..., object]) -> Break:
    return lambda desk: listed(desk.station, make(_signer()))  # type: ignore[arg-type]


def _both(*faults: Break) -> Break:
    def make(desk: Desk) -> None:
        for one in faults:
            one(desk)

    return make


def _other_bits(image: bytes) -> bytes:
    # ELF, e_ident[EI_CLASS]: for how many bits it was made.
    return image[:4] + bytes([image[4] ^ 3]) + image[5:]


ROWS: Final = (
    # The driver.
    Row("no module", TokenCode.MODULE_NOT_SET, lambda desk: desk.with_module(None)),
    Row("module not there", TokenCode.MODULE_MISSING, lambda desk: desk.with_module(desk.folder / "absent.so")),
    Row("not a module", TokenCode.MODULE_INVALID, _driver(lambda _: b"no module")),
    Row("module of the other kind", TokenCode.MODULE_BITS, _driver(_other_bits)),
    Row("module cut off", TokenCode.PROCESS_DIED, _driver(lambda image: image[:5_000])),
    Row("module does not start", TokenCode.MODULE_FAILED, _fault("fail", "C_Initialize 5")),
    # The token and what lies on it.
    Row("no token", TokenCode.TOKEN_MISSING, _fault("removed")),
    Row("two tokens", TokenCode.TOKEN_AMBIGUOUS, _other("twin")),
    Row("key without certificate", TokenCode.KEY_ALONE, _other("no certificate")),
    Row("certificate without key", TokenCode.KEY_MISSING, _other("no key"), pin=PIN),
    Row("empty token", TokenCode.CERTIFICATE_MISSING, _other("bare")),
    Row("expired", Code.CERTIFICATE_EXPIRED, _other("expired")),
    Row("another organisation", PassCode.CERTIFICATE_FOREIGN, _list(of_others)),
    Row("another officer", PassCode.CERTIFICATE_OFFICER, _list(of_another_officer)),
    Row("revoked", Code.CERTIFICATE_REVOKED, _list(revoked)),
    Row("registration ended", PassCode.CERTIFICATE_ENDED, _list(ended)),
    Row("not registered", Code.CERTIFICATE_UNREGISTERED, _list(refused)),
    # The PIN.
    Row("wrong PIN", TokenCode.PIN_INCORRECT, lambda _: None, pin=_WRONG, logins=1, wrong=1),
    Row("wrong PIN without flags", TokenCode.PIN_UNCOUNTED, _fault("no-flags"), pin=_WRONG, logins=1, wrong=1),
    Row("empty PIN", TokenCode.PIN_EMPTY, lambda _: None, pin=""),
    Row("PIN with an accent", TokenCode.PIN_CHARACTERS, lambda _: None, pin="8361295ư"),
    Row("PIN too long", TokenCode.PIN_CHARACTERS, lambda _: None, pin="8" * 257),
    Row("PIN of another length", TokenCode.PIN_LENGTH, _fault("fail", "C_Login a2"), pin=PIN, logins=1),
    Row("wrong before", TokenCode.PIN_COUNT_LOW, _fault("wrong-pins", "1"), wrong=1),
    Row("last try", TokenCode.PIN_FINAL_TRY, _fault("wrong-pins", "2"), wrong=2),
    Row("locked", TokenCode.PIN_LOCKED, _fault("wrong-pins", "3"), wrong=3),
    Row("locked meanwhile", TokenCode.PIN_LOCKED, _fault("others", "C_Login 2"), pin=_WRONG, logins=1, wrong=3),
    Row("PIN to be changed", TokenCode.PIN_EXPIRED, _fault("fail", "C_Login a3"), pin=PIN, logins=1),
    Row("PIN never set", TokenCode.PIN_NOT_SET, _fault("fail", "C_Login 102"), pin=PIN, logins=1),
    # Removed, at each step; asleep.
    Row("removed while it is read", TokenCode.TOKEN_REMOVED, _fault("remove", "C_FindObjects")),
    Row("removed at the login", TokenCode.TOKEN_REMOVED, _fault("remove", "C_Login"), pin=PIN, logins=1),
    Row("removed before", TokenCode.TOKEN_REMOVED, _fault("remove", "C_SignInit"), pin=PIN, left=_PREPARED, logins=1),
    Row("removed while it signs", TokenCode.TOKEN_REMOVED, _fault("remove", "C_Sign"), PIN, _PREPARED, logins=1),
    Row("asleep", TokenCode.SESSION_LOST, _fault("sleep", "C_SignInit"), pin=PIN, left=_PREPARED, logins=1),
    # What it answers.
    Row("bit flipped", TokenCode.SIGNATURE_WRONG, _fault("flip", "777"), pin=PIN, left=_PREPARED, logins=1),
    Row("device error", TokenCode.TOKEN_FAILED, _fault("fail", "C_Sign 30"), pin=PIN, left=_PREPARED, logins=1),
    Row("no mechanism", TokenCode.MECHANISM_MISSING, _fault("fail", "C_SignInit 70"), PIN, _PREPARED, logins=1),
    # A driver that hangs or crashes.
    Row("hangs when read", TokenCode.TIMEOUT, _fault("hang", "C_GetSlotList"), timeouts=_SCAN_SOON),
    Row("hangs at the login", TokenCode.TIMEOUT, _fault("hang", "C_Login"), pin=PIN, logins=1, timeouts=_LOGIN_SOON),
    Row("hangs", TokenCode.TIMEOUT, _fault("hang", "C_Sign"), PIN, _PREPARED, logins=1, timeouts=_SIGN_SOON),
    Row("crashes when read", TokenCode.PROCESS_DIED, _fault("crash", "C_GetSlotList")),
    Row("crashes at the login", TokenCode.PROCESS_DIED, _fault("crash", "C_Login"), pin=PIN, logins=1),
    Row("crashes", TokenCode.PROCESS_DIED, _fault("crash", "C_Sign"), pin=PIN, left=_PREPARED, logins=1),
    Row("killed after it signed", TokenCode.PROCESS_DIED, _fault("kill-after", "C_Sign"), PIN, _PREPARED, logins=1),
)


def _signer() -> KeySigner:
    return signer_of("token", organisation=ELSEWHERE)


@pytest.fixture(scope="module")
def drawer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Drawer]:
    key, certificate = ec_key("token"), of(_signer())
    shim = compile_shim(tmp_path_factory.mktemp("shim"))
    with softhsm_in(tmp_path_factory.mktemp("tokens") / "hsm") as hsm:
        twin, _ = (hsm.add_token("twin", key=key, certificate=certificate) for _ in range(2))
        others = {
            "bare": hsm.add_token("bare"),
            "no certificate": hsm.add_token("no certificate", key=key),
            "no key": hsm.add_token("no key", certificate=certificate),
            "twin": twin,
            "expired": hsm.add_token("expired", key=key, certificate=of(signer_of("token", days=30))),
        }
        put_public_key(others["no certificate"], key.public_key())
        yield Drawer(hsm, shim, hsm.add_token(LABEL, key=key, certificate=certificate), others)


@pytest.fixture
def signing_desk(tmp_path: Path, drawer: Drawer, monkeypatch: pytest.MonkeyPatch) -> Desk:
    monkeypatch.delenv(MODULE_VARIABLE, raising=False)
    station = make_station(tmp_path)
    station.record(2)
    token = put_before(drawer.good, drawer.shim, tmp_path / "shim", monkeypatch)
    return Desk(make_node(tmp_path, station.database, station.clock), station, token, drawer, tmp_path)


@pytest.mark.parametrize("row", ROWS, ids=str)
def test_the_page_says_what_is_wrong_and_how_to_go_on_and_then_it_is_signed_once(
    signing_desk: Desk, row: Row, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    desk_, station, token = signing_desk, signing_desk.station, signing_desk.token
    opens = partial(open_signer_at_desk, timeouts=row.timeouts)
    monkeypatch.setattr(open_key, "open_signer_at_desk", opens)
    uri = row.how(desk_)
    visitor = desk_.visit(uri or token.uri)
    preview(visitor)
    visitor.post("/sign/run", signing(visitor))
    action = desk(visitor)
    if row.pin is not None:
        assert give(action, row.pin, origin=ADDRESS) == (303, ADDRESS + visitor.place)
    else:
        assert action == ""
    text = outcome(visitor)
    _says(text, row.code)
    # Nothing was signed, nothing was tried for nothing, and nothing stays behind.
    assert _left(station) == ([] if row.left is None else [row.left])
    assert (token.count("C_Login"), token.wrong_pins) == (row.logins, row.wrong)
    assert multiprocessing.active_children() == []
    if action:
        with pytest.raises(ConnectionRefusedError):
            give(action, PIN, origin=ADDRESS)
        assert str(urlsplit(action).port) not in re.findall(r"http://127\.0\.0\.1:(\d+)/", text)
    # A person has done what the cure says; who sees the page once more sees the same.
    _says(visitor.get(visitor.place), row.code)
    monkeypatch.setattr(OPENER, open_signer_at_desk)
    token.mend()
    if row.wrong > 1:
        token.fault("wrong-pins", "0")
    if isinstance(row.code, PassCode | Code):
        listed(station, row_of(_signer()))
    has_to_be_sure = "Tôi chắc chắn mã PIN" in text
    assert has_to_be_sure == (row.code in (TokenCode.PIN_COUNT_LOW, TokenCode.PIN_UNCOUNTED))
    if uri is not None:
        # The setting itself was mended: the program was started again with the right one.
        visitor = desk_.visit(token.uri)
        preview(visitor)
        text = sign(visitor, pin=PIN)
    else:
        again = f"{visitor.place}/again"
        text = sign(visitor, {"sure": "yes"} if has_to_be_sure else {}, path=again, pin=PIN)
        if row.code is TokenCode.PIN_INCORRECT:
            # The token says by its flags that a wrong one was counted: only now a person can know of it.
            _says(text, TokenCode.PIN_COUNT_LOW)
            text = sign(visitor, {"sure": "yes"}, path=f"{visitor.place}/again", pin=PIN)
    assert "Đã ký 2 mũi" in text
    assert _left(station) == [PassState.SEALED]
    assert check_store(station.database).findings == ()
    assert len(set(token.given_to_sign())) == 1
    # What was typed is in no log, and came back on no page.
    typed = row.pin or PIN
    assert typed not in caplog.text + text + "\n".join(visitor.addresses)
    station.database.close()


def test_every_fault_of_a_token_has_a_row_or_a_reason_why_no_page_of_a_turn_shows_it() -> None:
    shown = {row.code for row in ROWS}
    elsewhere = {
        # Read when the program starts, or said before a turn begins.
        TokenCode.URI_INVALID,
        # Of the choice of a certificate and of its key; and of the file for training.
        TokenCode.CERTIFICATE_AMBIGUOUS,
        TokenCode.CERTIFICATE_UNUSABLE,
        TokenCode.ALGORITHM_UNFIT,
        TokenCode.FILE_MISSING,
        TokenCode.FILE_INVALID,
        TokenCode.FILE_PASSWORD,
        # Of the desk, and of a signer that is closed.
        TokenCode.PIN_NOT_TYPED,
        TokenCode.PIN_CANCELLED,
        TokenCode.DESK_CLOSED,
        TokenCode.CLOSED,
    }
    assert set(TokenCode) - shown == elsewhere
    said = [_words(row.code) for row in ROWS]
    assert len({sentence for sentence, _ in said}) == len(shown)


def _words(code: TokenCode | PassCode | Code) -> tuple[str, str]:
    match code:
        case TokenCode():
            return TOKEN_PROBLEMS[code].vi, TOKEN_PROBLEMS[code].cure
        case PassCode():
            return PASS_WORDS[code].vi, PASS_WORDS[code].cure
        case Code():
            return words(code).vi, words(code).cure


def _says(text: str, code: TokenCode | PassCode | Code) -> None:
    sentence, cure = _words(code)
    assert f"<code>{code}</code>" in text
    assert sentence.rstrip(".") in text
    assert cure in text


def _left(station: Station) -> list[PassState]:
    with station.database.read() as tables:
        found = [passes.find(tables, number) for number in passes.numbers(tables)]
    return [one.state for one in found if one is not None]
