"""The server's side of TLS, from a certificate and a key that never lie on a disk in the clear."""

from __future__ import annotations

import os
import ssl
import tempfile
from pathlib import Path
from typing import Final, Protocol

# For TLS 1.2; those of TLS 1.3 are all good.
_CIPHERS: Final = "ECDHE+AESGCM:ECDHE+CHACHA20"


class Pem(Protocol):
    """Gives certificate and key as PEM, the key encrypted under a password."""

    def pem(self, password: bytes) -> bytes:
        """Both, as `ssl` reads them."""
        ...


def server_context(certificate: Pem, *, password: bytes) -> ssl.SSLContext:
    """TLS 1.2 or newer with this certificate.

    Args:
        certificate: of the node.
        password: fresh random bytes without a zero byte, for this call only.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS)
    context.set_alpn_protocols(["http/1.1"])
    # `ssl` reads from files only: this one is its owner's alone, encrypted, and gone again at once.
    descriptor, name = tempfile.mkstemp(prefix="hcvx-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(certificate.pem(password))
        context.load_cert_chain(name, password=password)
    finally:
        Path(name).unlink()
    return context
