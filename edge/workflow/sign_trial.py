"""A trial signature: a fixed text that means nothing, signed by the token and verified.

Its content type and context are of this trial alone, so that nobody can take the signature for another message's, and
the text itself says what it is.
"""

from __future__ import annotations

from typing import Final

from sync_protocol import contexts, cose
from sync_protocol.signers.signer import Signer

TRIAL_TEXT: Final = "Chữ ký thử của máy trạm tiêm chủng; không có giá trị nào khác.".encode()


def sign_trial(signer: Signer) -> bytes:
    """Sign the text with one operation of the token, verify it, and give the COSE_Sign1 bytes; nothing is stored.

    Raises:
        TokenError: the token does not sign, or signs wrongly.
    """
    made = cose.sign1(
        TRIAL_TEXT,
        signer=signer,
        content_type=contexts.TOKEN_TEST.content_type,
        context=contexts.TOKEN_TEST.aad,
    )
    cose.verify_sign1(
        cose.parse_sign1(made, max_bytes=len(made)),
        signer.public_key,
        context=contexts.TOKEN_TEST.aad,
        content_type=contexts.TOKEN_TEST.content_type,
    )
    return made
