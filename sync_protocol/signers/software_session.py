"""A key file as the signer process holds it, where a person types its password in a browser.

It stands in the place of `token_session` and answers the same requests, so that one rule holds for both: neither
password nor key is ever in the process of the node.
"""

from __future__ import annotations

from sync_protocol.signers.key_signer import KeySigner
from sync_protocol.signers.software import read_file, unlock
from sync_protocol.signers.token_errors import TokenCode, TokenError
from sync_protocol.signers.token_messages import TokenMechanism


class SoftwareSession:
    """The one owner of the file's key.

    Args:
        path: the PKCS#12 file.

    Raises:
        TokenError: FILE_MISSING, FILE_INVALID: said before anybody types a password.
    """

    def __init__(self, path: str) -> None:
        self._data = read_file(path)
        self._signer: KeySigner | None = None

    @property
    def operations(self) -> int:
        """How many signatures the key has made."""
        return 0 if self._signer is None else self._signer.operations

    def unlock(self, password: str) -> bytes:
        """Open the file; gives the certificate's DER.

        Raises:
            TokenError: PIN_EMPTY, FILE_PASSWORD, FILE_INVALID.
        """
        self._signer = unlock(self._data, password)
        assert self._signer.certificate is not None
        return self._signer.certificate.der

    def sign(self, _mechanism: TokenMechanism, message: bytes) -> bytes:
        """One signature over a message with the file's one algorithm, raw r‖s or the RSA block.

        Raises:
            TokenError: CLOSED before the file is unlocked.
        """
        if self._signer is None:
            raise TokenError(TokenCode.CLOSED)
        return self._signer.sign(message)

    def close(self) -> None:
        """Holds nothing to give back; the key ends with the process."""
