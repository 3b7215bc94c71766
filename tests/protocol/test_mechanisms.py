"""Which mechanism is asked of which token: digest first, fallback, and refusal."""

from __future__ import annotations

import hashlib
from itertools import chain, combinations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.hashes import SHA256

from sync_protocol.keys import Algorithm, PublicKey
from sync_protocol.signers.mechanisms import MechanismChoice, TokenInput, choose_mechanism, token_input
from sync_protocol.signers.token_errors import TokenCode, TokenError
from sync_protocol.signers.token_messages import TokenMechanism
from tests.builders import ec_key, rsa_key

_EC = ec_key("mechanisms").public_key()
_RSA = rsa_key().public_key()
_ALL = frozenset(TokenMechanism)
_FIPS = frozenset({TokenMechanism.SHA256_RSA_PKCS, TokenMechanism.SHA256_RSA_PKCS_PSS, TokenMechanism.ECDSA_SHA256})


@pytest.mark.parametrize(
    ("key", "offered", "wanted", "mechanism", "given"),
    [
        (_EC, _ALL, None, TokenMechanism.ECDSA, TokenInput.DIGEST),
        (_EC, _FIPS, None, TokenMechanism.ECDSA_SHA256, TokenInput.MESSAGE),
        (_EC, frozenset(), Algorithm.ES256, TokenMechanism.ECDSA, TokenInput.DIGEST),
        (_RSA, _ALL, None, TokenMechanism.RSA_PKCS, TokenInput.DIGEST_INFO),
        (_RSA, _FIPS, None, TokenMechanism.SHA256_RSA_PKCS, TokenInput.MESSAGE),
        (_RSA, frozenset(), None, TokenMechanism.RSA_PKCS, TokenInput.DIGEST_INFO),
        (_RSA, _ALL, Algorithm.PS256, TokenMechanism.RSA_PKCS_PSS, TokenInput.DIGEST),
        (_RSA, _FIPS, Algorithm.PS256, TokenMechanism.SHA256_RSA_PKCS_PSS, TokenInput.MESSAGE),
        # Only PSS is there, and nothing was asked for.
        (_RSA, {TokenMechanism.RSA_PKCS_PSS, 0x9999}, None, TokenMechanism.RSA_PKCS_PSS, TokenInput.DIGEST),
    ],
)
def test_the_choice_prefers_digests_and_what_every_token_knows(
    key: PublicKey,
    offered: frozenset[int],
    wanted: Algorithm | None,
    mechanism: TokenMechanism,
    given: TokenInput,
) -> None:
    choice = choose_mechanism(key, offered, wanted=wanted)
    assert (choice.mechanism, choice.input) == (mechanism, given)
    assert wanted is None or choice.algorithm is wanted


def test_every_offer_gives_a_mechanism_that_was_offered_or_a_refusal() -> None:
    offers = chain.from_iterable(combinations(_ALL, size) for size in range(1, len(_ALL) + 1))
    for offered in map(frozenset, offers):
        for key in (_EC, _RSA):
            for wanted in (None, *Algorithm):
                try:
                    choice = choose_mechanism(key, offered, wanted=wanted)
                except TokenError as error:
                    assert error.code in {TokenCode.MECHANISM_MISSING, TokenCode.ALGORITHM_UNFIT}  # noqa: PT017
                    continue
                assert choice.mechanism in offered
                # The one mistake that verifies nowhere and is noticed by no token.
                assert choice.mechanism is not TokenMechanism.ECDSA or choice.input is TokenInput.DIGEST


@pytest.mark.parametrize(
    ("key", "offered", "wanted", "code"),
    [
        (_EC, {TokenMechanism.RSA_PKCS}, None, TokenCode.MECHANISM_MISSING),
        (_RSA, {TokenMechanism.RSA_PKCS}, Algorithm.PS256, TokenCode.MECHANISM_MISSING),
        (_EC, _ALL, Algorithm.RS256, TokenCode.ALGORITHM_UNFIT),
        (_RSA, _ALL, Algorithm.ES256, TokenCode.ALGORITHM_UNFIT),
        (ec.generate_private_key(ec.SECP384R1()).public_key(), _ALL, None, TokenCode.ALGORITHM_UNFIT),
    ],
)
def test_what_does_not_fit_is_refused(
    key: PublicKey, offered: frozenset[int], wanted: Algorithm | None, code: TokenCode
) -> None:
    with pytest.raises(TokenError) as caught:
        choose_mechanism(key, offered, wanted=wanted)
    assert caught.value.code is code


def test_the_digest_info_is_what_pkcs1_signs() -> None:
    choice = MechanismChoice(Algorithm.RS256, TokenMechanism.RSA_PKCS, TokenInput.DIGEST_INFO)
    data = token_input(choice, b"message")
    assert len(data) == 51
    # RFC 8017, 9.2: 00 01 FF… 00 DigestInfo, raised to the private exponent by the textbook formula.
    numbers = rsa_key().private_numbers()
    modulus = numbers.public_numbers.n
    block = b"\x00\x01" + b"\xff" * (256 - 3 - len(data)) + b"\x00" + data
    signature = pow(int.from_bytes(block), numbers.d, modulus).to_bytes(256)
    _RSA.verify(signature, hashlib.sha256(b"message").digest(), PKCS1v15(), Prehashed(SHA256()))


def test_digests_and_messages_are_passed_as_such() -> None:
    digest = MechanismChoice(Algorithm.ES256, TokenMechanism.ECDSA, TokenInput.DIGEST)
    message = MechanismChoice(Algorithm.ES256, TokenMechanism.ECDSA_SHA256, TokenInput.MESSAGE)
    assert token_input(digest, b"m" * 5_000) == hashlib.sha256(b"m" * 5_000).digest()
    assert token_input(message, b"m" * 5_000) == b"m" * 5_000
