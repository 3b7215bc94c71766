"""Real PKCS#11 tokens for tests: SoftHSM2, in a folder of the test's own.

The module is never loaded into the process that runs the tests: `softhsm2-util` makes the token, and a spawned
process puts key and certificate on it, as the signer process will be the only one to use them.

    with softhsm_in(tmp_path / "hsm") as hsm:
        token = hsm.add_token("TRAM 19001", key=ec_key("site"), certificate=certificate)
        with open_signer(token.uri, Person()) as signer: ...
"""

from __future__ import annotations

import multiprocessing
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from sync_protocol.certificate import Certificate
from sync_protocol.signers.key_signer import PrivateKey
from sync_protocol.signers.opening import open_signer
from sync_protocol.signers.token_errors import TokenError
from sync_protocol.signers.uri import Pkcs11Uri, encode_signer_uri

_PLACES: Final = (
    "/usr/lib/softhsm/libsofthsm2.so",
    "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
    "/usr/lib64/softhsm/libsofthsm2.so",
    "/usr/local/lib/softhsm/libsofthsm2.so",
)
# The PIN of the tests' tokens; long enough to be found wherever it leaks.
PIN: Final = "83612954"
_SO_PIN: Final = "so-of-the-tests"


@dataclass(frozen=True, slots=True)
class SoftHsmToken:
    """A token with one certificate and its key.

    Attributes:
        label: the token's label.
        pin: the user's PIN.
        certificate: the certificate on it, if one was put there.
        module_path: SoftHSM's module.
    """

    label: str
    pin: str
    certificate: Certificate | None
    module_path: str

    @property
    def uri(self) -> str:
        """The signer's setting: by label, and by the certificate's serial number where there is one."""
        serial = self.certificate.serial if self.certificate else None
        return encode_signer_uri(Pkcs11Uri(self.label, serial, self.module_path))


@dataclass(frozen=True, slots=True)
class SoftHsm:
    """A running SoftHSM: `SOFTHSM2_CONF` points at `folder` as long as the context is open."""

    folder: Path
    module_path: str

    def add_token(
        self,
        label: str,
        *,
        pin: str = PIN,
        key: PrivateKey | None = None,
        certificate: Certificate | None = None,
        object_id: bytes = b"\x01",
    ) -> SoftHsmToken:
        """Initialises one more token and puts what is given on it; labels may repeat."""
        subprocess.run(
            ["softhsm2-util", "--init-token", "--free", "--label", label, "--pin", pin, "--so-pin", _SO_PIN],
            check=True,
            capture_output=True,
        )
        token = SoftHsmToken(label, pin, certificate, self.module_path)
        if key is not None or certificate is not None:
            self.add_objects(token, key=key, certificate=certificate, object_id=object_id)
        return token

    def add_objects(
        self,
        token: SoftHsmToken,
        *,
        key: PrivateKey | None = None,
        certificate: Certificate | None = None,
        object_id: bytes = b"\x01",
    ) -> None:
        """Puts a key, a certificate or both on the newest token of this label, under one CKA_ID."""
        key_der = (
            None if key is None else key.private_bytes(Encoding.DER, PrivateFormat.TraditionalOpenSSL, NoEncryption())
        )
        child = multiprocessing.get_context("spawn").Process(
            target=_put,
            args=(self.module_path, token.label, token.pin),
            kwargs={
                "key_der": key_der,
                "is_rsa": isinstance(key, rsa.RSAPrivateKey),
                "certificate_der": None if certificate is None else certificate.der,
                "object_id": object_id,
            },
        )
        child.start()
        child.join(60)
        assert child.exitcode == 0
        child.close()


@contextmanager
def softhsm_in(folder: Path, *, mechanisms: str = "ALL") -> Iterator[SoftHsm]:
    """SoftHSM with its tokens in this folder; a machine without SoftHSM fails the test.

    Args:
        folder: a folder that does not exist yet.
        mechanisms: what the tokens offer: "ALL", or a list such as "CKM_RSA_PKCS,CKM_ECDSA". (The form that takes
            away, "-CKM_A,CKM_B", ignores its first item in SoftHSM 2.6.)
    """
    module_path = next((place for place in _PLACES if Path(place).is_file()), None)
    if module_path is None or shutil.which("softhsm2-util") is None:
        pytest.fail("softhsm2 is not installed; `make packages` installs it or says how")
    tokens = folder / "tokens"
    tokens.mkdir(parents=True)
    configuration = folder / "softhsm2.conf"
    configuration.write_text(
        f"directories.tokendir = {tokens}\nobjectstore.backend = file\n"
        f"slots.mechanisms = {mechanisms}\nlog.level = ERROR\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        # Spawned processes inherit it; that is how the signer process finds this folder.
        patch.setenv("SOFTHSM2_CONF", str(configuration))
        yield SoftHsm(folder, module_path)


class Person:
    """Somebody who types the same PIN whenever asked, and remembers having been asked."""

    def __init__(self, pin: str = PIN) -> None:
        self.pin = pin
        self.questions: list[str] = []

    def __call__(self, question: str) -> str:
        self.questions.append(question)
        return self.pin


def refusal(uri: str, person: Person, *, after_wrong_pin: bool = False) -> TokenError:
    """Opens what must not open, and gives the error, whose texts and causes have been searched for the PIN."""
    with pytest.raises(TokenError) as caught, open_signer(uri, person, after_wrong_pin=after_wrong_pin):
        pass
    error: BaseException | None = caught.value
    while error is not None:
        assert not person.pin or person.pin not in f"{error} {error!r} {vars(error)}"
        error = error.__cause__ or error.__context__
    return caught.value


def _put(
    module_path: str,
    label: str,
    pin: str,
    *,
    key_der: bytes | None,
    is_rsa: bool,
    certificate_der: bytes | None,
    object_id: bytes,
) -> None:
    """Runs in a process of its own."""
    import pkcs11
    from pkcs11.util.ec import decode_ec_private_key
    from pkcs11.util.rsa import decode_rsa_private_key
    from pkcs11.util.x509 import decode_x509_certificate

    common = {pkcs11.Attribute.TOKEN: True, pkcs11.Attribute.ID: object_id, pkcs11.Attribute.LABEL: "test"}
    slots = pkcs11.lib(module_path).get_slots(token_present=True)
    # SoftHSM numbers its slots at random; the newest of this label is the one with the fewest objects.
    slot = min((slot for slot in slots if slot.get_token().label == label), key=_count_objects)
    with slot.get_token().open(rw=True, user_pin=pin) as session:
        if key_der is not None:
            key = decode_rsa_private_key(key_der) if is_rsa else decode_ec_private_key(key_der)
            session.create_object(
                key
                | common
                | {pkcs11.Attribute.PRIVATE: True, pkcs11.Attribute.SENSITIVE: True, pkcs11.Attribute.SIGN: True}
            )
        if certificate_der is not None:
            session.create_object(decode_x509_certificate(certificate_der) | common | {pkcs11.Attribute.PRIVATE: False})


def _count_objects(slot: object) -> int:
    import pkcs11

    assert isinstance(slot, pkcs11.Slot)
    with slot.get_token().open() as session:
        return len(list(session.get_objects({pkcs11.Attribute.CLASS: pkcs11.ObjectClass.CERTIFICATE})))
