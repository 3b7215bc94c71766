"""What is said over the pipe between our process and the signer process.

One request, one answer, strictly in turn. The PIN is in none of these: it follows `Login` as raw bytes
of its own, so that no message's text, comparison or traceback can show it, or it never comes this way at
all: with `OpenDesk` a browser gives it to the signer process. Values are plain so that pickling them needs
nothing of a vendor's module on our side, and this file imports little, so that the signer process starts
fast and holds nothing it has no use for.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TypeAlias

from sync_protocol.signers.token_errors import TokenCode


class TokenMechanism(IntEnum):
    """The mechanisms that we ever ask for, with their numbers in PKCS #11 (CKM_…)."""

    RSA_PKCS = 0x0001
    RSA_PKCS_PSS = 0x000D
    SHA256_RSA_PKCS = 0x0040
    SHA256_RSA_PKCS_PSS = 0x0043
    ECDSA = 0x1041
    ECDSA_SHA256 = 0x1044


@dataclass(frozen=True, slots=True)
class SeenCertificate:
    """A certificate object on a token: its CKA_ID, its label and its DER bytes as the token gives them (unverified)."""

    object_id: bytes
    label: str
    der: bytes


@dataclass(frozen=True, slots=True)
class SeenToken:
    """A token as its module describes it, before any login.

    Attributes:
        slot: the slot's number, good for as long as the process lives.
        label: the token's label.
        serial: the *token's* serial number (not the certificate's).
        manufacturer: who made it, by its own account.
        model: its model, by its own account.
        flags: CK_TOKEN_INFO.flags.
        mechanisms: the CKM_… numbers that it offers for signing; empty if it names none.
        certificates: what certificates can be read without a PIN.
        key_ids: the CKA_IDs of the keys, public or private, that show without a PIN; tokens may hide theirs.
    """

    slot: int
    label: str
    serial: str
    manufacturer: str
    model: str
    flags: int
    mechanisms: frozenset[int]
    certificates: tuple[SeenCertificate, ...]
    key_ids: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True)
class Scan:
    """Load this module and say what tokens there are; answered by `Scanned`. Comes first, once."""

    module_path: str


@dataclass(frozen=True, slots=True)
class Scanned:
    """All tokens plugged in."""

    tokens: tuple[SeenToken, ...]


@dataclass(frozen=True, slots=True)
class LookAtFile:
    """See whether this may be a PKCS#12 file; answered by `FileSeen`. Stands in the place of `Scan`."""

    path: str


@dataclass(frozen=True, slots=True)
class FileSeen:
    """There is such a file; what is in it shows when it is unlocked."""


@dataclass(frozen=True, slots=True)
class OpenDesk:
    """Listen for the form with the PIN; answered by `DeskOpened`. Comes after the scan, once.

    Attributes:
        origin: of the node's page, such as "http://127.0.0.1:8750".
        back: the path there to which the browser is sent back.
        path: where the form goes; fresh, and nobody can guess it.
    """

    origin: str
    back: str
    path: str


@dataclass(frozen=True, slots=True)
class DeskOpened:
    """The desk listens at this port of 127.0.0.1."""

    port: int


@dataclass(frozen=True, slots=True)
class AwaitPin:
    """Wait so many seconds for the form; answered by `PinTaken`. The browser waits on until the login is asked for."""

    seconds: float


@dataclass(frozen=True, slots=True)
class PinTaken:
    """The PIN is here, unchecked and untried, and nobody else is listened to."""


@dataclass(frozen=True, slots=True)
class Login:
    """Log in to a scanned token, once, with the PIN that follows as raw UTF-8; answered by `LoggedIn`.

    Attributes:
        slot: the slot's number from the scan.
        label: the token's label; another one in the slot by now is refused.
        serial: the token's serial number, likewise.
        object_id: the chosen certificate's CKA_ID, by which its private key is found.
        is_rsa: the key's type (RSA, or else EC).
        after_wrong_pin: whether a person has confirmed this try after an earlier wrong PIN.
    """

    slot: int
    label: str
    serial: str
    object_id: bytes
    is_rsa: bool
    after_wrong_pin: bool


@dataclass(frozen=True, slots=True)
class LoginAtDesk:
    """As `Login`, with the PIN that came to the desk; answered by `LoggedIn`. The browser is sent back first."""

    login: Login


@dataclass(frozen=True, slots=True)
class UnlockFile:
    """Open the file with the password that came to the desk; answered by `Unlocked`. The browser is sent back first."""


@dataclass(frozen=True, slots=True)
class Unlocked:
    """The file's key is ready.

    Attributes:
        certificate: the certificate over it, DER; it has been parsed there.
    """

    certificate: bytes


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """The session is open and the private key found."""


@dataclass(frozen=True, slots=True)
class Sign:
    """Sign each of these inputs, one operation of the token each; answered by `Signed`."""

    mechanism: TokenMechanism
    inputs: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Signed:
    """The signatures, in the order of the inputs, as the token gave them (unverified)."""

    signatures: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class Failed:
    """The request failed, and the signer process ends after this answer.

    Attributes:
        code: what is wrong.
        detail: the name of the module's error.
        operations: how many signatures the token made for this request before it failed.
    """

    code: TokenCode
    detail: str
    operations: int


Request: TypeAlias = Scan | LookAtFile | OpenDesk | AwaitPin | Login | LoginAtDesk | UnlockFile | Sign
Reply: TypeAlias = Scanned | FileSeen | DeskOpened | PinTaken | LoggedIn | Unlocked | Signed | Failed
