"""What a person who decides about a node's epoch has to leave behind: a name and a reason."""

from __future__ import annotations

from sync_protocol.errors import Code, ProtocolError
from sync_protocol.fields import readable
from sync_protocol.limits import LONG_CHARS, NAME_CHARS


def decided_by(by: str, why: str) -> tuple[str, str]:
    """The name and the reason as they are kept.

    Raises:
        ProtocolError: FIELD_INVALID where one of them is missing.
    """
    name, reason = readable(by, max_chars=NAME_CHARS), readable(why, max_chars=LONG_CHARS)
    if not name or not reason:
        raise ProtocolError(Code.FIELD_INVALID, "decision: needs the name of who decides, and a reason")
    return name, reason
