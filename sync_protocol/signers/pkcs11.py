"""A token or an HSM, driven through PKCS#11 in a process of its own: scan, choose, ask for the PIN, log in once.

Our side of it: choose the token and the certificate, choose the mechanism, have the person asked for the PIN once. The
PIN is handed on and forgotten, or never comes here; a wrong one is never tried again by program.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, TypeAlias

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from sync_protocol.certificate import Certificate, serial_text
from sync_protocol.signers.at_desk import DeskPlace, DeskScreen, have_pin_typed
from sync_protocol.signers.mechanisms import choose_mechanism
from sync_protocol.signers.pin_guard import check_pin, check_pin_flags
from sync_protocol.signers.process_signer import ProcessSigner
from sync_protocol.signers.token_choice import ChosenCertificate, choose_certificate
from sync_protocol.signers.token_link import TokenLink, TokenTimeouts
from sync_protocol.signers.token_messages import LoggedIn, Login, LoginAtDesk, Scan, Scanned, SeenToken
from sync_protocol.signers.uri import Pkcs11Uri

# Asks a person for the PIN or password; the argument is the Vietnamese question.
AskPin: TypeAlias = Callable[[str], str]
# Looks at a certificate before anybody is asked for its PIN; raises what speaks against it.
CheckCertificate: TypeAlias = Callable[[Certificate], None]

_TIMEOUTS: Final = TokenTimeouts()


def open_pkcs11(
    uri: Pkcs11Uri,
    pin: AskPin,
    *,
    module_path: str,
    after_wrong_pin: bool = False,
    check: CheckCertificate | None = None,
    timeouts: TokenTimeouts = _TIMEOUTS,
) -> ProcessSigner:
    """Opens the token for a signing pass: one question for the PIN, one login.

    (1) The signer process loads the module and reads what is plugged in.
    (2) Token and certificate are chosen, the mechanism too, and the PIN's flags are read: whatever is wrong
        up to here is said before anybody types a PIN.
    (3) The person is asked, the PIN goes to the signer process, which logs in once.

    Args:
        uri: which token and certificate.
        pin: asks the person; not called if the PIN may not be tried.
        module_path: the vendor's module.
        after_wrong_pin: a person has seen PIN_COUNT_LOW (an earlier wrong PIN) and wants to go on.
        check: looks at the chosen certificate; what it raises ends the signer before the person is asked.
        timeouts: how long to wait for what.

    Raises:
        TokenError: any code but those of files and of the desk. Not tried again here, whatever `try_again` says.
    """

    def log_in(link: TokenLink, chosen: ChosenCertificate, login: Login) -> None:
        if check is not None:
            check(chosen.certificate)
        link.ask(login, LoggedIn, seconds=timeouts.login, secret=_ask(pin, chosen))

    return _open(uri, log_in, module_path=module_path, after_wrong_pin=after_wrong_pin, timeouts=timeouts)


def open_pkcs11_at_desk(
    uri: Pkcs11Uri,
    place: DeskPlace,
    screen: DeskScreen,
    *,
    module_path: str,
    after_wrong_pin: bool = False,
    timeouts: TokenTimeouts = _TIMEOUTS,
) -> ProcessSigner:
    """As `open_pkcs11`, but in (3) a browser gives the PIN to the signer process itself.

    Args:
        place: where the page is that shows the form.
        screen: shows the form; what it raises ends the signer.

    Raises:
        TokenError: any code but those of files.
    """

    def log_in(link: TokenLink, chosen: ChosenCertificate, login: Login) -> None:
        have_pin_typed(link, place, screen, label=chosen.token.label, certificate=chosen.certificate)
        link.ask(LoginAtDesk(login), LoggedIn, seconds=timeouts.login)

    return _open(uri, log_in, module_path=module_path, after_wrong_pin=after_wrong_pin, timeouts=timeouts)


def list_tokens(module_path: str, *, timeouts: TokenTimeouts = _TIMEOUTS) -> tuple[SeenToken, ...]:
    """Describes every token plugged in, without a PIN: label, serial, flags, mechanisms, certificates.

    Raises:
        TokenError: MODULE_MISSING, MODULE_INVALID, TOKEN_FAILED, TIMEOUT, PROCESS_DIED.
    """
    link = TokenLink(timeouts)
    try:
        return link.ask(Scan(module_path), Scanned, seconds=timeouts.scan).tokens
    finally:
        link.close()


def _open(
    uri: Pkcs11Uri,
    log_in: Callable[[TokenLink, ChosenCertificate, Login], None],
    *,
    module_path: str,
    after_wrong_pin: bool,
    timeouts: TokenTimeouts,
) -> ProcessSigner:
    link = TokenLink(timeouts)
    try:
        # (1)
        tokens = link.ask(Scan(module_path), Scanned, seconds=timeouts.scan).tokens
        # (2)
        chosen = choose_certificate(tokens, label=uri.label, serial=uri.serial)
        choice = choose_mechanism(chosen.certificate.public_key, chosen.token.mechanisms, wanted=uri.algorithm)
        check_pin_flags(chosen.token.flags, after_wrong_pin=after_wrong_pin)
        # (3)
        log_in(link, chosen, _login(chosen, after_wrong_pin=after_wrong_pin))
    except BaseException:
        link.close()
        raise
    return ProcessSigner(link, chosen.certificate, choice)


def _login(chosen: ChosenCertificate, *, after_wrong_pin: bool) -> Login:
    token = chosen.token
    return Login(
        slot=token.slot,
        label=token.label,
        serial=token.serial,
        object_id=chosen.object_id,
        is_rsa=isinstance(chosen.certificate.public_key, RSAPublicKey),
        after_wrong_pin=after_wrong_pin,
    )


def _ask(pin: AskPin, chosen: ChosenCertificate) -> bytearray:
    """Asks for the PIN; the text lives no longer than this call, the bytes are overwritten by the link."""
    typed = pin(f"Mã PIN của token «{chosen.token.label}», chứng thư số {serial_text(chosen.certificate.serial)}")
    check_pin(typed)
    return bytearray(typed, "utf-8")
