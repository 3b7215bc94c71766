"""What a centre answers to a node that showed it epochs (`shown_epoch`): taken up, a person decides, or refused.

The answer is signed by the publisher key and sealed to the newest epoch that was shown: nobody else learns of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec

from sync_protocol import cbor, contexts, cose, keys, limits
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.fields import Fields
from sync_protocol.manifest import DIGEST_BYTES
from sync_protocol.sealing import Entropy, open_sealed, seal
from sync_protocol.signers.signer import Signer

_ANSWER: Final = "answer to shown epochs"


class ShownState(StrEnum):
    """What the centre says of a showing."""

    WAITING = "waiting"
    TAKEN = "taken"
    REFUSED = "refused"


# States travel as their place in this tuple, so the order never changes.
_STATES: Final = (ShownState.WAITING, ShownState.TAKEN, ShownState.REFUSED)


@dataclass(frozen=True, slots=True)
class ShownAnswer:
    """The centre's word on a showing: its digest (32 bytes), the state, when (epoch seconds UTC), and why not."""

    node: str
    digest: bytes
    state: ShownState
    at: int
    code: Code | None = None


def sign_shown_answer(answer: ShownAnswer, publisher: Signer) -> bytes:
    """Sign an answer with the publisher key. Raises TokenError."""
    fields: dict[int, object] = {1: answer.node, 2: answer.digest, 3: _STATES.index(answer.state), 4: answer.at}
    if answer.code is not None:
        fields[5] = answer.code.value
    context = contexts.SHOWN_ANSWER
    return cose.sign1(cbor.encode(fields), signer=publisher, content_type=context.content_type, context=context.aad)


def seal_shown_answer(signed: bytes, *, recipient: ec.EllipticCurvePublicKey, entropy: Entropy) -> bytes:
    """Seal a signed answer to the sealing key of the newest epoch that was shown."""
    return seal(signed, recipient=recipient, entropy=entropy, context=contexts.SHOWN_ANSWER.aad)


def open_shown_answer(
    sealed: bytes,
    opening_key: ec.EllipticCurvePrivateKey,
    publisher_key: keys.PublicKey,
    *,
    node: str,
    digest: bytes,
) -> ShownAnswer:
    """Open an answer, and check the publisher's signature and that it is to this very showing.

    Raises:
        ProtocolError: what `open_sealed` raises, SIGNATURE_INVALID, CONTENT_TYPE, a code of form, or EPOCH_MISMATCH.
    """
    private = {keys.key_id(opening_key.public_key()): opening_key}
    signed = open_sealed(sealed, private, context=contexts.SHOWN_ANSWER.aad, max_bytes=limits.MESSAGE_BYTES)
    context = contexts.SHOWN_ANSWER
    message = cose.parse_sign1(signed, max_bytes=limits.MESSAGE_BYTES)
    payload = cose.verify_sign1(message, publisher_key, context=context.aad, content_type=context.content_type)
    fields = Fields(cbor.decode(payload, max_bytes=limits.MESSAGE_BYTES), what=_ANSWER)
    answer = ShownAnswer(
        node=fields.text(1, max_chars=limits.NODE_CHARS),
        digest=fields.bytes_(2, length=DIGEST_BYTES),
        state=_STATES[fields.uint(3, max=len(_STATES) - 1)],
        at=fields.uint(4, max=limits.INSTANT),
        code=_code(fields),
    )
    fields.finish()
    if (answer.node, answer.digest) != (node, digest):
        raise ProtocolError(Code.EPOCH_MISMATCH, f"{_ANSWER}: made for another showing")
    return answer


def _code(fields: Fields) -> Code | None:
    word = fields.opt_text(5, max_chars=limits.SHORT_CHARS)
    try:
        return None if word is None else Code(word)
    except ValueError:
        raise ProtocolError(Code.FIELD_INVALID, f"{_ANSWER}.5: a code is unknown to this version") from None
