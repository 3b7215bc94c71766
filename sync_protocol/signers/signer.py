"""What can sign: a private key in the memory of this process, a software file, or a token in another process.

Everything that signs takes a `Signer`, and never asks which kind it is. A signer hands out a signature only after
verifying it with its own public key: a faulty token must not put a bad signature into a store.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from sync_protocol.certificate import Certificate
from sync_protocol.keys import Algorithm, PublicKey


class Signer(Protocol):
    """One private key, ready to sign."""

    @property
    def certificate(self) -> Certificate | None:
        """The certificate over the key; None for node and ledger keys, which are known by enrolment."""
        ...

    @property
    def public_key(self) -> PublicKey: ...

    @property
    def algorithm(self) -> Algorithm: ...

    @property
    def operations(self) -> int:
        """How many signing operations the key has done for this signer so far."""
        ...

    def sign(self, message: bytes) -> bytes:
        """Signs the message, hashing it first.

        Args:
            message: the bytes to sign, for COSE the encoded Sig_structure.

        Returns:
            The verified signature as COSE carries it: raw r‖s of 64 bytes for ES256, the modulus' length for RSA.

        Raises:
            TokenError: the key could not be used; it says whether to try again.
        """
        ...

    def sign_many(self, messages: Sequence[bytes]) -> list[bytes]:
        """Signs each message with an operation of its own, in order; all or an error."""
        ...

    def close(self) -> None:
        """Ends the signer; it signs no more."""
        ...
