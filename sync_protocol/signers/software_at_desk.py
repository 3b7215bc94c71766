"""A key file that is opened in the signer process, with the password that a person types in a browser."""

from __future__ import annotations

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from sync_protocol.certificate import Certificate, parse_certificate
from sync_protocol.errors import ProtocolError
from sync_protocol.keys import Algorithm
from sync_protocol.signers.at_desk import DeskPlace, DeskScreen, have_pin_typed
from sync_protocol.signers.mechanisms import MechanismChoice, TokenInput
from sync_protocol.signers.process_signer import ProcessSigner
from sync_protocol.signers.software import warn
from sync_protocol.signers.token_errors import TokenCode, TokenError
from sync_protocol.signers.token_link import TokenLink, TokenTimeouts
from sync_protocol.signers.token_messages import FileSeen, LookAtFile, TokenMechanism, Unlocked, UnlockFile


def open_software_at_desk(path: str, place: DeskPlace, screen: DeskScreen, *, timeouts: TokenTimeouts) -> ProcessSigner:
    """Opens the file there and warns here with `SoftwareSignerWarning`, each time.

    Args:
        path: the PKCS#12 file.
        place: where the page is that shows the form.
        screen: shows the form; what it raises ends the signer.
        timeouts: how long to wait for what.

    Raises:
        TokenError: FILE_MISSING or FILE_INVALID before the password is asked for; FILE_PASSWORD, PIN_EMPTY,
            PIN_NOT_TYPED, PIN_CANCELLED, DESK_CLOSED, TIMEOUT, PROCESS_DIED.
    """
    link = TokenLink(timeouts)
    try:
        link.ask(LookAtFile(path), FileSeen, seconds=timeouts.scan)
        have_pin_typed(link, place, screen, label="", certificate=None)
        certificate = _parsed(link.ask(UnlockFile(), Unlocked, seconds=timeouts.login).certificate)
        warn()
    except BaseException:
        link.close()
        raise
    return ProcessSigner(link, certificate, _choice(certificate))


def _parsed(der: bytes) -> Certificate:
    try:
        return parse_certificate(der)
    except ProtocolError as error:
        raise TokenError(TokenCode.FILE_INVALID, error.code.value) from None


def _choice(certificate: Certificate) -> MechanismChoice:
    """As `KeySigner` has it without a wish: the file's session signs messages with the one algorithm of its key."""
    if isinstance(certificate.public_key, RSAPublicKey):
        return MechanismChoice(Algorithm.PS256, TokenMechanism.SHA256_RSA_PKCS_PSS, TokenInput.MESSAGE)
    return MechanismChoice(Algorithm.ES256, TokenMechanism.ECDSA_SHA256, TokenInput.MESSAGE)
