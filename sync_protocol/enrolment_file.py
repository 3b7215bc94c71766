"""How a node becomes known, first half: the one-time file that the operator makes for it.

The file is signed by the publisher key that it carries, so its signature alone proves nothing: the operator reads the
key's fingerprint (8 groups of 4 digits) aloud, and the site types it in. From then on that key is pinned: it signs the
enrolment answer, the catalogue, the trust list and the population packs.

The one-time code inside is 16 random bytes, good once and until the file's end.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec

from sync_protocol import cbor, contexts, cose, keys, limits
from sync_protocol.dose import is_code
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.fields import Fields
from sync_protocol.signers.signer import Signer

ONE_TIME_CODE_BYTES: Final = 16
ENROLMENT_FILE_BYTES: Final = 4 * 1024 * 1024
_DIGEST_BYTES: Final = 32
_KEY_BYTES: Final = 600
ANCHOR_BYTES: Final = 64 * 1024
_UNITS: Final = 100
_SCHEMES: Final = ("https://", "http://")


def fingerprint(key: keys.PublicKey) -> str:
    """A key in 8 groups of 4 digits (106 bits), to be read aloud: "0417 9923 …".

    Each group is a 4-byte piece of SHA-256 over the SubjectPublicKeyInfo, modulo 10,000.
    """
    digest = hashlib.sha256(keys.encode_public_key(key)).digest()
    pieces = (int.from_bytes(digest[start : start + 4]) for start in range(0, _DIGEST_BYTES, 4))
    return " ".join(f"{piece % 10_000:04d}" for piece in pieces)


@dataclass(frozen=True, slots=True, repr=False)
class EnrolmentFile:
    """What a node needs to become known. It holds a secret, so its representation shows only the node.

    Attributes:
        centre_url: where the centre answers, without a slash at the end.
        facility: code of the facility.
        facility_name: its name on screens.
        units: codes of the administrative units that it serves.
        node: code of the new node.
        one_time_code: 16 random bytes.
        publisher_key: signs sets and answers; pinned from here on.
        sealing_key: P-256, bundles are sealed to it.
        ledger_key: signs heads and receipts.
        catalogue: signed catalogue, to be verified with `publisher_key`.
        trust_list: signed trust list, to be verified with `publisher_key`.
        expires_at: epoch seconds, UTC; the code is refused from then on.
        anchors: PEM certificates of the only authorities that the centre's TLS certificate may come from, or b"".
    """

    centre_url: str
    facility: str
    facility_name: str
    units: tuple[str, ...]
    node: str
    one_time_code: bytes
    publisher_key: keys.PublicKey
    sealing_key: ec.EllipticCurvePublicKey
    ledger_key: keys.PublicKey
    catalogue: bytes
    trust_list: bytes
    expires_at: int
    anchors: bytes = b""

    def __repr__(self) -> str:
        return f"EnrolmentFile(node={self.node!r})"


@dataclass(frozen=True, slots=True)
class UnverifiedEnrolmentFile:
    """A file as read. Only its fingerprint may be used: to be compared by ear with the operator's."""

    message: cose.Sign1
    publisher_key: keys.PublicKey

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the publisher key that the file claims."""
        return fingerprint(self.publisher_key)


def sign_enrolment_file(content: EnrolmentFile, publisher: Signer) -> bytes:
    """Sign an enrolment file with the publisher key that it carries.

    Raises:
        TokenError: the signer cannot sign now.
    """
    if keys.key_id(content.publisher_key) != keys.key_id(publisher.public_key):
        raise ValueError("an enrolment file carries the key that signs it")
    payload = cbor.encode(
        {
            **({13: content.anchors} if content.anchors else {}),
            1: content.centre_url,
            2: content.facility,
            3: content.facility_name,
            4: list(content.units),
            5: content.node,
            6: content.one_time_code,
            7: keys.encode_public_key(content.publisher_key),
            8: keys.encode_public_key(content.sealing_key),
            9: keys.encode_public_key(content.ledger_key),
            10: content.catalogue,
            11: content.trust_list,
            12: content.expires_at,
        }
    )
    context = contexts.ENROLMENT_FILE
    return cose.sign1(payload, signer=publisher, content_type=context.content_type, context=context.aad)


def parse_enrolment_file(data: bytes) -> UnverifiedEnrolmentFile:
    """Read a file as far as the key that it claims to be signed with.

    Raises:
        ProtocolError: a code of form.
    """
    message = cose.parse_sign1(data, max_bytes=ENROLMENT_FILE_BYTES)
    return UnverifiedEnrolmentFile(message, _parse_file(message.payload or b"").publisher_key)


def verify_enrolment_file(unverified: UnverifiedEnrolmentFile, *, spoken: str, at: int) -> EnrolmentFile:
    """Pin the publisher key by its fingerprint, check the signature with it, then give the content.

    Args:
        unverified: from `parse_enrolment_file`.
        spoken: the fingerprint as the operator read it aloud; spaces and hyphens do not matter.
        at: now, epoch seconds, UTC.

    Raises:
        ProtocolError: `ENROLMENT_INVALID` where the fingerprint is another or the file is past its end;
            `SIGNATURE_INVALID`, `CONTENT_TYPE`.
    """
    if _digits(spoken) != _digits(unverified.fingerprint):
        raise ProtocolError(Code.ENROLMENT_INVALID, "enrolment file: the fingerprint is not the one read aloud")
    context = contexts.ENROLMENT_FILE
    payload = cose.verify_sign1(
        unverified.message, unverified.publisher_key, context=context.aad, content_type=context.content_type
    )
    content = _parse_file(payload)
    if at >= content.expires_at:
        raise ProtocolError(Code.ENROLMENT_INVALID, "enrolment file: past its end")
    return content


def verify_shown_file(data: bytes, publisher_keys: Sequence[keys.PublicKey]) -> EnrolmentFile:
    """Check that a file that somebody shows is one of our own, in time or not; whether its code was used is not said.

    Args:
        data: the file as received.
        publisher_keys: those of this centre, retired ones included.

    Raises:
        ProtocolError: `SIGNER_UNKNOWN` for a file of another centre, `SIGNATURE_INVALID`, `CONTENT_TYPE`, or a code of
            form.
    """
    unverified = parse_enrolment_file(data)
    if keys.key_id(unverified.publisher_key) not in {keys.key_id(key) for key in publisher_keys}:
        raise ProtocolError(Code.SIGNER_UNKNOWN, "enrolment file: made by another centre")
    context = contexts.ENROLMENT_FILE
    payload = cose.verify_sign1(
        unverified.message, unverified.publisher_key, context=context.aad, content_type=context.content_type
    )
    return _parse_file(payload)


def enrolled_anchors(data: bytes) -> bytes:
    """The anchors of a file that was verified when the node enrolled, as PEM, or b""; b"" also for no file at all."""
    return _parse_file(cose.parse_sign1(data, max_bytes=ENROLMENT_FILE_BYTES).payload or b"").anchors if data else b""


def _parse_file(payload: bytes) -> EnrolmentFile:
    fields = Fields(cbor.decode(payload, max_bytes=ENROLMENT_FILE_BYTES), what="enrolment file")
    content = EnrolmentFile(
        centre_url=fields.text(1, max_chars=limits.LONG_CHARS),
        facility=fields.text(2, max_chars=limits.NODE_CHARS),
        facility_name=fields.text(3, max_chars=limits.NAME_CHARS),
        units=tuple(_unit(value) for value in fields.list_(4, max_items=_UNITS)),
        node=fields.text(5, max_chars=limits.NODE_CHARS),
        one_time_code=fields.bytes_(6, length=ONE_TIME_CODE_BYTES),
        publisher_key=keys.load_public_key(fields.bytes_(7, max_bytes=_KEY_BYTES)),
        sealing_key=keys.load_ec_public_key(fields.bytes_(8, max_bytes=_KEY_BYTES)),
        ledger_key=keys.load_public_key(fields.bytes_(9, max_bytes=_KEY_BYTES)),
        catalogue=fields.bytes_(10, max_bytes=ENROLMENT_FILE_BYTES),
        trust_list=fields.bytes_(11, max_bytes=ENROLMENT_FILE_BYTES),
        expires_at=fields.uint(12, max=limits.INSTANT),
        anchors=fields.opt_bytes_(13, max_bytes=ANCHOR_BYTES) or b"",
    )
    fields.finish()
    if not (is_code(content.facility) and is_code(content.node)):
        raise ProtocolError(Code.FIELD_INVALID, "enrolment file: facility and node are codes")
    if not content.centre_url.startswith(_SCHEMES) or content.centre_url.endswith("/"):
        raise ProtocolError(Code.FIELD_INVALID, "enrolment file.1: an http or https address without a slash at the end")
    return content


def _unit(value: object) -> str:
    return Fields({4: value}, what="enrolment file").text(4, max_chars=limits.SHORT_CHARS)


def _digits(text: str) -> str:
    return "".join(character for character in text if character in "0123456789")
