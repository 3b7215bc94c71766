"""What a browser may send to the desk at which a PIN is typed: one small form from the node's own page, and no more.

Every web page that the same browser shows can send requests to this machine. So a request must name the desk by its
own address (a name that was pointed here from outside is another Host), must know the path that nobody can guess, and
must come from the node's page (Origin, which no page can forge). Everything is judged by the head alone, before the
body with the PIN is looked at.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from string import hexdigits
from typing import Final

# What a browser sends before the form, with its cookies for this machine, has less than 2 KB.
HEAD_BYTES: Final = 16 * 1024
BODY_BYTES: Final = 1024
_FORM: Final = "application/x-www-form-urlencoded"
_FIELD: Final = b"pin="
_HEAD_END: Final = b"\r\n\r\n"


@dataclass(frozen=True, slots=True)
class DeskAddress:
    """Where the desk is, and for whom.

    Attributes:
        host: as a browser names it: "127.0.0.1:49152".
        path: begins with "/"; nobody can guess it.
        origin: of the page that shows the form, such as "http://127.0.0.1:8750".
    """

    host: str
    path: str
    origin: str


class FormRefusedError(Exception):
    """This is not the form of our page; `status` is what HTTP calls it. No try of the PIN is spent."""

    def __init__(self, status: int) -> None:
        super().__init__(f"{status}")
        self.status = status


def read_pin(received: bytearray, address: DeskAddress) -> bytearray | None:
    """Judge what has come of a request so far.

    Args:
        received: from the first byte of the connection on.
        address: the desk's own.

    Returns:
        What was typed, as the bytes of its UTF-8, unchecked; None as long as more has to come.

    Raises:
        FormRefusedError: 400 for what is no such form, 403 for another origin, 404 for another path, 405 for another
            method, 413 for a body above 1 KB, 421 for another host, 431 for an endless head.
    """
    end = received.find(_HEAD_END)
    if end > HEAD_BYTES or (end < 0 and len(received) > HEAD_BYTES):
        raise FormRefusedError(431)
    if end < 0:
        return None
    length = _judge_head(received[:end].decode("latin-1"), address)
    start = end + len(_HEAD_END)
    if len(received) - start > length:
        raise FormRefusedError(400)
    if len(received) - start < length:
        return None
    if not received.startswith(_FIELD, start) or received.find(b"&", start) >= 0:
        raise FormRefusedError(400)
    return _decoded(received[start + len(_FIELD) :])


def _judge_head(head: str, address: DeskAddress) -> int:
    """The length of the body that this head may have."""
    first, *lines = head.split("\r\n")
    method, _, rest = first.partition(" ")
    path, _, version = rest.partition(" ")
    if version not in ("HTTP/1.1", "HTTP/1.0"):
        raise FormRefusedError(400)
    fields: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        name = name.lower()
        # A field that stands twice is read by two programs in two ways; a blank before the colon likewise.
        if not colon or not name or name != name.strip() or name in fields:
            raise FormRefusedError(400)
        fields[name] = value.strip()
    if fields.get("host") != address.host:
        raise FormRefusedError(421)
    if not hmac.compare_digest(path.encode("latin-1"), address.path.encode("ascii")):
        raise FormRefusedError(404)
    if method != "POST":
        raise FormRefusedError(405)
    if fields.get("origin") != address.origin:
        raise FormRefusedError(403)
    return _length(fields)


def _length(fields: dict[str, str]) -> int:
    kind = fields.get("content-type", "").partition(";")[0].strip().lower()
    digits = fields.get("content-length", "")
    if kind != _FORM or "transfer-encoding" in fields or not (digits.isascii() and digits.isdigit()):
        raise FormRefusedError(400)
    if len(digits) > len(str(BODY_BYTES)) or int(digits) > BODY_BYTES:
        raise FormRefusedError(413)
    return int(digits)


def _decoded(value: bytearray) -> bytearray:
    """The value without its escapes (URL Standard, application/x-www-form-urlencoded)."""
    found = bytearray()
    at = 0
    while at < len(value):
        escape = value[at + 1 : at + 3]
        if value[at] == ord("%") and len(escape) == 2 and all(chr(digit) in hexdigits for digit in escape):
            found.append(int(escape, 16))
            at += 3
            continue
        found.append(ord(" ") if value[at] == ord("+") else value[at])
        at += 1
    wipe(value)
    return found


def wipe(secret: bytearray) -> None:
    """Overwrite what is not needed any more; copies that others made are beyond it."""
    secret[:] = bytes(len(secret))
