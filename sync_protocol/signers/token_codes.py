"""The stable codes of what is wrong with a token, its module, its certificate, its PIN, its process, or a key file."""

from __future__ import annotations

from enum import StrEnum


class TokenCode(StrEnum):
    """What is wrong; stable. `token_words.TOKEN_PROBLEMS` holds the words of each."""

    # The setting that names the signer.
    URI_INVALID = "token-uri-invalid"
    # The vendor's PKCS#11 module.
    MODULE_NOT_SET = "token-module-not-set"
    MODULE_MISSING = "token-module-missing"
    MODULE_INVALID = "token-module-invalid"
    MODULE_BITS = "token-module-bits"
    MODULE_FAILED = "token-module-failed"
    # The token.
    TOKEN_MISSING = "token-missing"  # noqa: S105
    TOKEN_AMBIGUOUS = "token-ambiguous"  # noqa: S105
    TOKEN_REMOVED = "token-removed"  # noqa: S105
    SESSION_LOST = "token-session-lost"
    TOKEN_FAILED = "token-failed"  # noqa: S105
    # The certificate and its key.
    CERTIFICATE_MISSING = "token-certificate-missing"
    CERTIFICATE_AMBIGUOUS = "token-certificate-ambiguous"
    CERTIFICATE_UNUSABLE = "token-certificate-unusable"
    KEY_ALONE = "token-key-alone"
    KEY_MISSING = "token-key-missing"
    ALGORITHM_UNFIT = "token-algorithm-unfit"
    MECHANISM_MISSING = "token-mechanism-missing"
    SIGNATURE_WRONG = "token-signature-wrong"
    # The PIN.
    PIN_EMPTY = "token-pin-empty"
    PIN_CHARACTERS = "token-pin-characters"
    PIN_LENGTH = "token-pin-length"
    PIN_INCORRECT = "token-pin-incorrect"
    PIN_UNCOUNTED = "token-pin-uncounted"
    PIN_COUNT_LOW = "token-pin-count-low"
    PIN_FINAL_TRY = "token-pin-final-try"
    PIN_LOCKED = "token-pin-locked"
    PIN_EXPIRED = "token-pin-expired"
    PIN_NOT_SET = "token-pin-not-set"
    # The desk at which the PIN is typed straight into the signer process.
    PIN_NOT_TYPED = "token-pin-not-typed"
    PIN_CANCELLED = "token-pin-cancelled"
    DESK_CLOSED = "token-desk-closed"
    # The signer process.
    TIMEOUT = "token-timeout"
    PROCESS_DIED = "token-process-died"
    CLOSED = "token-closed"
    # The key file of the software signer.
    FILE_MISSING = "key-file-missing"
    FILE_INVALID = "key-file-invalid"
    FILE_PASSWORD = "key-file-password"  # noqa: S105
