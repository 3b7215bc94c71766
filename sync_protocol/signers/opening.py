"""From the one line of settings to an open signer, and out again."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sync_protocol.signers.at_desk import DeskPlace, DeskScreen
from sync_protocol.signers.pkcs11 import AskPin, CheckCertificate, open_pkcs11, open_pkcs11_at_desk
from sync_protocol.signers.signer import Signer
from sync_protocol.signers.software import open_software
from sync_protocol.signers.software_at_desk import open_software_at_desk
from sync_protocol.signers.token_errors import TokenCode, TokenError
from sync_protocol.signers.token_link import TokenTimeouts
from sync_protocol.signers.uri import Pkcs11Uri, SoftwareUri, parse_signer_uri

MODULE_VARIABLE: Final = "HCVX_PKCS11_MODULE"
_TIMEOUTS: Final = TokenTimeouts()


@contextmanager
def open_signer(
    uri: str,
    pin: AskPin,
    *,
    after_wrong_pin: bool = False,
    check: CheckCertificate | None = None,
    timeouts: TokenTimeouts = _TIMEOUTS,
) -> Iterator[Signer]:
    """Opens the signer that the setting names, for the time of a `with` block.

    Args:
        uri: the setting; see `uri`.
        pin: asks a person for the PIN or the file's password; the argument is the Vietnamese question. It is called
            at most once.
        after_wrong_pin: a person has seen PIN_COUNT_LOW and wants to go on; tokens only.
        check: looks at a token's certificate before the PIN is asked for; what it raises ends the signer. A file says
            which certificate it holds only when it is open.
        timeouts: how long a token may take; tokens only.

    Raises:
        TokenError: the setting, the module, the token, the file or the PIN is wrong. Nothing was tried twice.
    """
    signer = _open(uri, pin, after_wrong_pin=after_wrong_pin, check=check, timeouts=timeouts)
    try:
        yield signer
    finally:
        signer.close()


@contextmanager
def open_signer_at_desk(
    uri: str,
    place: DeskPlace,
    screen: DeskScreen,
    *,
    after_wrong_pin: bool = False,
    timeouts: TokenTimeouts = _TIMEOUTS,
) -> Iterator[Signer]:
    """As `open_signer`, where a browser gives the PIN or password to the signer process itself.

    The key of a file too is read and used in that process alone.

    Args:
        uri: the setting; see `uri`.
        place: where the page is that shows the form.
        screen: shows the form; what it raises ends the signer before a PIN is typed.
        after_wrong_pin: as `open_signer`.
        timeouts: how long a token may take; a person takes the place's seconds.

    Raises:
        TokenError: as `open_signer`, and PIN_NOT_TYPED, PIN_CANCELLED, DESK_CLOSED. Nothing was tried twice.
    """
    parsed = parse_signer_uri(uri)
    signer: Signer
    if isinstance(parsed, SoftwareUri):
        signer = open_software_at_desk(parsed.path, place, screen, timeouts=timeouts)
    else:
        path = module_path_of(parsed)
        signer = open_pkcs11_at_desk(
            parsed, place, screen, module_path=path, after_wrong_pin=after_wrong_pin, timeouts=timeouts
        )
    try:
        yield signer
    finally:
        signer.close()


def module_path_of(uri: Pkcs11Uri) -> str:
    """The vendor's module: from the setting itself, else from the surroundings (HCVX_PKCS11_MODULE).

    Raises:
        TokenError: MODULE_NOT_SET.
    """
    path = uri.module_path or os.environ.get(MODULE_VARIABLE)
    if not path:
        raise TokenError(TokenCode.MODULE_NOT_SET)
    return path


def _open(
    text: str, pin: AskPin, *, after_wrong_pin: bool, check: CheckCertificate | None, timeouts: TokenTimeouts
) -> Signer:
    uri = parse_signer_uri(text)
    if isinstance(uri, SoftwareUri):
        return open_software(uri.path, pin("Mật khẩu của tệp khóa ký"))
    path = module_path_of(uri)
    return open_pkcs11(uri, pin, module_path=path, after_wrong_pin=after_wrong_pin, check=check, timeouts=timeouts)
