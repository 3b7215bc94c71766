"""Verifies health certificates in the European form (HC1), ours and anybody's.

Verification goes forward in one order and stops at the first failure: prefix, base45, inflation (bounded), COSE, key,
signature, and only then the content, its times and what the key may attest.

Source: HCERT specification part 1, version 1.0.5.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeVar

import cbor2
import msgspec

from sync_protocol import base45, cbor, cose, keys, limits
from sync_protocol.document_signer import DocumentSigner
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.hc1_text import (
    ALGORITHMS,
    CLAIM_EXPIRES,
    CLAIM_HCERT,
    CLAIM_ISSUED,
    CLAIM_ISSUER,
    HCERT_DCC,
    UnverifiedHealthCertificate,
    inflate,
    parse_hc1,
    parse_hc1_message,
    strip_prefix,
)
from sync_protocol.health_content import EntryKind, HealthContent, check_content
from sync_protocol.trust import TrustSet

_ISSUER_CHARS: Final = 80
_CHUNK: Final = 1_000
_In = TypeVar("_In")
_Out = TypeVar("_Out")


class VerifiedHealthCertificate(msgspec.Struct, frozen=True, gc=False):
    """A health certificate whose signature, signer, content and times have been checked.

    Attributes:
        issuer: claim 1, ISO 3166 alpha-2; "" when it is not stated.
        issued_at, expires_at: epoch seconds, UTC.
        content: what it attests.
        signer: the document signer whose key verified it.
        signature: as in the message, for revocation by signature.
    """

    issuer: str
    issued_at: int
    expires_at: int
    content: HealthContent
    signer: DocumentSigner
    signature: bytes

    @property
    def kind(self) -> EntryKind:
        """Vaccination, test or recovery."""
        return self.content.kind


def verify_hc1(text: str, trust: TrustSet, *, at: int) -> VerifiedHealthCertificate:
    """Verifies the text of one health certificate, ours or anybody's.

    Args:
        text: the QR's text, beginning with ``HC1:``.
        trust: whose keys to accept.
        at: the instant to judge by, epoch seconds, UTC.

    Raises:
        ProtocolError: what `parse_hc1`, `verify_signature` and `verify_content` raise.
    """
    return verify_content(*verify_signature(parse_hc1(text), trust), at=at)


def verify_many(texts: Sequence[str], trust: TrustSet, *, at: int) -> list[VerifiedHealthCertificate | ProtocolError]:
    """Verifies many texts, stage by stage over each thousand, so that the curve's tables stay in the cache.

    Returns:
        Each text's result, or what `verify_hc1` would have raised for it, in order.
    """
    results: list[VerifiedHealthCertificate | ProtocolError] = []
    for start in range(0, len(texts), _CHUNK):
        unverified = _parse_many(texts[start : start + _CHUNK])
        signed = _each(lambda item: verify_signature(item, trust), unverified)
        results.extend(_each(lambda pair: verify_content(*pair, at=at), signed))
    return results


def _parse_many(texts: Sequence[str]) -> Sequence[UnverifiedHealthCertificate | ProtocolError]:
    try:
        streams = base45.decode_many([strip_prefix(text) for text in texts])
    except ProtocolError:
        # One bad text spoils the pass over all, so each of these is read by itself.
        return _each(parse_hc1, texts)
    return _each(lambda stream: parse_hc1_message(inflate(stream)), streams)


def _each(step: Callable[[_In], _Out], items: Sequence[_In | ProtocolError]) -> list[_Out | ProtocolError]:
    results: list[_Out | ProtocolError] = []
    for item in items:
        if isinstance(item, ProtocolError):
            results.append(item)
            continue
        try:
            results.append(step(item))
        except ProtocolError as refusal:
            results.append(refusal)
    return results


def verify_signature(
    unverified: UnverifiedHealthCertificate, trust: TrustSet
) -> tuple[UnverifiedHealthCertificate, DocumentSigner]:
    """Verifies the signature with every certificate that has the key id; one has to fit.

    Raises:
        ProtocolError: SIGNER_UNKNOWN, ALGORITHM, CERTIFICATE_REVOKED or SIGNATURE_INVALID.
    """
    signers = trust.document_signers(unverified.kid)
    if not signers:
        raise ProtocolError(Code.SIGNER_UNKNOWN, "message: no trusted document signer has this key id")
    if unverified.algorithm not in ALGORITHMS:
        raise ProtocolError(Code.ALGORITHM, "message: the algorithm must be ES256 or PS256")
    signed = cose.sig_structure(unverified.protected, b"", unverified.payload)
    refusal: ProtocolError | None = None
    for signer in signers:
        try:
            keys.verify(signer.certificate.public_key, unverified.algorithm, unverified.signature, signed)
        except ProtocolError as error:
            # Two signers may share a key id, so another one may still fit.
            refusal = error
            continue
        if signer.revoked_at is not None:
            raise ProtocolError(Code.CERTIFICATE_REVOKED, "signer: the document signer is revoked")
        return unverified, signer
    assert refusal is not None
    raise refusal


def verify_content(
    signed: UnverifiedHealthCertificate, signer: DocumentSigner, *, at: int
) -> VerifiedHealthCertificate:
    """Reads the claims, whose signature has been verified, and checks schema, times and what the key may attest.

    Raises:
        ProtocolError: NOT_CBOR, HC1_CLAIMS, HC1_CONTENT, HC1_EXPIRED, HC1_NOT_YET_VALID, CERTIFICATE_EXPIRED,
            CERTIFICATE_NOT_YET_VALID or KEY_USAGE.
    """
    claims = cbor.decode_foreign(signed.payload, max_bytes=limits.HC1_INFLATED_BYTES)
    if not isinstance(claims, dict):
        raise ProtocolError(Code.HC1_CLAIMS, "claims: must be a map")
    issuer = claims.get(CLAIM_ISSUER, "")
    if not isinstance(issuer, str) or len(issuer) > _ISSUER_CHARS:
        raise ProtocolError(Code.HC1_CLAIMS, "claims.1: the issuer must be text")
    issued_at = _instant(claims.get(CLAIM_ISSUED), claim=CLAIM_ISSUED)
    expires_at = _instant(claims.get(CLAIM_EXPIRES), claim=CLAIM_EXPIRES)
    hcert = claims.get(CLAIM_HCERT)
    if not isinstance(hcert, dict) or HCERT_DCC not in hcert:
        raise ProtocolError(Code.HC1_CLAIMS, "claims.-260: holds no health certificate of kind 1")
    content = check_content(hcert[HCERT_DCC])
    verified = VerifiedHealthCertificate(issuer, issued_at, expires_at, content, signer, signed.signature)
    check_times(verified, at=at)
    check_key_usage(verified)
    return verified


def check_times(verified: VerifiedHealthCertificate, *, at: int) -> None:
    """Checks that the certificate and its signer's key are in force at the instant `at` (epoch seconds, UTC).

    Raises:
        ProtocolError: HC1_NOT_YET_VALID, HC1_EXPIRED, CERTIFICATE_NOT_YET_VALID or CERTIFICATE_EXPIRED.
    """
    if at < verified.issued_at:
        raise ProtocolError(Code.HC1_NOT_YET_VALID, "claims.6: issued after the instant of verification")
    # RFC 8392 ends the life before this second; the European test data counts it in, and so do all verifiers.
    if at > verified.expires_at:
        raise ProtocolError(Code.HC1_EXPIRED, "claims.4: expired at the instant of verification")
    signer = verified.signer
    if at < signer.valid_from or verified.issued_at < signer.valid_from:
        raise ProtocolError(Code.CERTIFICATE_NOT_YET_VALID, "signer: issued before its certificate was valid")
    if at > signer.valid_until:
        raise ProtocolError(Code.CERTIFICATE_EXPIRED, "signer: its certificate has expired")


def check_key_usage(verified: VerifiedHealthCertificate) -> None:
    """Checks that the signer may attest this kind of fact.

    Raises:
        ProtocolError: KEY_USAGE.
    """
    usages = verified.signer.usages
    if usages and verified.kind not in usages:
        raise ProtocolError(Code.KEY_USAGE, f"signer: its certificate is not for entries of kind {verified.kind}")


def _instant(value: object, *, claim: int) -> int:
    if type(value) is int and 0 <= value <= limits.INSTANT:
        return value
    if isinstance(value, cbor2.CBORTag) and value.tag == 1:
        value = value.value
    # Some states write the claims as floats; NaN and infinities fail the comparison.
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= limits.INSTANT:
        return int(value)
    raise ProtocolError(Code.HC1_CLAIMS, f"claims.{claim}: must be a time in seconds")
