"""A few files of every kind that travels on sticks, made with seeded keys."""

from __future__ import annotations

import hashlib
from typing import Final

from sync_protocol import contexts
from sync_protocol.feed import FeedRequest, sign_request
from sync_protocol.feed_page import framed, seal_page
from sync_protocol.sealing import seal
from sync_protocol.signers.key_signer import KeySigner
from tests.builders import SeededEntropy, ec_key

NODE: Final = "19001A"


def sealed_bundle(seed: int, *, size: int = 900) -> bytes:
    """Something sealed to the centre, with content that nobody here opens."""
    return seal(bytes([seed % 256]) * size, recipient=ec_key("centre").public_key(), entropy=SeededEntropy(seed))


def feed_file(seed: int, *, node: str = NODE, pages: int = 2) -> bytes:
    """A feed without items, sealed to a node."""
    recipient = ec_key(f"opening {node}").public_key()
    return b"".join(
        framed(seal_page([], newest=0, recipient=recipient, entropy=SeededEntropy(seed + page)))
        for page in range(pages)
    )


def feed_request(seed: int, *, node: str = NODE) -> bytes:
    """A request of a node."""
    asked = FeedRequest(node, 1, 0, at=1_650_000_000, nonce=SeededEntropy(seed).token(16))
    return sign_request(asked, KeySigner(ec_key(f"node {node}")))


def handover_file(seed: int, *, node: str = NODE) -> bytes:
    """Something sealed to a node that is no feed."""
    recipient = ec_key(f"opening {node}").public_key()
    return seal(b"doses", recipient=recipient, entropy=SeededEntropy(seed), context=contexts.HANDOVER.aad)


def digest_of(data: bytes) -> bytes:
    """SHA-256."""
    return hashlib.sha256(data).digest()


FILES: Final = (sealed_bundle(1), sealed_bundle(2, size=600_000), sealed_bundle(3))
