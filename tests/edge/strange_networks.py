"""What lies between a node and its centre: servers with TLS certificates of any kind, proxies, answers that drip."""

from __future__ import annotations

import datetime
import select
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from edge.bootstrap import SystemClock
from tests.builders import ec_key

_PIECE_BYTES = 64 * 1024
_PATIENCE_SECONDS = 10.0


def authority_pem(name: str) -> bytes:
    """The certificate of the authority of this name."""
    return _certificate(name, issuer=name, names=(), days=(-1, 30)).public_bytes(Encoding.PEM)


@contextmanager
def served(answer: Callable[[socket.socket], None], context: ssl.SSLContext | None = None) -> Iterator[int]:
    """A listener that hands each connection to a function in a thread of its own; gives its port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def one(connection: socket.socket) -> None:
        with suppress(OSError), ExitStack() as stack:
            stack.enter_context(connection)
            connection.settimeout(_PATIENCE_SECONDS)
            secured = connection if context is None else context.wrap_socket(connection, server_side=True)
            stack.enter_context(secured)
            answer(secured)

    def all_of_them() -> None:
        with suppress(OSError):
            while True:
                connection, _ = listener.accept()
                threading.Thread(target=one, args=[connection], daemon=True).start()

    thread = threading.Thread(target=all_of_them, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def tls_context(
    directory: Path, *, authority: str, name: str = "127.0.0.1", days: tuple[int, int] = (-1, 30)
) -> ssl.SSLContext:
    """A server's TLS with a certificate of this authority, for this name, valid between these days from now."""
    made = _certificate(f"server {name}", issuer=authority, names=(name,), days=days)
    key = ec_key(f"server {name}").private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file = directory / f"{authority} {name} {days[1]}.pem"
    file.write_bytes(made.public_bytes(Encoding.PEM) + key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


def relay(target: int) -> Callable[[socket.socket], None]:
    """Hands everything on to a port of this machine."""

    def answer(client: socket.socket) -> None:
        with socket.create_connection(("127.0.0.1", target)) as server:
            _join(client, server)

    return answer


@dataclass(slots=True)
class Proxy:
    """An HTTP proxy as offices have them: CONNECT for TLS, whole addresses for the rest.

    Attributes:
        asked: the first line of each request.
        refusal: what it answers in place of passing anything on, or b"".
    """

    asked: list[str] = field(default_factory=list)
    refusal: bytes = b""

    def answer(self, client: socket.socket) -> None:
        """Serve one connection."""
        head = b""
        while b"\r\n\r\n" not in head:
            piece = client.recv(_PIECE_BYTES)
            if not piece:
                return
            head += piece
        line = head.split(b"\r\n", 1)[0].decode("ascii")
        self.asked.append(line)
        if self.refusal:
            client.sendall(self.refusal)
            return
        method, address, _ = line.split(" ")
        host = address if method == "CONNECT" else urlsplit(address).netloc
        with socket.create_connection(("127.0.0.1", int(host.rpartition(":")[2]))) as server:
            if method == "CONNECT":
                client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            else:
                # As RFC 9112, 3.2.1 says: the origin is asked with the path alone.
                server.sendall(head.replace(address.encode(), urlsplit(address).path.encode(), 1))
            _join(client, server)


def _join(client: socket.socket, server: socket.socket) -> None:
    """Pass bytes both ways until one side ends. TLS may hold bytes that `select` does not see."""
    ways = {client: server, server: client}
    while True:
        held = [end for end in ways if isinstance(end, ssl.SSLSocket) and end.pending()]
        for end in held or select.select(list(ways), [], [], _PATIENCE_SECONDS)[0]:
            piece = end.recv(_PIECE_BYTES)
            if not piece:
                return
            ways[end].sendall(piece)


def _certificate(name: str, *, issuer: str, names: tuple[str, ...], days: tuple[int, int]) -> x509.Certificate:
    now = datetime.datetime.fromtimestamp(SystemClock().now(), datetime.UTC)
    key, is_authority = ec_key(name), name == issuer
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + datetime.timedelta(days=days[0]))
        .not_valid_after(now + datetime.timedelta(days=days[1]))
        .add_extension(x509.BasicConstraints(ca=is_authority, path_length=None), critical=True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ec_key(issuer).public_key()), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if names:
        addresses = [x509.IPAddress(ip_address(one)) if one[0].isdigit() else x509.DNSName(one) for one in names]
        builder = builder.add_extension(x509.SubjectAlternativeName(addresses), critical=False)
    return builder.sign(ec_key(issuer), hashes.SHA256())
