"""Where the node is on the clinic's network, and serving the pages there beside the loopback server."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from edge.bootstrap import Node
from edge.clients.lan_addresses import host_name, lan_addresses
from edge.clients.server_tls import server_context
from edge.config import is_lan_address
from edge.domain.refusals import EdgeCode, refuse
from edge.lan import make_lan_server
from edge.web.house.devices import Lan
from edge.workflow.node_certificate import NodeCertificate, node_certificate

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

_PASSWORD_BYTES: Final = 32
# Who acts in the audit trail when the program itself does.
_PROGRAM: Final = "hcvx-edge run"


@dataclass(frozen=True, slots=True)
class Place:
    """An address of this machine with a certificate for it. `shown` is what people are told of it."""

    address: str
    port: int
    certificate: NodeCertificate
    shown: Lan


def find_place(node: Node, address: str = "") -> Place:
    """Choose the address and have a certificate for it.

    Args:
        node: open and enrolled.
        address: IPv4, instead of the one of the settings; without both the first one found.

    Raises:
        RefusedError: LAN_ADDRESS where there is none, or it is not an address of one machine.
        StoreError: NOT_ENROLLED, or what the store refuses.
    """
    chosen = address or node.config.lan_address or next(iter(lan_addresses()), "")
    if not is_lan_address(chosen):
        raise refuse(EdgeCode.LAN_ADDRESS, "address")
    certificate = node_certificate(
        node.database, (chosen,), host_name(), entropy=node.entropy, at=node.clock.now(), by=_PROGRAM
    )
    port = node.config.lan_port
    return Place(chosen, port, certificate, Lan(f"https://{chosen}:{port}/", certificate.fingerprint))


@contextmanager
def serve_place(node: Node, place: Place, app: WSGIApplication) -> Iterator[None]:
    """Answer there while the block runs, with TLS or not at all. Raises RefusedError LAN_ADDRESS."""
    password = node.entropy.token(_PASSWORD_BYTES).hex().encode()
    server = make_lan_server(
        app,
        server_context(place.certificate, password=password),
        address=place.address,
        port=place.port,
        hosts=place.certificate.names,
        threads=node.config.threads,
    )
    thread = threading.Thread(target=server.serve, name="lan")
    thread.start()
    try:
        yield
    finally:
        server.stop()
        thread.join()
