"""The signer whose key lies in a token or an HSM, driven through PKCS#11 in a process of its own.

Our side of it: choose the token and the certificate, ask the person for the PIN once, hash, choose the
mechanism, and verify each signature with the certificate before anybody sees it. The PIN is handed on and
forgotten; a wrong one is never tried again by program. After any error the signer is closed: open a new one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from sync_protocol import keys
from sync_protocol.certificate import Certificate, serial_text
from sync_protocol.errors import ProtocolError
from sync_protocol.keys import Algorithm, PublicKey
from sync_protocol.signers.mechanisms import MechanismChoice, choose_mechanism, token_input
from sync_protocol.signers.pin_guard import check_pin, check_pin_flags
from sync_protocol.signers.token_choice import ChosenCertificate, choose_certificate
from sync_protocol.signers.token_errors import TokenCode, TokenError
from sync_protocol.signers.token_link import TokenLink, TokenTimeouts
from sync_protocol.signers.token_messages import LoggedIn, Login, Scan, Scanned, SeenToken, Sign, Signed
from sync_protocol.signers.uri import Pkcs11Uri

# Asks a person for the PIN or password; the argument is the Vietnamese question.
AskPin: TypeAlias = Callable[[str], str]

_TIMEOUTS: Final = TokenTimeouts()
# So many signatures go over the pipe together: the way there and back then costs little beside an HSM's work,
# and a token that stops is noticed before the whole day is lost.
_TOGETHER: Final = 32


class Pkcs11Signer:
    """Signs with a token's key; implements `Signer`. Made by `open_pkcs11`.

    Safe to use from several threads: requests queue up at the link. `sign` and `sign_many` raise `TokenError`
    and thereby close the signer.
    """

    def __init__(self, link: TokenLink, certificate: Certificate, choice: MechanismChoice) -> None:
        self._link = link
        self._choice = choice
        self.certificate = certificate
        self.public_key: PublicKey = certificate.public_key
        self.algorithm: Algorithm = choice.algorithm

    @property
    def operations(self) -> int:
        """How many signatures the token has made for this signer, the refused ones included."""
        return self._link.operations

    @property
    def process_id(self) -> int | None:
        """The signer process's number at the operating system; for diagnosis."""
        return self._link.process_id

    def sign(self, message: bytes) -> bytes:
        """Signs the message with one operation of the token; see `Signer.sign`.

        Raises:
            TokenError: TOKEN_REMOVED, TOKEN_FAILED, TIMEOUT, PROCESS_DIED, MECHANISM_MISSING, SIGNATURE_WRONG, CLOSED.
        """
        return self.sign_many([message])[0]

    def sign_many(self, messages: Sequence[bytes]) -> list[bytes]:
        """Signs each message with an operation of its own, in order; all or an error."""
        signatures: list[bytes] = []
        for start in range(0, len(messages), _TOGETHER):
            signatures.extend(self._sign_some(messages[start : start + _TOGETHER]))
        return signatures

    def close(self) -> None:
        """Logs out and ends the signer process."""
        self._link.close()

    def _sign_some(self, messages: Sequence[bytes]) -> tuple[bytes, ...]:
        request = Sign(self._choice.mechanism, tuple(token_input(self._choice, message) for message in messages))
        seconds = self._link.timeouts.signature * len(messages)
        signatures = self._link.ask(request, Signed, seconds=seconds).signatures
        try:
            # `strict`: a token that answers too few times has failed like one that answers wrongly.
            for message, signature in zip(messages, signatures, strict=True):
                keys.verify(self.public_key, self.algorithm, signature, message)
        except (ProtocolError, ValueError):
            # Nothing more is asked of a token, or a key, that signs wrongly.
            self.close()
            raise TokenError(TokenCode.SIGNATURE_WRONG) from None
        return signatures


def open_pkcs11(
    uri: Pkcs11Uri,
    pin: AskPin,
    *,
    module_path: str,
    after_wrong_pin: bool = False,
    timeouts: TokenTimeouts = _TIMEOUTS,
) -> Pkcs11Signer:
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
        timeouts: how long to wait for what.

    Raises:
        TokenError: any code but those of files. Not tried again here, whatever `try_again` says.
    """
    link = TokenLink(timeouts)
    try:
        # (1)
        tokens = link.ask(Scan(module_path), Scanned, seconds=timeouts.scan).tokens
        # (2)
        chosen = choose_certificate(tokens, label=uri.label, serial=uri.serial)
        certificate, token = chosen.certificate, chosen.token
        choice = choose_mechanism(certificate.public_key, token.mechanisms, wanted=uri.algorithm)
        check_pin_flags(token.flags, after_wrong_pin=after_wrong_pin)
        # (3)
        login = Login(
            slot=token.slot,
            label=token.label,
            serial=token.serial,
            object_id=chosen.object_id,
            is_rsa=isinstance(certificate.public_key, RSAPublicKey),
            after_wrong_pin=after_wrong_pin,
        )
        secret = _ask(pin, chosen)
        link.ask(login, LoggedIn, seconds=timeouts.login, secret=secret)
    except BaseException:
        link.close()
        raise
    return Pkcs11Signer(link, certificate, choice)


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


def _ask(pin: AskPin, chosen: ChosenCertificate) -> bytearray:
    """Asks for the PIN; the text lives no longer than this call, the bytes are overwritten by the link."""
    typed = pin(f"Mã PIN của token «{chosen.token.label}», chứng thư số {serial_text(chosen.certificate.serial)}")
    check_pin(typed)
    return bytearray(typed, "utf-8")
