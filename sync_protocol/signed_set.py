"""What all versioned sets of the centre share: a version, an end, an audience, one signature.

Catalogue and population pack (and any later set) are such sets. The rules are those of The Update Framework: a node
never takes an older version than it has seen, never one past its end, never one made for another
place; the signature is checked before the body is parsed. Each kind has its own context, so that no
set can be read as another.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, assert_never

from sync_protocol import cbor, contexts, cose, keys, limits
from sync_protocol.contexts import Context
from sync_protocol.dose import is_code
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.fields import Fields
from sync_protocol.signers.signer import Signer

EVERYBODY: Final = ""
_WHAT: Final = "signed set"


class SetKind(StrEnum):
    """Which set it is; stated in the signed payload besides the context."""

    CATALOGUE = "catalogue"
    POPULATION = "population"
    POPULATION_CHANGE = "population-change"

    @property
    def context(self) -> Context:
        """Content type and external data of this kind's signature."""
        match self:
            case SetKind.CATALOGUE:
                return contexts.CATALOGUE
            case SetKind.POPULATION:
                return contexts.POPULATION
            case SetKind.POPULATION_CHANGE:
                return contexts.POPULATION_CHANGE
            case _:
                assert_never(self)


@dataclass(frozen=True, slots=True)
class SignedSet:
    """The frame of a set; what `body` holds, its own module knows.

    Attributes:
        kind: which set.
        version: grows by at least one with each publication, from 1.
        issued_at: epoch seconds, UTC.
        expires_at: epoch seconds, UTC; from this second on the set is too old to be taken.
        audience: facility code for which it is made, or "" for everybody.
        body: the set itself, encoded by its own module.
    """

    kind: SetKind
    version: int
    issued_at: int
    expires_at: int
    audience: str
    body: bytes


def sign_set(content: SignedSet, signer: Signer) -> bytes:
    """Sign a set with the publisher key; returns a tagged COSE_Sign1.

    Raises:
        ProtocolError: `FIELD_INVALID` where the frame breaks a rule that `verify_set` would refuse.
        TokenError: the signer cannot sign now.
    """
    payload = cbor.encode(
        {
            1: content.kind.value,
            2: content.version,
            3: content.issued_at,
            4: content.expires_at,
            5: content.audience,
            6: content.body,
        }
    )
    _parse(payload, kind=content.kind, max_bytes=limits.SET_BYTES)
    context = content.kind.context
    return cose.sign1(payload, signer=signer, content_type=context.content_type, context=context.aad)


def verify_set(
    data: bytes,
    key: keys.PublicKey,
    *,
    kind: SetKind,
    at: int | None,
    audience: str = EVERYBODY,
    newer_than: int | None = None,
    at_least: int | None = None,
    max_bytes: int = limits.SET_BYTES,
) -> SignedSet:
    """Check size, signature, audience, version and end of a set, in this order; the body stays unparsed.

    Args:
        data: the COSE_Sign1 as received.
        key: the publisher key that was pinned at enrolment.
        kind: the set that is expected.
        at: now, epoch seconds, UTC; None judges no end, for showing the last good set with its age.
        audience: the facility code that is expected, or "" where the set is for everybody.
        newer_than: the version held already, when the set must replace it.
        at_least: the newest version ever seen, when the same one may come again.
        max_bytes: bound of this kind.

    Raises:
        ProtocolError: `SIGNATURE_INVALID`, `ALGORITHM`, `CONTENT_TYPE`, a code of form, `SET_FOREIGN`,
            `SET_OLDER` or `SET_EXPIRED`. The caller keeps the set that it has.
    """
    message = cose.parse_sign1(data, max_bytes=max_bytes)
    context = kind.context
    payload = cose.verify_sign1(message, key, context=context.aad, content_type=context.content_type)
    content = _parse(payload, kind=kind, max_bytes=max_bytes)
    if content.audience != audience:
        raise ProtocolError(Code.SET_FOREIGN, f"{kind.value}: made for another audience")
    if newer_than is not None and content.version <= newer_than:
        raise ProtocolError(Code.SET_OLDER, f"{kind.value}: version is not newer than the one held")
    if at_least is not None and content.version < at_least:
        raise ProtocolError(Code.SET_OLDER, f"{kind.value}: version is older than one seen before")
    # A set issued "in the future" is not refused: a laptop's clock is a claim, and the version forbids going back.
    if at is not None and at >= content.expires_at:
        raise ProtocolError(Code.SET_EXPIRED, f"{kind.value}: past its end")
    return content


def _parse(payload: bytes, *, kind: SetKind, max_bytes: int) -> SignedSet:
    fields = Fields(cbor.decode(payload, max_bytes=max_bytes), what=_WHAT)
    if fields.text(1, max_chars=limits.SHORT_CHARS) != kind:
        raise ProtocolError(Code.KIND_UNKNOWN, f"{_WHAT}.1: the kind is not that of its context")
    content = SignedSet(
        kind=kind,
        version=fields.uint(2, min=1, max=limits.COUNTER),
        issued_at=fields.uint(3, max=limits.INSTANT),
        expires_at=fields.uint(4, max=limits.INSTANT),
        audience=fields.text(5, min_chars=0, max_chars=limits.NODE_CHARS),
        body=fields.bytes_(6, max_bytes=max_bytes),
    )
    fields.finish()
    if content.audience != EVERYBODY and not is_code(content.audience):
        raise ProtocolError(Code.FIELD_INVALID, f"{_WHAT}.5: the audience is a facility code or empty")
    if content.expires_at <= content.issued_at:
        raise ProtocolError(Code.FIELD_INVALID, f"{_WHAT}.4: the end must lie after the issue")
    return content
