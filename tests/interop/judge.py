"""The judge: reads our files with `cwt` and `pycose`, and writes theirs. Imports nothing of ours.

Run as ``python judge.py FOLDER``; reads ``FOLDER/cases.json`` and prints one JSON line for each judgement:
``{"name", "passed", "detail"}``.
"""

# The judge's libraries are not in the environment that checks types.
# mypy: ignore-errors

import json
import sys
import zlib
from pathlib import Path

import cbor2
import cwt
from cryptography.hazmat.primitives import serialization
from cwt import COSE, COSEHeaders, COSEKey
from pycose import headers
from pycose.algorithms import Es256, Ps256
from pycose.keys import EC2Key, RSAKey
from pycose.keys.curves import P256
from pycose.messages import Sign1Message

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"


def base45_decode(text):
    """Base45 by the letter of RFC 9285, three characters at a time."""
    data = b""
    for start in range(0, len(text), 3):
        group = text[start : start + 3]
        number = sum(ALPHABET.index(character) * 45**place for place, character in enumerate(group))
        data += number.to_bytes(2 if len(group) == 3 else 1, "big")
    return data


def base45_encode(data):
    """The inverse."""
    text = ""
    for start in range(0, len(data), 2):
        pair = data[start : start + 2]
        number = int.from_bytes(pair, "big")
        for _ in range(3 if len(pair) == 2 else 2):
            text += ALPHABET[number % 45]
            number //= 45
    return text


def message_of(text):
    assert text.startswith("HC1:")
    return zlib.decompress(base45_decode(text[4:]))


def public_pem(folder, name):
    return (folder / f"{name}.public.pem").read_bytes()


def pycose_key(pem, *, private=False):
    """A pycose key from a PEM file; P-256 or RSA."""
    if private:
        secret = serialization.load_pem_private_key(pem, None)
        public = secret.public_key()
    else:
        secret, public = None, serialization.load_pem_public_key(pem)
    numbers = public.public_numbers()
    if hasattr(numbers, "x"):
        parts = {"x": numbers.x.to_bytes(32, "big"), "y": numbers.y.to_bytes(32, "big")}
        if secret is not None:
            parts["d"] = secret.private_numbers().private_value.to_bytes(32, "big")
        return EC2Key(crv=P256, **parts)

    def whole(number):
        return number.to_bytes((number.bit_length() + 7) // 8, "big")

    parts = {"n": whole(numbers.n), "e": whole(numbers.e)}
    if secret is not None:
        own = secret.private_numbers()
        parts |= {"d": whole(own.d), "p": whole(own.p), "q": whole(own.q)}
        parts |= {"dp": whole(own.dmp1), "dq": whole(own.dmq1), "qinv": whole(own.iqmp)}
    return RSAKey(**parts)


def cwt_reads_certificate(folder, case):
    """`cwt` verifies the health certificate, its times included, and finds the content that was meant."""
    key = COSEKey.from_pem(public_pem(folder, case["key"]), kid=bytes.fromhex(case["kid"]), alg=case["alg"])
    claims = cwt.decode(message_of(case["text"]), keys=[key])
    return claims[-260][1] == case["content"]


def pycose_reads_certificate(folder, case):
    """`pycose` verifies the same message."""
    message = Sign1Message.decode(message_of(case["text"]))
    message.key = pycose_key(public_pem(folder, case["key"]))
    return message.verify_signature() and cbor2.loads(message.payload)[-260][1] == case["content"]


def cwt_reads_envelope(folder, case):
    """`cwt` verifies an envelope of ours under its context string."""
    key = COSEKey.from_pem(public_pem(folder, case["key"]), alg=case["alg"])
    payload = COSE.new().decode(bytes.fromhex(case["message"]), key, external_aad=bytes.fromhex(case["context"]))
    return payload == bytes.fromhex(case["payload"])


def pycose_reads_envelope(folder, case):
    """`pycose` verifies the same envelope."""
    message = Sign1Message.decode(bytes.fromhex(case["message"]))
    message.key = pycose_key(public_pem(folder, case["key"]))
    message.external_aad = bytes.fromhex(case["context"])
    return message.verify_signature() and message.payload == bytes.fromhex(case["payload"])


JUDGES = {
    "certificate": [cwt_reads_certificate, pycose_reads_certificate],
    "envelope": [cwt_reads_envelope, pycose_reads_envelope],
}


def judgements(folder, cases):
    """Yields name, whether the judge agrees, and why not."""
    for case in cases:
        for judge in JUDGES[case["kind"]]:
            if judge.__name__.split("_")[0] not in case["judges"]:
                continue
            name = f"{judge.__name__}: {case['name']}"
            try:
                accepted, detail = bool(judge(folder, case)), ""
            except Exception as error:  # noqa: BLE001
                # Whatever a library raises, it has refused.
                accepted, detail = False, f"{type(error).__name__}: {error}"
            yield {"name": name, "passed": accepted == case["accept"], "detail": detail}


def write_theirs(folder, order):
    """Writes what each library makes of the content that we asked for."""
    claims = cbor2.dumps(
        {1: "VN", 4: order["expires_at"], 6: order["issued_at"], -260: {1: order["content"]}}, canonical=False
    )
    context, content_type = bytes.fromhex(order["context"]), order["content_type"]
    for name, alg, algorithm in (("ec", "ES256", Es256), ("rsa", "PS256", Ps256)):
        pem = (folder / f"{name}.private.pem").read_bytes()
        kid = bytes.fromhex(order["kids"][name])
        key = COSEKey.from_pem(pem, kid=kid, alg=alg)
        signed = COSE.new(alg_auto_inclusion=True, kid_auto_inclusion=True).encode_and_sign(claims, key)
        write_text(folder, f"cwt-{alg}", signed)
        write_text(folder, f"cwt-tagged-{alg}", cwt.encode(cbor2.loads(claims), key, tagged=True))
        envelope = COSE.new(alg_auto_inclusion=True).encode_and_sign(
            claims, key, protected={COSEHeaders.CTY: content_type}, external_aad=context
        )
        (folder / f"cwt-{alg}.cose").write_bytes(envelope)
        message = Sign1Message(phdr={headers.Algorithm: algorithm, headers.KID: kid}, payload=claims)
        message.key = pycose_key(pem, private=True)
        write_text(folder, f"pycose-{alg}", message.encode())
        message = Sign1Message(
            phdr={headers.Algorithm: algorithm, headers.ContentType: content_type}, payload=claims, external_aad=context
        )
        message.key = pycose_key(pem, private=True)
        (folder / f"pycose-{alg}.cose").write_bytes(message.encode())


def write_text(folder, name, message):
    (folder / f"{name}.hc1").write_text("HC1:" + base45_encode(zlib.compress(message)), "ascii")


def main():
    folder = Path(sys.argv[1])
    plan = json.loads((folder / "cases.json").read_text("utf-8"))
    for judgement in judgements(folder, plan["cases"]):
        print(json.dumps(judgement), flush=True)
    write_theirs(folder, plan["order"])


if __name__ == "__main__":
    main()
