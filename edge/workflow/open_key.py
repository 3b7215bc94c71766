"""Every way to the signer that ends with a person's PIN, whatever it is for: one look before it, one memory after it.

Before the PIN is asked for, the certificate is looked at, and what the trail says of refused PINs; afterwards the trail
says how it went. Who asks is the command line, or the page of a turn at the PIN desk.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from edge.store.database import Database
from edge.workflow.check_signer import signer_check
from edge.workflow.watch_pin import remember_right_pin, watch_pin
from sync_protocol.signers.at_desk import DeskPlace, DeskScreen, ShownDesk
from sync_protocol.signers.opening import open_signer, open_signer_at_desk
from sync_protocol.signers.pkcs11 import AskPin, CheckCertificate
from sync_protocol.signers.signer import Signer
from sync_protocol.signers.uri import Pkcs11Uri, parse_signer_uri


@dataclass(frozen=True, slots=True)
class KeyAsked:
    """Who wants a key opened, and what has to hold.

    Attributes:
        uri: the signer.
        by: who asks, for the trail.
        now: gives epoch seconds UTC.
        check: looks at the certificate before the PIN is asked for; what it raises ends the signer. A file says which
            certificate it holds only when it is open. None for `check_signer`, which whatever counts needs.
        after_wrong_pin: a person has seen PIN_COUNT_LOW or PIN_UNCOUNTED and wants to go on.
    """

    uri: str
    by: str
    now: Callable[[], int]
    check: CheckCertificate | None = None
    after_wrong_pin: bool = False


@contextmanager
def open_key(database: Database, asked: KeyAsked, pin: AskPin) -> Iterator[Signer]:
    """As `open_signer`: `pin` asks a person, at most once.

    Raises:
        TokenError: as `open_signer`; PIN_UNCOUNTED before anything is opened.
        PassRefusedError, ProtocolError, RefusedError, StoreError: as the check.
    """
    check = _check(database, asked)
    with (
        watch_pin(database, after_wrong_pin=asked.after_wrong_pin, by=asked.by, now=asked.now),
        open_signer(asked.uri, pin, after_wrong_pin=asked.after_wrong_pin, check=check) as signer,
    ):
        _remember(database, asked)
        yield signer


@contextmanager
def open_key_at_desk(database: Database, asked: KeyAsked, place: DeskPlace, screen: DeskScreen) -> Iterator[Signer]:
    """As `open_signer_at_desk`: `screen` shows the form with the PIN.

    Raises:
        TokenError: as `open_signer_at_desk`; PIN_UNCOUNTED before anything is opened.
        PassRefusedError, ProtocolError, RefusedError, StoreError: as the check.
    """
    checked = _CheckedScreen(screen, _check(database, asked))
    with (
        watch_pin(database, after_wrong_pin=asked.after_wrong_pin, by=asked.by, now=asked.now),
        open_signer_at_desk(asked.uri, place, checked, after_wrong_pin=asked.after_wrong_pin) as signer,
    ):
        _remember(database, asked)
        yield signer


class _CheckedScreen(DeskScreen):
    """Lets the form be shown only where the certificate may be used."""

    def __init__(self, screen: DeskScreen, check: CheckCertificate) -> None:
        self._screen = screen
        self._check = check

    def begin(self, cancel: Callable[[], None]) -> None:
        self._screen.begin(cancel)

    def show(self, desk: ShownDesk) -> None:
        if desk.certificate is not None:
            self._check(desk.certificate)
        self._screen.show(desk)

    def taken(self) -> None:
        self._screen.taken()


def _check(database: Database, asked: KeyAsked) -> CheckCertificate:
    return asked.check or signer_check(database, asked.now)


def _remember(database: Database, asked: KeyAsked) -> None:
    """The signer is open, so the PIN was right; the password of a file says nothing of a token's."""
    if isinstance(parse_signer_uri(asked.uri), Pkcs11Uri):
        remember_right_pin(database, by=asked.by, at=asked.now())
