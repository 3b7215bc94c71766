"""The COSE working group's examples: Sign1 pass and fail, ECDSA, key agreement with key wrap.

Examples outside our profile (other curves, other hashes, several signers) must be refused, and are still used as
far as they go: the bytes to sign that they publish are compared with ours.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from pathlib import Path
from typing import Any

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sync_protocol import cbor, cose, cose_encrypt, key_wrap, keys
from sync_protocol.cose import Sign1
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.key_wrap import KeyAgreement
from tests.protocol.refusals import refusal_of, refused
from tests.testdata import load_json, testdata_path

ROOT = testdata_path() / "cose"
CURVES: dict[str, ec.EllipticCurve] = {"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1(), "P-521": ec.SECP521R1()}


def _files(folder: str, pattern: str = "*.json") -> list[Path]:
    return sorted(ROOT.joinpath(folder).glob(pattern))


def _number(text: str) -> int:
    return int.from_bytes(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))


def _public_key(key: dict[str, str]) -> ec.EllipticCurvePublicKey:
    return ec.EllipticCurvePublicNumbers(_number(key["x"]), _number(key["y"]), CURVES[key["crv"]]).public_key()


def _private_key(key: dict[str, str]) -> ec.EllipticCurvePrivateKey:
    return ec.derive_private_key(_number(key["d"]), CURVES[key["crv"]])


def _message(case: dict[str, Any]) -> bytes:
    return bytes.fromhex(case["output"]["cbor"])


def _external(part: dict[str, Any]) -> bytes:
    return bytes.fromhex(part.get("external", ""))


def _verify(case: dict[str, Any]) -> bytes:
    part = case["input"]["sign0"]
    message = cose.parse_sign1(_message(case), max_bytes=10_000, strict=False)
    return cose.verify_sign1(message, _public_key(part["key"]), context=_external(part), content_type=None)


def test_all_examples_are_there() -> None:
    assert len(_files("sign1-tests")) == 9
    assert len(_files("ecdsa-examples")) == 8
    assert len(_files("ecdh-wrap-examples", "p256-*")) == 12


@pytest.mark.parametrize("path", _files("sign1-tests"), ids=lambda path: path.stem)
def test_a_sign1_example_ends_as_published(path: Path) -> None:
    case = load_json(str(path))
    if case.get("fail"):
        with refused(Code.NOT_CBOR, Code.NOT_COSE, Code.ALGORITHM, Code.SIGNATURE_INVALID):
            _verify(case)
    else:
        assert _verify(case) == case["input"]["plaintext"].encode()


@pytest.mark.parametrize("path", _files("sign1-tests", "sign-pass-*"), ids=lambda path: path.stem)
def test_the_bytes_to_sign_of_a_sign1_example_are_ours(path: Path) -> None:
    case = load_json(str(path))
    message = cose.parse_sign1(_message(case), max_bytes=10_000, strict=False)
    assert message.payload is not None
    ours = cose.sig_structure(message.protected, _external(case["input"]["sign0"]), message.payload)
    assert ours.hex() == case["intermediates"]["ToBeSign_hex"].lower()


@pytest.mark.parametrize("path", _files("ecdsa-examples", "ecdsa-sig-*"), ids=lambda path: path.stem)
def test_an_ecdsa_example_with_one_signer_verifies_or_is_outside_our_profile(path: Path) -> None:
    case = load_json(str(path))
    part = case["input"]["sign0"]
    message = cose.parse_sign1(_message(case), max_bytes=10_000, strict=False)
    assert message.payload is not None
    ours = cose.sig_structure(message.protected, b"", message.payload)
    assert ours.hex() == case["intermediates"]["ToBeSign_hex"].lower()
    inside = part["alg"] == "ES256" and part["key"]["crv"] == "P-256"
    if inside:
        assert _verify(case) == case["input"]["plaintext"].encode()
    else:
        with refused(Code.ALGORITHM, Code.KEY_INVALID):
            _verify(case)


@pytest.mark.parametrize("path", _files("ecdsa-examples", "ecdsa-0*"), ids=lambda path: path.stem)
def test_an_ecdsa_example_with_a_list_of_signers_is_refused_though_its_signature_is_ours_to_verify(path: Path) -> None:
    case = load_json(str(path))
    for strict in (True, False):
        with pytest.raises(ProtocolError):
            cose.parse_sign1(_message(case), max_bytes=10_000, strict=strict)
    signer = case["input"]["sign"]["signers"][0]
    [[protected, _, signature]] = cbor2.loads(_message(case)).value[3]
    alg = cbor2.loads(protected)[1]
    to_be_signed = bytes.fromhex(case["intermediates"]["signers"][0]["ToBeSign_hex"])
    code = refusal_of(lambda: keys.verify(_public_key(signer["key"]), alg, signature, to_be_signed))
    inside = signer["protected"]["alg"] == "ES256" and signer["key"]["crv"] == "P-256"
    assert code is None if inside else code in (Code.ALGORITHM, Code.KEY_INVALID)


@pytest.mark.parametrize("path", _files("ecdh-wrap-examples", "p256-*"), ids=lambda path: path.stem)
def test_a_key_wrap_example_unwraps_and_its_content_opens(path: Path) -> None:
    case = load_json(str(path))
    value = cbor.decode_foreign(_message(case).replace(b"\xd8\x61", b"\xd8\x60", 1), max_bytes=10_000)
    assert isinstance(value, cbor2.CBORTag)
    parts: Any = value.value
    [[inner, headers, wrapped]] = parts[-1]
    algorithm = KeyAgreement(cose.decode_headers(inner)[cose.ALG])  # type: ignore[arg-type]
    published = case["intermediates"]["recipients"][0]
    part = case["input"].get("enveloped") or case["input"]["mac"]
    private_key = _private_key(part["recipients"][0]["key"])

    assert key_wrap.kdf_context(algorithm, inner).hex() == published["Context_hex"].lower()
    # Ephemeral keys stand in header -1, static ones in -2.
    ephemeral = algorithm >= KeyAgreement.ES_A256KW
    sender = key_wrap.parse_cose_key(headers[-1 if ephemeral else -2])
    assert private_key.exchange(ec.ECDH(), sender).hex() == published["Secret_hex"].lower()
    content_key = key_wrap.unwrap(
        wrapped, algorithm=algorithm, private_key=private_key, public_key=sender, protected=inner
    )
    assert content_key.hex() == case["intermediates"]["CEK_hex"].lower()

    plaintext = case["input"]["plaintext"].encode()
    if "enveloped" in case["input"]:
        aad = bytes.fromhex(case["intermediates"]["AAD_hex"])
        assert AESGCM(content_key).decrypt(parts[1][5], parts[2], aad) == plaintext
    else:
        to_mac = bytes.fromhex(case["intermediates"]["ToMac_hex"])
        assert hmac.digest(content_key, to_mac, hashlib.sha512) == parts[3]
        assert parts[2] == plaintext


def test_the_example_in_our_profile_opens_whole() -> None:
    case = load_json("cose", "ecdh-wrap-examples", "p256-wrap-256-02.json")
    key = case["input"]["enveloped"]["recipients"][0]["key"]
    names = {key["kid"].encode(): _private_key(key)}
    opened = cose_encrypt.decrypt(
        _message(case), key_for=names.get, context=b"", content_type=None, max_bytes=1000, strict=False
    )
    assert opened == case["input"]["plaintext"].encode()


@pytest.mark.parametrize("path", _files("ecdh-wrap-examples", "p256-*"), ids=lambda path: path.stem)
def test_a_flipped_bit_in_a_wrapped_key_is_refused(path: Path) -> None:
    case = load_json(str(path))
    part = case["input"].get("enveloped") or case["input"]["mac"]
    private_key = _private_key(part["recipients"][0]["key"])
    value: Any = cbor2.loads(_message(case)).value
    [[inner, headers, wrapped]] = value[-1]
    sender = key_wrap.parse_cose_key(dict(headers[-1 if -1 in headers else -2]))
    algorithm = KeyAgreement(cbor2.loads(inner)[1])
    for position in range(len(wrapped)):
        changed = bytes(byte ^ (index == position) for index, byte in enumerate(wrapped))
        with refused(Code.ENVELOPE_UNREADABLE):
            key_wrap.unwrap(changed, algorithm=algorithm, private_key=private_key, public_key=sender, protected=inner)


def test_our_own_parser_keeps_the_shape_of_the_examples() -> None:
    case = load_json("cose", "sign1-tests", "sign-pass-02.json")
    message = cose.parse_sign1(_message(case), max_bytes=1000)
    assert message == Sign1(bytes.fromhex("a10126"), {4: b"11"}, b"This is the content.", message.signature)
    assert cose.encode_sign1(message) == _message(case)
