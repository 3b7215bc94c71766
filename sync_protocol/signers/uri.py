"""The one line of settings that names a signer.

Two forms::

    software:/srv/hcvx/station.p12
    pkcs11:token=TRAM%20Y%20TE;serial=5403A1F0?module-path=/usr/lib/softhsm/libsofthsm2.so&algorithm=PS256

The second follows RFC 7512 (percent-encoding, `;` between attributes, `&` in the query) with two
differences: `serial` is the *certificate's* serial number in hexadecimal, as the certification
authority's letter states it, and `algorithm` (ES256, PS256, RS256) may state a wish. Either `token`
(the token's label) or `serial` is needed; both may be given. `pin-value` and `pin-source` of RFC 7512
are refused: a PIN has no place in settings.
"""

from __future__ import annotations

from dataclasses import dataclass
from string import hexdigits
from typing import Final, TypeAlias
from urllib.parse import quote, unquote_to_bytes

from sync_protocol.certificate import serial_text
from sync_protocol.keys import Algorithm
from sync_protocol.signers.token_errors import TokenCode, TokenError

_SOFTWARE: Final = "software:"
_PKCS11: Final = "pkcs11:"
# X.509 serial numbers have at most 20 bytes (RFC 5280, 4.1.2.2).
_SERIAL_BITS: Final = 160
# What may stand unescaped in a path of ours; `;`, `&`, `?`, `%` and blanks are escaped.
_SAFE: Final = "/:\\"


@dataclass(frozen=True, slots=True)
class SoftwareUri:
    """An encrypted PKCS#12 file; `path` is as the operating system writes it, without escapes."""

    path: str


@dataclass(frozen=True, slots=True)
class Pkcs11Uri:
    """A token, found by its label, by the serial number of its certificate, or by both.

    Attributes:
        label: the token's label, or None for any.
        serial: the certificate's serial number, or None for the token's only signing certificate.
        module_path: the vendor's module, or None for the one of the surroundings (HCVX_PKCS11_MODULE).
        algorithm: the algorithm wished for, or None for the surest one of the key.
    """

    label: str | None
    serial: int | None
    module_path: str | None = None
    algorithm: Algorithm | None = None


SignerUri: TypeAlias = SoftwareUri | Pkcs11Uri


def parse_signer_uri(text: str) -> SignerUri:
    """Reads the setting.

    Args:
        text: one of the two forms above.

    Raises:
        TokenError: URI_INVALID; its text names the attribute and never repeats a value, since people do
            write PINs into such lines.
    """
    if text.startswith(_SOFTWARE):
        path = text.removeprefix(_SOFTWARE)
        if not path.strip() or "\x00" in path:
            raise TokenError(TokenCode.URI_INVALID, "software: needs a path")
        return SoftwareUri(path)
    if text.startswith(_PKCS11):
        return _parse_pkcs11(text.removeprefix(_PKCS11))
    raise TokenError(TokenCode.URI_INVALID, "it starts with neither software: nor pkcs11:")


def encode_signer_uri(uri: SignerUri) -> str:
    """Writes the setting; `parse_signer_uri` gives the same value back."""
    if isinstance(uri, SoftwareUri):
        return _SOFTWARE + uri.path
    path = []
    if uri.label is not None:
        path.append(f"token={quote(uri.label, safe='')}")
    if uri.serial is not None:
        path.append(f"serial={serial_text(uri.serial)}")
    query = []
    if uri.module_path is not None:
        query.append(f"module-path={quote(uri.module_path, safe=_SAFE)}")
    if uri.algorithm is not None:
        query.append(f"algorithm={uri.algorithm.name}")
    return _PKCS11 + ";".join(path) + ("?" + "&".join(query) if query else "")


def parse_certificate_serial(text: str) -> int:
    """Reads a serial number as letters and viewers print it: hexadecimal, any case, `:` or blanks between.

    Raises:
        TokenError: URI_INVALID.
    """
    digits = text.translate({ord(mark): None for mark in ": "})
    # `int` alone would also take a sign, a prefix, underscores and digits of other scripts.
    if not digits or not set(digits) <= set(hexdigits):
        raise TokenError(TokenCode.URI_INVALID, "serial is not hexadecimal")
    serial = int(digits, 16)
    if serial == 0 or serial.bit_length() > _SERIAL_BITS:
        raise TokenError(TokenCode.URI_INVALID, "serial is not a certificate's serial number")
    return serial


def _parse_pkcs11(rest: str) -> Pkcs11Uri:
    path, _, query = rest.partition("?")
    attributes = _read_attributes(path, separator=";", known=frozenset({"token", "serial"}))
    wishes = _read_attributes(query, separator="&", known=frozenset({"module-path", "algorithm"}))
    if not attributes:
        raise TokenError(TokenCode.URI_INVALID, "pkcs11: needs token or serial")
    serial = attributes.get("serial")
    algorithm = wishes.get("algorithm")
    if algorithm is not None and algorithm not in Algorithm.__members__:
        raise TokenError(TokenCode.URI_INVALID, "algorithm is none of ES256, PS256, RS256")
    return Pkcs11Uri(
        label=attributes.get("token"),
        serial=None if serial is None else parse_certificate_serial(serial),
        module_path=wishes.get("module-path"),
        algorithm=None if algorithm is None else Algorithm[algorithm],
    )


def _read_attributes(text: str, *, separator: str, known: frozenset[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    if not text:
        return found
    for part in text.split(separator):
        name, equals, value = part.partition("=")
        if name in {"pin-value", "pin-source"}:
            raise TokenError(TokenCode.URI_INVALID, "a PIN has no place in the address")
        # The name itself is not repeated: it may be a PIN typed into the wrong place.
        if name not in known or not equals:
            raise TokenError(TokenCode.URI_INVALID, "it has an attribute that is not known here")
        if name in found:
            raise TokenError(TokenCode.URI_INVALID, f"{name} stands twice")
        try:
            decoded = unquote_to_bytes(value).decode("utf-8")
        except UnicodeDecodeError:
            raise TokenError(TokenCode.URI_INVALID, f"{name} is not UTF-8") from None
        if not decoded or "\x00" in decoded:
            raise TokenError(TokenCode.URI_INVALID, f"{name} is empty or holds a zero byte")
        found[name] = decoded
    return found
