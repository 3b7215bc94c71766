"""Whom the node takes for the centre's server: the enrolled anchors, those of a setting, or the system's list.

With anchors nothing else counts: neither the system's list nor what the surroundings name, so an authority that an
office or an attacker has put on the machine does not stand between the node and the centre.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from sync_protocol.api import NetworkFault

ANCHOR_BYTES: Final = 64 * 1024
# What OpenSSL calls a certificate that is not valid yet, one that is not valid any more, and one for another name.
_TIME_CODES: Final = frozenset({9, 10})
_NAME_CODES: Final = frozenset({62, 64})


def read_anchors(pem: bytes) -> bytes:
    """The certificates of a PEM file, as PEM and nothing else. ValueError where there is none or one cannot be read."""
    if len(pem) > ANCHOR_BYTES:
        raise ValueError("the file is too large for certificates of authorities")
    return b"".join(one.public_bytes(Encoding.PEM) for one in x509.load_pem_x509_certificates(pem))


def anchored_context(pem: bytes) -> ssl.SSLContext:
    """TLS 1.2 or newer that believes these authorities alone.

    Args:
        pem: from `read_anchors`.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    # An anchor may be the server's own certificate, or one below a root that the site never sees.
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(cadata=pem.decode("ascii"))
    return context


def tls_fault(error: BaseException) -> NetworkFault:
    """Which fault a failed handshake is."""
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLCertVerificationError):
            if cause.verify_code in _TIME_CODES:
                return NetworkFault.TLS_TIME
            return NetworkFault.TLS_NAME if cause.verify_code in _NAME_CODES else NetworkFault.TLS
    return NetworkFault.TLS


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An exception, what it carries and what led to it: libraries wrap each other's."""
    waiting, seen = [error], set()
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        others = (*one.args, one.__cause__, one.__context__, getattr(one, "reason", None))
        waiting += [other for other in others if isinstance(other, BaseException)]
