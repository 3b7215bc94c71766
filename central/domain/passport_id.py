"""The opaque name of a passport in addresses and file names: the site and the random part of one of its UVCIs.

It says nothing of the person, and any certificate of a person leads to the same passport.
"""

from __future__ import annotations

import re
from typing import Final

from sync_protocol.errors import Code, ProtocolError
from sync_protocol.uvci import UVCI_PREFIX, make_uvci

_UVCI: Final = re.compile(re.escape(UVCI_PREFIX) + r"([A-Z0-9]+)/([A-Z0-9]+)#.")
_ID: Final = re.compile(r"([A-Z0-9]{1,20})-([A-Z0-9]{1,40})")


def passport_id(uvci: str) -> str:
    """Returns the name of the passport to which the certificate with this number belongs, "19001-ABCDEFGHIJKLMNOP".

    Raises:
        ProtocolError: UVCI_INVALID when it is none of ours.
    """
    found = _UVCI.fullmatch(uvci)
    if found is None:
        raise ProtocolError(Code.UVCI_INVALID, "uvci: is not of our form")
    return f"{found[1]}-{found[2]}"


def uvci_of(name: str) -> str:
    """Returns the UVCI that a passport's name was made of.

    Raises:
        ProtocolError: UVCI_INVALID when it is no such name.
    """
    found = _ID.fullmatch(name)
    if found is None:
        raise ProtocolError(Code.UVCI_INVALID, "passport: the name is a site code and an identifier with a hyphen")
    return make_uvci(found[1], found[2])
