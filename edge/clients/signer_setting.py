"""Which signer is meant: the one asked for now, else the one of the settings, with the settings' module for tokens."""

from __future__ import annotations

from dataclasses import replace

from edge.config import Config
from edge.domain.pass_journal import PassCode, PassRefusedError
from sync_protocol.certificate import serial_text
from sync_protocol.signers.token_errors import TokenError
from sync_protocol.signers.uri import Pkcs11Uri, encode_signer_uri, parse_signer_uri


def signer_uri(config: Config, asked: str = "") -> str:
    """Return the URI for `open_signer`.

    Raises:
        PassRefusedError: SIGNER_UNSET.
        TokenError: URI_INVALID.
    """
    text = asked or config.signer
    if not text:
        raise PassRefusedError(PassCode.SIGNER_UNSET)
    uri = parse_signer_uri(text)
    if isinstance(uri, Pkcs11Uri) and uri.module_path is None and config.pkcs11_module:
        uri = replace(uri, module_path=config.pkcs11_module)
    return encode_signer_uri(uri)


def signer_serial(config: Config) -> str:
    """The serial number, upper hex, of the certificate that the settings name; "" where they name none, or wrongly."""
    try:
        uri = parse_signer_uri(config.signer)
    except TokenError:
        return ""
    return serial_text(uri.serial) if isinstance(uri, Pkcs11Uri) and uri.serial is not None else ""
