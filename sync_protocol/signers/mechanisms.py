"""Which PKCS#11 mechanism to ask of a token, and which bytes to hand it: a pure decision.

Two rules shape it. *Digest first*: a mechanism that takes the SHA-256 digest is preferred over one that
hashes inside the token, so that as a rule 32 or 51 bytes travel and never the message. `ECDSA` in
particular is never given anything but a digest: many tokens silently sign a truncation of longer input.
*Fallback*: a token that offers only the hashing form (FIPS modes drop the raw ones) gets the message.
Which input belongs to which mechanism is part of the choice itself, so no caller can mix them up; the
signature is verified afterwards in any case.

Source: PKCS #11 v3.1 sections 6.1.6 (RSA PKCS #1 v1.5), 6.1.10 (PSS), 6.3.12 (ECDSA); RFC 8017 9.2 (DigestInfo).
"""

from __future__ import annotations

import hashlib
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, assert_never

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from sync_protocol.errors import ProtocolError
from sync_protocol.keys import Algorithm, PublicKey, check_algorithm
from sync_protocol.signers.token_errors import TokenCode, TokenError
from sync_protocol.signers.token_messages import TokenMechanism


class TokenInput(StrEnum):
    """What a mechanism is given to sign."""

    DIGEST = "digest"
    DIGEST_INFO = "digest-info"
    MESSAGE = "message"


@dataclass(frozen=True, slots=True)
class MechanismChoice:
    """One way of getting a signature of `algorithm` from a token."""

    algorithm: Algorithm
    mechanism: TokenMechanism
    input: TokenInput


# DER of DigestInfo for SHA-256 up to the digest itself (RFC 8017, section 9.2, note 1).
_DIGEST_INFO: Final = bytes.fromhex("3031300d060960864801650304020105000420")

# In the order of preference within each algorithm.
_CHOICES: Final = (
    MechanismChoice(Algorithm.ES256, TokenMechanism.ECDSA, TokenInput.DIGEST),
    MechanismChoice(Algorithm.ES256, TokenMechanism.ECDSA_SHA256, TokenInput.MESSAGE),
    MechanismChoice(Algorithm.RS256, TokenMechanism.RSA_PKCS, TokenInput.DIGEST_INFO),
    MechanismChoice(Algorithm.RS256, TokenMechanism.SHA256_RSA_PKCS, TokenInput.MESSAGE),
    MechanismChoice(Algorithm.PS256, TokenMechanism.RSA_PKCS_PSS, TokenInput.DIGEST),
    MechanismChoice(Algorithm.PS256, TokenMechanism.SHA256_RSA_PKCS_PSS, TokenInput.MESSAGE),
)


def choose_mechanism(key: PublicKey, offered: AbstractSet[int], *, wanted: Algorithm | None) -> MechanismChoice:
    """Chooses how to sign with this key.

    Args:
        key: the certificate's public key.
        offered: CKM_… numbers that the token names for signing. A token that names none at all is
            taken to have the first choice: some give no list, and the signature is verified anyway.
        wanted: the algorithm asked for; None: ES256 for an EC key; for an RSA key RS256, which all tokens
            know, and PS256 only where nothing else is offered.

    Raises:
        TokenError: ALGORITHM_UNFIT if `wanted` does not fit the key's type or size; MECHANISM_MISSING if the
            token offers no way to make such a signature.
    """
    candidates = _algorithms_of(key) if wanted is None else (wanted,)
    try:
        for algorithm in candidates:
            check_algorithm(algorithm, key)
    except ProtocolError as error:
        raise TokenError(TokenCode.ALGORITHM_UNFIT, error.code.value) from None
    for algorithm in candidates:
        for choice in _CHOICES:
            if choice.algorithm is algorithm and (not offered or choice.mechanism in offered):
                return choice
    raise TokenError(TokenCode.MECHANISM_MISSING, "/".join(algorithm.name for algorithm in candidates))


def token_input(choice: MechanismChoice, message: bytes) -> bytes:
    """What the token is given for `message`: its 32-byte SHA-256 digest, a 51-byte DigestInfo of that, or itself."""
    match choice.input:
        case TokenInput.DIGEST:
            return hashlib.sha256(message).digest()
        case TokenInput.DIGEST_INFO:
            return _DIGEST_INFO + hashlib.sha256(message).digest()
        case TokenInput.MESSAGE:
            return message
        case _:
            assert_never(choice.input)


def _algorithms_of(key: PublicKey) -> tuple[Algorithm, ...]:
    if isinstance(key, RSAPublicKey):
        return (Algorithm.RS256, Algorithm.PS256)
    return (Algorithm.ES256,)
