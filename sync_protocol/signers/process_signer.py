"""The signer whose key is in the signer process: in a token or an HSM behind it, or in a file that it has opened.

Our side of it: hash, hand over what the chosen mechanism is given, and verify each signature with the certificate
before anybody sees it. After any error the signer is closed: open a new one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from sync_protocol import keys
from sync_protocol.certificate import Certificate
from sync_protocol.errors import ProtocolError
from sync_protocol.keys import Algorithm, PublicKey
from sync_protocol.signers.mechanisms import MechanismChoice, token_input
from sync_protocol.signers.token_errors import TokenCode, TokenError
from sync_protocol.signers.token_link import TokenLink
from sync_protocol.signers.token_messages import Sign, Signed

# So many signatures go over the pipe together: the way there and back then costs little beside an HSM's work,
# and a token that stops is noticed before the whole day is lost.
_TOGETHER: Final = 32


class ProcessSigner:
    """Signs with the key that the signer process holds; implements `Signer`.

    Safe to use from several threads: requests queue up at the link. `sign` and `sign_many` raise `TokenError`
    and thereby close the signer.
    """

    def __init__(self, link: TokenLink, certificate: Certificate, choice: MechanismChoice) -> None:
        self._link = link
        self._choice = choice
        self.certificate = certificate
        self.public_key: PublicKey = certificate.public_key
        self.algorithm: Algorithm = choice.algorithm

    @property
    def operations(self) -> int:
        """How many signatures the token has made for this signer, the refused ones included."""
        return self._link.operations

    @property
    def process_id(self) -> int | None:
        """The signer process's number at the operating system; for diagnosis."""
        return self._link.process_id

    def sign(self, message: bytes) -> bytes:
        """Signs the message with one operation of the token; see `Signer.sign`.

        Raises:
            TokenError: TOKEN_REMOVED, TOKEN_FAILED, TIMEOUT, PROCESS_DIED, MECHANISM_MISSING, SIGNATURE_WRONG, CLOSED.
        """
        return self.sign_many([message])[0]

    def sign_many(self, messages: Sequence[bytes]) -> list[bytes]:
        """Signs each message with an operation of its own, in order; all or an error."""
        signatures: list[bytes] = []
        for start in range(0, len(messages), _TOGETHER):
            signatures.extend(self._sign_some(messages[start : start + _TOGETHER]))
        return signatures

    def close(self) -> None:
        """Logs out and ends the signer process."""
        self._link.close()

    def _sign_some(self, messages: Sequence[bytes]) -> tuple[bytes, ...]:
        request = Sign(self._choice.mechanism, tuple(token_input(self._choice, message) for message in messages))
        seconds = self._link.timeouts.signature * len(messages)
        signatures = self._link.ask(request, Signed, seconds=seconds).signatures
        try:
            # `strict`: a token that answers too few times has failed like one that answers wrongly.
            for message, signature in zip(messages, signatures, strict=True):
                keys.verify(self.public_key, self.algorithm, signature, message)
        except (ProtocolError, ValueError):
            # Nothing more is asked of a token, or a key, that signs wrongly.
            self.close()
            raise TokenError(TokenCode.SIGNATURE_WRONG) from None
        return signatures
