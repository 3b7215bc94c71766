"""Keys of few kinds, algorithms bound to them, signatures verified in one place."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from hypothesis import given, settings
from hypothesis import strategies as st

from sync_protocol import keys
from sync_protocol.errors import Code
from sync_protocol.keys import Algorithm
from sync_protocol.signers.key_signer import KeySigner
from tests.builders import ec_key, rsa_key
from tests.protocol.refusals import refusal_of, refused

SIGNERS = [
    KeySigner(ec_key("signer")),
    KeySigner(rsa_key()),
    KeySigner(rsa_key(), algorithm=Algorithm.RS256),
]


@pytest.mark.parametrize("signer", SIGNERS, ids=lambda signer: signer.algorithm.name)
def test_a_signature_verifies_under_its_own_algorithm_and_no_other(signer: KeySigner) -> None:
    signature = signer.sign(b"message")
    keys.verify(signer.public_key, signer.algorithm, signature, b"message")
    for alg in [*Algorithm, -999, 0, "ES256", None, -35, True]:
        if alg != signer.algorithm:
            with refused(Code.ALGORITHM, Code.SIGNATURE_INVALID):
                keys.verify(signer.public_key, alg, signature, b"message")
    with refused(Code.SIGNATURE_INVALID):
        keys.verify(signer.public_key, signer.algorithm, signature, b"Message")


@pytest.mark.parametrize("signer", SIGNERS, ids=lambda signer: signer.algorithm.name)
@settings(max_examples=60)
@given(data=st.data())
def test_a_flipped_bit_is_refused(signer: KeySigner, data: st.DataObject) -> None:
    signature = bytearray(signer.sign(b"message"))
    position = data.draw(st.integers(0, len(signature) * 8 - 1))
    signature[position // 8] ^= 1 << position % 8
    with refused(Code.SIGNATURE_INVALID):
        keys.verify(signer.public_key, signer.algorithm, bytes(signature), b"message")


@pytest.mark.parametrize("signer", SIGNERS, ids=lambda signer: signer.algorithm.name)
def test_a_signature_of_another_length_is_refused(signer: KeySigner) -> None:
    signature = signer.sign(b"message")
    for wrong in (b"", signature[:-1], signature + b"\x00", b"\x00" + signature):
        with refused(Code.SIGNATURE_INVALID):
            keys.verify(signer.public_key, signer.algorithm, wrong, b"message")


def test_a_signature_in_der_form_is_not_accepted_where_raw_is_asked() -> None:
    signer = SIGNERS[0]
    with refused(Code.SIGNATURE_INVALID):
        keys.verify(signer.public_key, -7, keys.der_from_raw(signer.sign(b"m")), b"m")


@given(st.binary(min_size=64, max_size=64))
def test_raw_and_der_forms_are_the_same_signature(raw: bytes) -> None:
    assert keys.raw_from_der(keys.der_from_raw(raw)) == raw


@given(st.binary(max_size=80))
def test_what_is_not_der_is_refused(data: bytes) -> None:
    assert refusal_of(lambda: keys.raw_from_der(data)) in (None, Code.SIGNATURE_INVALID)


@pytest.mark.parametrize("key", [ec_key("a").public_key(), rsa_key().public_key()], ids=["ec", "rsa"])
def test_a_public_key_comes_back_from_its_bytes(key: keys.PublicKey) -> None:
    der = keys.encode_public_key(key)
    assert keys.load_public_key(der) == key
    assert len(keys.key_id(key)) == 8
    with refused(Code.KEY_INVALID):
        keys.load_public_key(der + b"\x00")
    with refused(Code.KEY_INVALID):
        keys.load_public_key(der[:-1])


def test_keys_of_other_kinds_are_refused() -> None:
    for private in (
        ec.generate_private_key(ec.SECP384R1()),
        ec.generate_private_key(ec.SECP256K1()),
        ed25519.Ed25519PrivateKey.generate(),
        rsa.generate_private_key(public_exponent=65537, key_size=1024),
    ):
        public = private.public_key()
        der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        with refused(Code.KEY_INVALID):
            keys.load_public_key(der)
        with refused(Code.KEY_INVALID):
            keys.check_key(public)


def test_a_key_has_one_form_so_its_id_names_one_key() -> None:
    # The same key with its point compressed: OpenSSL reads it, and its hash would be another.
    key = ec_key("compressed").public_key()
    point = key.public_bytes(serialization.Encoding.X962, serialization.PublicFormat.CompressedPoint)
    der = bytes.fromhex("3039301306072a8648ce3d020106082a8648ce3d030107032200") + point
    assert serialization.load_der_public_key(der) == key
    with refused(Code.KEY_INVALID):
        keys.load_public_key(der)


def test_node_and_sealing_keys_are_on_p256() -> None:
    key = ec_key("node").public_key()
    assert keys.load_ec_public_key(keys.encode_public_key(key)) == key
    with refused(Code.KEY_INVALID):
        keys.load_ec_public_key(keys.encode_public_key(rsa_key().public_key()))


def test_a_signer_counts_its_operations_and_signs_many_in_order() -> None:
    signer = KeySigner(ec_key("many"))
    signatures = signer.sign_many([b"a", b"b", b"c"])
    for message, signature in zip([b"a", b"b", b"c"], signatures, strict=True):
        keys.verify(signer.public_key, signer.algorithm, signature, message)
    assert signer.operations == 3
    signer.close()


def test_a_signer_refuses_an_algorithm_of_another_kind_of_key() -> None:
    with refused(Code.ALGORITHM):
        KeySigner(ec_key("a"), algorithm=Algorithm.PS256)
    with refused(Code.ALGORITHM):
        KeySigner(rsa_key(), algorithm=Algorithm.ES256)
