"""What every signer promises, asked of each kind: in memory, from a file, and from real PKCS#11 tokens."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sync_protocol import contexts, cose, keys
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.keys import Algorithm
from sync_protocol.signers.key_signer import KeySigner, PrivateKey
from sync_protocol.signers.opening import open_signer
from sync_protocol.signers.signer import Signer
from sync_protocol.signers.software import SoftwareSignerWarning, open_software, write_pkcs12
from tests.builders import ec_key, issue_certificate, make_ca, rsa_key
from tests.softhsm import SoftHsmToken, softhsm_in

_AT = datetime(2022, 4, 8, tzinfo=UTC)
_PIN = "83612954"
_KEYS: dict[str, PrivateKey] = {"rsa": rsa_key(), "p256": ec_key("contract")}
_CERTIFICATES = {
    name: issue_certificate(make_ca("authority", _AT), key, subject="Trạm Y tế", at=_AT) for name, key in _KEYS.items()
}


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of signer: what it is, with which key, and which algorithm it is expected to choose."""

    custody: str
    key: str
    algorithm: Algorithm
    wanted: Algorithm | None = None

    def __str__(self) -> str:
        return f"{self.custody}-{self.key}-{self.algorithm.name}"


_KINDS = [
    Kind("memory", "p256", Algorithm.ES256),
    Kind("memory", "rsa", Algorithm.PS256),
    Kind("memory", "rsa", Algorithm.RS256, Algorithm.RS256),
    Kind("software", "p256", Algorithm.ES256),
    Kind("software", "rsa", Algorithm.PS256),
    Kind("software", "rsa", Algorithm.RS256, Algorithm.RS256),
    Kind("pkcs11", "p256", Algorithm.ES256),
    Kind("pkcs11", "rsa", Algorithm.RS256),
    Kind("pkcs11", "rsa", Algorithm.PS256, Algorithm.PS256),
]


@pytest.fixture(scope="module")
def tokens(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, SoftHsmToken]]:
    with softhsm_in(tmp_path_factory.mktemp("hsm") / "softhsm") as hsm:
        yield {
            name: hsm.add_token(f"Trạm {name}", pin=_PIN, key=key, certificate=_CERTIFICATES[name])
            for name, key in _KEYS.items()
        }


@pytest.fixture(scope="module", params=_KINDS, ids=str)
def kind(request: pytest.FixtureRequest) -> Kind:
    assert isinstance(request.param, Kind)
    return request.param


@pytest.fixture(scope="module")
def signer(kind: Kind, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Signer]:
    """One signer for all questions: a token's PIN is typed once, and what it did before must not matter."""
    key, certificate = _KEYS[kind.key], _CERTIFICATES[kind.key]
    with ExitStack() as stack:
        match kind.custody:
            case "memory":
                yield KeySigner(key, certificate=certificate, algorithm=kind.wanted)
            case "software":
                path: Path = tmp_path_factory.mktemp("p12") / "station.p12"
                path.write_bytes(write_pkcs12(key, certificate, password=_PIN))
                stack.enter_context(warnings.catch_warnings())
                warnings.simplefilter("ignore", SoftwareSignerWarning)
                yield open_software(path, _PIN, algorithm=kind.wanted)
            case _:
                uri = request.getfixturevalue("tokens")[kind.key].uri
                wish = f"&algorithm={kind.wanted.name}" if kind.wanted else ""
                yield stack.enter_context(open_signer(uri + wish, lambda question: _PIN))


def test_it_says_truly_whose_key_it_has(signer: Signer, kind: Kind) -> None:
    assert signer.certificate == _CERTIFICATES[kind.key]
    assert signer.public_key == _KEYS[kind.key].public_key()
    assert signer.algorithm is kind.algorithm


@pytest.mark.parametrize("size", [0, 1, 31, 32, 33, 64, 256, 300_000])
def test_a_signature_verifies_over_its_own_message_only(signer: Signer, size: int) -> None:
    message = bytes(size)
    signature = signer.sign(message)
    assert len(signature) == (64 if signer.algorithm is Algorithm.ES256 else 256)
    keys.verify(signer.public_key, signer.algorithm, signature, message)
    # A token that signed a truncation of the message would pass here.
    for other in (message + b"\x00", b"\x01" + message[1:]):
        with pytest.raises(ProtocolError) as caught:
            keys.verify(signer.public_key, signer.algorithm, signature, other)
        assert caught.value.code is Code.SIGNATURE_INVALID


def test_each_signature_is_counted_once(signer: Signer) -> None:
    before = signer.operations
    signer.sign(b"one")
    assert signer.operations == before + 1
    signer.sign_many([b"one", b"one", b"two"])
    assert signer.operations == before + 4
    assert signer.sign_many([]) == []
    assert signer.operations == before + 4


def test_many_signatures_come_in_the_order_of_their_messages(signer: Signer) -> None:
    messages = [f"message {number}".encode() for number in range(70)]
    signatures = signer.sign_many(messages)
    assert len(signatures) == len(messages)
    for message, signature in zip(messages, signatures, strict=True):
        keys.verify(signer.public_key, signer.algorithm, signature, message)


def test_threads_take_turns(signer: Signer) -> None:
    messages = [f"thread {number}".encode() for number in range(24)]
    with ThreadPoolExecutor(6) as threads:
        signatures = list(threads.map(signer.sign, messages))
    for message, signature in zip(messages, signatures, strict=True):
        keys.verify(signer.public_key, signer.algorithm, signature, message)


def test_its_cose_messages_verify(signer: Signer) -> None:
    context = contexts.BATCH
    message = cose.sign1(b"payload", signer=signer, content_type=context.content_type, context=context.aad)
    parsed = cose.parse_sign1(message, max_bytes=4_096)
    payload = cose.verify_sign1(parsed, signer.public_key, context=context.aad, content_type=context.content_type)
    assert payload == b"payload"
    assert parsed.header(cose.ALG) == signer.algorithm


def test_no_text_of_it_holds_the_pin(signer: Signer) -> None:
    assert _PIN not in f"{signer} {signer!r}"
