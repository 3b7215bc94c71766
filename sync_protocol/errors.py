"""What can be wrong with somebody else's bytes, and the one exception that says so.

Every refusal carries a :class:`Code`. A code is stable for ever: screens, work lists and other
programs key on it. `problems` holds its HTTP status and its words. The text of an error names the
field and the rule, never a person's data, a PIN or a key.
"""

from __future__ import annotations

from enum import StrEnum


class Code(StrEnum):
    """Stable problem codes; `problems.PROBLEMS` says for each one the status and the cure."""

    # The message as such.
    TOO_LARGE = "too-large"
    NOT_CBOR = "not-cbor"
    NOT_DETERMINISTIC = "not-deterministic"
    FIELD_MISSING = "field-missing"
    FIELD_UNKNOWN = "field-unknown"
    FIELD_INVALID = "field-invalid"
    NOT_COSE = "not-cose"
    CONTENT_TYPE = "content-type"
    VERSION = "version"
    KIND_UNKNOWN = "kind-unknown"
    # Envelopes, keys and signatures.
    ENVELOPE_UNREADABLE = "envelope-unreadable"
    RECIPIENT_UNKNOWN = "recipient-unknown"
    KEY_INVALID = "key-invalid"
    ALGORITHM = "algorithm"
    SIGNATURE_INVALID = "signature-invalid"
    SIGNER_UNKNOWN = "signer-unknown"
    # Certificates.
    CERTIFICATE_INVALID = "certificate-invalid"
    CERTIFICATE_UNTRUSTED = "certificate-untrusted"
    CERTIFICATE_EXPIRED = "certificate-expired"
    CERTIFICATE_NOT_YET_VALID = "certificate-not-yet-valid"
    CERTIFICATE_REVOKED = "certificate-revoked"
    CERTIFICATE_UNREGISTERED = "certificate-unregistered"
    REGISTRATION_PROOF = "registration-proof"
    REGISTRATION_CONFLICT = "registration-conflict"
    REGISTRATION_REFUSED = "registration-refused"
    KEY_USAGE = "key-usage"
    CRL_INVALID = "crl-invalid"
    CRL_UNSUPPORTED = "crl-unsupported"
    CRL_UNTRUSTED = "crl-untrusted"
    CRL_OLDER = "crl-older"
    # Trees, receipts, heads.
    PROOF_INVALID = "proof-invalid"
    RECEIPT_MISMATCH = "receipt-mismatch"
    HEAD_INCONSISTENT = "head-inconsistent"
    LEDGER_EPOCH = "ledger-epoch"
    # Nodes and their chains.
    NODE_UNKNOWN = "node-unknown"
    NODE_DENIED = "node-denied"
    ENROLMENT_INVALID = "enrolment-invalid"
    EPOCH = "epoch"
    EPOCH_REFUSED = "epoch-refused"
    EPOCH_MISMATCH = "epoch-mismatch"
    EPOCH_SHOWN = "epoch-shown"
    NOT_NEXT = "not-next"
    FORKED = "forked"
    REPLAYED = "replayed"
    LATER = "later"
    # What a batch claims.
    BATCH_PEOPLE = "batch-people"
    BATCH_DOSES = "batch-doses"
    COLUMNS_INVALID = "columns-invalid"
    ROOT_MISMATCH = "root-mismatch"
    COUNT_MISMATCH = "count-mismatch"
    FACILITY_MISMATCH = "facility-mismatch"
    PURPOSE = "purpose"
    DELEGATION = "delegation"
    HANDOVER = "handover"
    TIME_WINDOW = "time-window"
    # What a closing sheet says.
    CLOSING_SUMS = "closing-sums"
    # What a node asks about people.
    QUESTIONS_DAY = "questions-day"
    # What is said of one dose.
    DOSE_FACILITY = "dose-facility"
    DOSE_DAY = "dose-day"
    DOSE_REPEATED = "dose-repeated"
    DOSE_DUPLICATE = "dose-duplicate"
    DOSE_ORDER = "dose-order"
    DOSE_INTERVAL = "dose-interval"
    DOSE_VERSION = "dose-version"
    PRODUCT_UNKNOWN = "product-unknown"
    PRODUCT_MIXED = "product-mixed"
    LOT_EXPIRED = "lot-expired"
    IDENTITY_MISSING = "identity-missing"
    IDENTITY_MALFORMED = "identity-malformed"
    IDENTITY_MISMATCH = "identity-mismatch"
    IDENTITY_WAITING = "identity-waiting"
    IDENTITY_EVIDENCE = "identity-evidence"
    # Versioned, signed sets: catalogue, trust list, population pack.
    SET_OLDER = "set-older"
    SET_EXPIRED = "set-expired"
    SET_FOREIGN = "set-foreign"
    PACK_BASE = "pack-base"
    PACK_MISMATCH = "pack-mismatch"
    # Health certificates.
    HC1_PREFIX = "hc1-prefix"
    HC1_BASE45 = "hc1-base45"
    HC1_INFLATE = "hc1-inflate"
    HC1_CLAIMS = "hc1-claims"
    HC1_CONTENT = "hc1-content"
    HC1_EXPIRED = "hc1-expired"
    HC1_NOT_YET_VALID = "hc1-not-yet-valid"
    SIGNER_LIFE = "signer-life"
    NAME_UNWRITABLE = "name-unwritable"
    UVCI_INVALID = "uvci-invalid"
    # Provisional slips.
    SLIP_DAMAGED = "slip-damaged"
    # Tools.
    NOT_RECOGNISED = "not-recognised"
    PICTURE_UNREADABLE = "picture-unreadable"


class ProtocolError(Exception):
    """The peer's bytes are wrong.

    Args:
        code: the stable code.
        rule: the field and the rule that it breaks, in English, without any person's data.
    """

    def __init__(self, code: Code, rule: str) -> None:
        super().__init__(f"{code}: {rule}")
        self.code = code
        self.rule = rule
