"""A signer over a private key that this process holds: node keys, ledger keys, and what the software file gives."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeAlias

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from sync_protocol import keys
from sync_protocol.certificate import Certificate
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.keys import Algorithm, PublicKey

PrivateKey: TypeAlias = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


class KeySigner:
    """Signs with a key in memory; implements `Signer`.

    OpenSSL computes in this process, so there is no faulty device to guard against and no second operation to
    verify what it just made.

    Args:
        private_key: P-256, or RSA of 2,048 to 4,096 bits.
        certificate: the certificate over its public half, where there is one.
        algorithm: for RSA the choice between PS256 (the default) and RS256.

    Raises:
        ProtocolError: KEY_INVALID or ALGORITHM when key, certificate and algorithm do not belong together.
    """

    def __init__(
        self, private_key: PrivateKey, *, certificate: Certificate | None = None, algorithm: Algorithm | None = None
    ) -> None:
        self._private_key = private_key
        self.public_key: PublicKey = keys.check_key(private_key.public_key())
        if certificate is not None and certificate.public_key != self.public_key:
            raise ProtocolError(Code.KEY_INVALID, "the certificate is over another key")
        self.certificate = certificate
        usual = Algorithm.ES256 if isinstance(private_key, ec.EllipticCurvePrivateKey) else Algorithm.PS256
        self.algorithm = keys.check_algorithm(usual if algorithm is None else algorithm, self.public_key)
        self.operations = 0

    def sign(self, message: bytes) -> bytes:
        """Signs the message; gives raw r‖s of 64 bytes, or an RSA signature of the modulus' length."""
        self.operations += 1
        if isinstance(self._private_key, ec.EllipticCurvePrivateKey):
            return keys.raw_from_der(self._private_key.sign(message, keys.ECDSA_SHA256))
        scheme = keys.PSS_SHA256 if self.algorithm is Algorithm.PS256 else keys.PKCS1
        return self._private_key.sign(message, scheme, keys.SHA256)

    def sign_many(self, messages: Sequence[bytes]) -> list[bytes]:
        """Signs each message with an operation of its own, in order."""
        if not isinstance(self._private_key, ec.EllipticCurvePrivateKey):
            return [self.sign(message) for message in messages]
        # The end-of-day run passes here a million times: nothing is looked up that stays the same.
        sign, raw, scheme = self._private_key.sign, keys.raw_from_der, keys.ECDSA_SHA256
        signatures = [raw(sign(message, scheme)) for message in messages]
        self.operations += len(signatures)
        return signatures

    def close(self) -> None:
        """Holds nothing to give back."""
