"""Lists of keys to trust: our own signed list, and the European gateway's JSON form, both ways.

The *signed list* is what the centre publishes to its nodes and to anybody who verifies offline: ledger keys, sealing
keys, document signers, anchors of the organisation certificates, node keys, and what was revoked. Its signer's
public key stands inside, so that a file can show by which key it is held together; that key is trusted only
because somebody compared it with one from another source.

The *gateway list* (`kid, timestamp, country, certificateType, thumbprint, signature, rawData`) has no signature over
the whole; each entry's CMS signature was checked by the gateway when a country uploaded it, and is not checked here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec

from sync_protocol import cbor, contexts, cose, keys, limits
from sync_protocol.certificate import Certificate, parse_certificate
from sync_protocol.document_signer import parse_document_signer
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.fields import Fields
from sync_protocol.keys import PublicKey
from sync_protocol.signers.signer import Signer

# There are a handful of ledger and sealing keys at a time, about 3,000 document signers in all countries, and 12,000
# sites with a few nodes and certificates each.
LIST_KEYS: Final = 20
LIST_CERTIFICATES: Final = 5_000
LIST_NODES: Final = 50_000
_SPKI_BYTES: Final = 600
_THUMBPRINT_BYTES: Final = 32
_WHAT: Final = "trust list"


@dataclass(frozen=True, slots=True)
class NodeKey:
    """The key of one enrolled node: node code, epoch from which it holds, public key."""

    node: str
    epoch: int
    key: PublicKey


@dataclass(frozen=True, slots=True)
class Revocation:
    """A certificate that its authority or the centre took back.

    Attributes:
        thumbprint: 32 bytes, SHA-256 of the certificate in DER.
        revoked_at: epoch seconds, UTC, from which it must not have signed.
    """

    thumbprint: bytes
    revoked_at: int


@dataclass(frozen=True, slots=True)
class TrustList:
    """Whom the centre asks others to trust.

    Attributes:
        version: grows with each publication, from 1.
        issued_at, expires_at: epoch seconds, UTC; from `expires_at` on the list is too old to be taken.
        ledger_keys: keys that sign tree heads and receipts, the current one first.
        sealing_keys: keys to which bundles may be sealed, the current one first.
        document_signers: certificates that sign health certificates.
        organisation_anchors: authorities to which organisation certificates lead.
        node_keys: keys of enrolled nodes, where the list is made for auditors.
        revoked: certificates no longer to be trusted.
        organisation_certificates: registered certificates and the authorities between them and an anchor, where the
            list is made for auditors: a provisional slip names its signer's certificate and carries none.
    """

    version: int
    issued_at: int
    expires_at: int
    ledger_keys: tuple[PublicKey, ...]
    sealing_keys: tuple[ec.EllipticCurvePublicKey, ...]
    document_signers: tuple[Certificate, ...]
    organisation_anchors: tuple[Certificate, ...]
    node_keys: tuple[NodeKey, ...] = ()
    revoked: tuple[Revocation, ...] = ()
    organisation_certificates: tuple[Certificate, ...] = ()


def sign_trust_list(content: TrustList, signer: Signer) -> bytes:
    """Signs a trust list with the publisher key; returns a tagged COSE_Sign1.

    Raises:
        TokenError: the signer cannot sign now.
    """
    payload = cbor.encode(
        {
            1: content.version,
            2: content.issued_at,
            3: content.expires_at,
            4: keys.encode_public_key(signer.public_key),
            5: [keys.encode_public_key(key) for key in content.ledger_keys],
            6: [keys.encode_public_key(key) for key in content.sealing_keys],
            7: [certificate.der for certificate in content.document_signers],
            8: [certificate.der for certificate in content.organisation_anchors],
            9: [[item.node, item.epoch, keys.encode_public_key(item.key)] for item in content.node_keys],
            10: [[item.thumbprint, item.revoked_at] for item in content.revoked],
            11: [certificate.der for certificate in content.organisation_certificates],
        }
    )
    context = contexts.TRUST_LIST
    return cose.sign1(payload, signer=signer, content_type=context.content_type, context=context.aad)


def verify_trust_list(
    data: bytes, key: PublicKey, *, at: int | None, newer_than: int | None = None, at_least: int | None = None
) -> TrustList:
    """Checks signature, version and end of a signed trust list, then reads it.

    Args:
        data: the COSE_Sign1 as received.
        key: the publisher key that was pinned at enrolment.
        at: now, epoch seconds, UTC; None judges no end, for showing the last good list with its age.
        newer_than: the version held already, when the list must replace it.
        at_least: the newest version ever seen, when the same one may come again.

    Raises:
        ProtocolError: SIGNATURE_INVALID, ALGORITHM, CONTENT_TYPE, SET_OLDER, SET_EXPIRED, KEY_INVALID,
            CERTIFICATE_INVALID or a code of form. The caller keeps the list that it has.
    """
    message = cose.parse_sign1(data, max_bytes=limits.SET_BYTES)
    context = contexts.TRUST_LIST
    payload = cose.verify_sign1(message, key, context=context.aad, content_type=context.content_type)
    content = _read(payload, key)
    if newer_than is not None and content.version <= newer_than:
        raise ProtocolError(Code.SET_OLDER, f"{_WHAT}: version is not newer than the one held")
    if at_least is not None and content.version < at_least:
        raise ProtocolError(Code.SET_OLDER, f"{_WHAT}: version is older than one seen before")
    if at is not None and at >= content.expires_at:
        raise ProtocolError(Code.SET_EXPIRED, f"{_WHAT}: past its end")
    return content


def publisher_key_of(data: bytes) -> PublicKey:
    """Returns the publisher key that a signed list names for itself: unverified, to be compared by a person.

    Raises:
        ProtocolError: NOT_COSE, KEY_INVALID or a code of form.
    """
    payload = cose.parse_sign1(data, max_bytes=limits.SET_BYTES).payload
    if payload is None:
        raise ProtocolError(Code.NOT_COSE, f"{_WHAT}: the payload is missing")
    fields = Fields(cbor.decode(payload, max_bytes=limits.SET_BYTES), what=_WHAT)
    return keys.load_public_key(fields.bytes_(4, max_bytes=_SPKI_BYTES))


def _read(payload: bytes, key: PublicKey) -> TrustList:
    fields = Fields(cbor.decode(payload, max_bytes=limits.SET_BYTES), what=_WHAT)
    version = fields.uint(1, min=1, max=limits.COUNTER)
    issued_at = fields.uint(2, max=limits.INSTANT)
    expires_at = fields.uint(3, max=limits.INSTANT)
    if keys.load_public_key(fields.bytes_(4, max_bytes=_SPKI_BYTES)) != key:
        raise fields.invalid(4, "must be the key that signed the list")
    content = TrustList(
        version=version,
        issued_at=issued_at,
        expires_at=expires_at,
        ledger_keys=tuple(keys.load_public_key(der) for der in _byte_strings(fields, 5, max_items=LIST_KEYS)),
        sealing_keys=tuple(keys.load_ec_public_key(der) for der in _byte_strings(fields, 6, max_items=LIST_KEYS)),
        document_signers=tuple(map(parse_document_signer, _byte_strings(fields, 7, max_items=LIST_CERTIFICATES))),
        organisation_anchors=tuple(map(parse_certificate, _byte_strings(fields, 8, max_items=LIST_CERTIFICATES))),
        node_keys=tuple(_node_key(fields, item) for item in fields.list_(9, max_items=LIST_NODES)),
        revoked=tuple(_revocation(fields, item) for item in fields.list_(10, max_items=LIST_NODES)),
        organisation_certificates=tuple(map(parse_certificate, _byte_strings(fields, 11, max_items=LIST_NODES))),
    )
    fields.finish()
    if content.expires_at <= content.issued_at:
        raise fields.invalid(3, "the end must lie after the issue")
    return content


def _byte_strings(fields: Fields, key: int, *, max_items: int) -> Sequence[bytes]:
    items = []
    for item in fields.list_(key, max_items=max_items):
        if not isinstance(item, bytes):
            raise fields.invalid(key, "must be a list of byte strings")
        items.append(item)
    return items


def _node_key(fields: Fields, item: object) -> NodeKey:
    match item:
        case [str(node), int(epoch), bytes(spki)] if 0 < len(node) <= limits.NODE_CHARS and _is_count(
            epoch, limits.COUNTER
        ):
            return NodeKey(node, epoch, keys.load_public_key(spki))
        case _:
            raise fields.invalid(9, "must be a list of [node, epoch, key]")


def _revocation(fields: Fields, item: object) -> Revocation:
    match item:
        case [bytes(thumbprint), int(at)] if len(thumbprint) == _THUMBPRINT_BYTES and _is_count(at, limits.INSTANT):
            return Revocation(thumbprint, at)
        case _:
            raise fields.invalid(10, "must be a list of [thumbprint, instant]")


def _is_count(value: int, last: int) -> bool:
    # True matches int(); it must not pass for 1.
    return not isinstance(value, bool) and 0 <= value <= last
