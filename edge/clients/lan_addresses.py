"""Under which addresses and name other machines reach this one, found without asking anybody on the network.

A machine knows its own name by itself (`/etc/hosts`, Windows); only where it does not, its resolver asks for that name.
"""

from __future__ import annotations

import socket
from ipaddress import IPv4Address
from typing import Final

# Kept for documentation (RFC 5737): nobody answers there, and a connected datagram socket sends nothing by itself. The
# system only says from which of its own addresses it would send.
_NOBODY: Final = ("192.0.2.1", 9)


def lan_addresses() -> tuple[str, ...]:
    """This machine's IPv4 addresses that are not loopback; first the one of the network that it is on."""
    found = [_towards_others(), *_of_own_name()]
    return tuple(dict.fromkeys(address for address in found if address and _is_reachable(address)))


def host_name() -> str:
    """This machine's own name."""
    return socket.gethostname()


def _towards_others() -> str:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asked:
        try:
            asked.connect(_NOBODY)
        except OSError:
            # No network at all.
            return ""
        return str(asked.getsockname()[0])


def _of_own_name() -> list[str]:
    try:
        found = socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET, socket.SOCK_STREAM)
    except OSError:
        return []
    return [str(entry[4][0]) for entry in found]


def _is_reachable(text: str) -> bool:
    address = IPv4Address(text)
    return not (address.is_loopback or address.is_unspecified or address.is_link_local)
