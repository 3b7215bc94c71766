"""UVCI, the number of one health certificate: ``URN:UVCI:01:VN:<site>/<opaque>#<check>``.

The site code inside allows everything that one site signed to be revoked by prefix. The check character guards
against mistyping, not against forgery; a foreign UVCI is never refused for it.

Source: eHealth Network, interoperability guidelines for vaccination certificates, annex 2.
"""

from __future__ import annotations

import re
from typing import Final

from sync_protocol.errors import Code, ProtocolError

ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/:"
UVCI_CHARS: Final = 60
UVCI_PREFIX: Final = "URN:UVCI:01:VN:"

_BASE: Final = len(ALPHABET)
_SITE: Final = re.compile(r"[A-Z0-9]{1,20}")
_OPAQUE: Final = re.compile(r"[A-Z0-9]{1,40}")
_WHOLE: Final = re.compile(r"URN:UVCI:01:[A-Z]{2}:[A-Z0-9/:]{1,56}#[A-Z0-9/:]")


def _digit_sums(*, factor: int) -> bytes:
    """Returns, for each byte value, what the character adds to the Luhn sum with this factor."""
    table = bytearray(256)
    for value, character in enumerate(ALPHABET):
        weighted = value * factor
        table[ord(character)] = weighted // _BASE + weighted % _BASE
    return bytes(table)


_ONCE: Final = _digit_sums(factor=1)
_TWICE: Final = _digit_sums(factor=2)


def check_character(text: str) -> str:
    """Returns the Luhn mod 38 check character over `text` (everything before ``#``, upper case)."""
    backwards = text.encode("ascii")[::-1]
    total = sum(backwards[::2].translate(_TWICE)) + sum(backwards[1::2].translate(_ONCE))
    return ALPHABET[-total % _BASE]


def make_uvci(site: str, opaque: str) -> str:
    """Returns the UVCI of one health certificate.

    Args:
        site: the code of the place that signed, 1..20 of ``A-Z0-9``.
        opaque: what tells this certificate from all others of the site, 1..40 of ``A-Z0-9``; never used twice.

    Raises:
        ProtocolError: UVCI_INVALID when a part is malformed or the whole passes 60 characters.
    """
    if not _SITE.fullmatch(site):
        raise ProtocolError(Code.UVCI_INVALID, "uvci: the site code must be 1 to 20 of A-Z and 0-9")
    if not _OPAQUE.fullmatch(opaque):
        raise ProtocolError(Code.UVCI_INVALID, "uvci: the opaque part must be 1 to 40 of A-Z and 0-9")
    body = f"{UVCI_PREFIX}{site}/{opaque}"
    if len(body) + 2 > UVCI_CHARS:
        raise ProtocolError(Code.UVCI_INVALID, f"uvci: longer than {UVCI_CHARS} characters")
    return f"{body}#{check_character(body)}"


def check_uvci(text: str) -> None:
    """Refuses a UVCI that is malformed, too long or whose check character is wrong.

    Raises:
        ProtocolError: UVCI_INVALID.
    """
    if len(text) > UVCI_CHARS:
        raise ProtocolError(Code.UVCI_INVALID, f"uvci: longer than {UVCI_CHARS} characters")
    if not _WHOLE.fullmatch(text):
        raise ProtocolError(Code.UVCI_INVALID, "uvci: not of the form URN:UVCI:01:<country>:<identifier>#<check>")
    if check_character(text[:-2]) != text[-1]:
        raise ProtocolError(Code.UVCI_INVALID, "uvci: the check character is wrong")
