"""The serial number of a certificate: as an authority's letter prints it, as people type it, as messages carry it."""

from __future__ import annotations

import re
from string import hexdigits
from typing import Final

from sync_protocol.certificate import serial_text
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.fields import Fields

# X.509 serial numbers have at most 20 bytes (RFC 5280, 4.1.2.2); 2^160 has 49 decimal digits.
_BITS: Final = 160
_HEX_CHARS: Final = _BITS // 4
_DECIMAL_CHARS: Final = 49
_SERIAL: Final = re.compile(r"(?:[0-9A-F]{2}){1,20}", re.ASCII)
_MARKS: Final = {ord(mark): None for mark in ":.-"}


def parse_serial(text: str, *, is_decimal: bool = False) -> str:
    """Reads a serial number as a person types it from a letter; gives it as `serial_text` writes it.

    Blanks, colons, points and dashes between the digits and a leading 0x are passed over. Digits alone may be meant
    either way, so the person says which; beyond 40 of them they can only be decimal.

    Raises:
        ProtocolError: FIELD_INVALID.
    """
    digits = "".join(text.split()).translate(_MARKS)
    digits = digits[2:] if digits[:2] in ("0x", "0X") else digits
    is_digits = digits.isascii() and digits.isdigit()
    if is_decimal or (is_digits and len(digits) > _HEX_CHARS):
        is_fit, base = is_digits and len(digits) <= _DECIMAL_CHARS, 10
    else:
        is_fit, base = bool(digits) and len(digits) <= _HEX_CHARS and set(digits) <= set(hexdigits), 16
    number = int(digits, base) if is_fit else 0
    if number == 0 or number.bit_length() > _BITS:
        raise ProtocolError(Code.FIELD_INVALID, "serial: is not a certificate's serial number")
    return serial_text(number)


def read_serial(fields: Fields, key: int) -> str:
    """A field with a serial number as `serial_text` writes it.

    Raises:
        ProtocolError: FIELD_MISSING or FIELD_INVALID.
    """
    serial = fields.text(key, max_chars=_HEX_CHARS)
    if not _SERIAL.fullmatch(serial) or not int(serial, 16) or serial_text(int(serial, 16)) != serial:
        raise fields.invalid(key, "must be a serial number in upper hexadecimal")
    return serial
