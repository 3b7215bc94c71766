"""What the node itself refuses or warns of: stable codes; their Vietnamese words and cures are in `code_words`.

Where the centre has a code for the same thing (`sync_protocol.errors.Code`) that one is used. Nothing here names a
person: rows are named by number, columns by their header.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TypeAlias

from sync_protocol.errors import Code


class EdgeCode(StrEnum):
    """Codes of the node alone."""

    # Identity papers, at the chair.
    NUMBER_PROVINCE = "number-province"
    NUMBER_SEX = "number-sex"
    NUMBER_YEAR = "number-year"
    NUMBER_LOST_ZERO = "number-lost-zero"
    CARD_UNREADABLE = "card-unreadable"
    BORN_FUTURE = "born-future"
    NAME_LETTERS = "name-letters"
    GUARDIAN_MISSING = "guardian-missing"
    # At the door.
    VISIT_UNKNOWN = "visit-unknown"
    VISIT_MOVED = "visit-moved"
    ROSTER_DAY = "roster-day"
    # One dose.
    GIVEN_FUTURE = "given-future"
    GIVEN_BEFORE_BIRTH = "given-before-birth"
    LATE_REASON = "late-reason"
    AGE_BELOW = "age-below"
    DOSE_TOTAL = "dose-total"
    LOT_EXPIRY_UNKNOWN = "lot-expiry-unknown"
    PERSON_UNKNOWN = "person-unknown"
    PERSON_NEAR = "person-near"
    PERSON_CHANGED = "person-changed"
    VOUCH_CITIZEN = "vouch-citizen"
    DOSE_UNKNOWN = "dose-unknown"
    DOSE_REPLACED = "dose-replaced"
    REASON_MISSING = "reason-missing"
    SUBMISSION_OTHER = "submission-other"
    WARNINGS_UNCONFIRMED = "warnings-unconfirmed"
    # Opened vials, and the time after the injection.
    VIAL_GONE = "vial-gone"
    VIAL_DRAWN = "vial-drawn"
    VISIT_GONE = "visit-gone"
    LEAVE_REASON = "leave-reason"
    RETURN_LATE = "return-late"
    REACTION_TIME = "reaction-time"
    # Day lists.
    LIST_KIND = "list-kind"
    LIST_MACROS = "list-macros"
    LIST_SIZE = "list-size"
    LIST_ROWS = "list-rows"
    LIST_UNREADABLE = "list-unreadable"
    LIST_HEADER = "list-header"
    LIST_EMPTY = "list-empty"
    LIST_GONE = "list-gone"
    CELL_MISSING = "cell-missing"
    CELL_INVALID = "cell-invalid"
    CELL_FORMULA = "cell-formula"
    DATE_INVALID = "date-invalid"
    UNIT_UNKNOWN = "unit-unknown"
    ROW_REPEATED = "row-repeated"
    ROW_DIFFERS = "row-differs"
    PERSON_DIFFERS = "person-differs"
    PHONE_LOST_ZERO = "phone-lost-zero"
    # Devices on the clinic's network.
    DEVICE_NAME = "device-name"
    DEVICE_MANY = "device-many"
    DEVICE_CODE = "device-code"
    DEVICE_DECIDED = "device-decided"
    LAN_ADDRESS = "lan-address"
    # Certificates of the organisation.
    SERIAL_INVALID = "serial-invalid"
    OFFICER_NAME = "officer-name"
    REGISTRATION_ASKED = "registration-asked"
    REGISTRATION_MOVED = "registration-moved"
    # Delegated signing.
    HANDOVER_NOBODY = "handover-nobody"
    HANDBACK_EARLY = "handback-early"
    # Taking data out, and closing the day.
    EXPORT_SPAN = "export-span"
    EXPORT_SIZE = "export-size"
    WORK_FULL = "work-full"
    WORK_GONE = "work-gone"
    DAY_CLOSED = "day-closed"
    CLOCK_EARLY = "clock-early"
    CLOCK_TYPED = "clock-typed"
    DAY_FUTURE = "day-future"
    # People of the site.
    SIGN_IN_FAILED = "sign-in-failed"
    ACCOUNT_LOCKED = "account-locked"
    PASSWORD_WRONG = "password-wrong"  # noqa: S105
    PASSWORD_WEAK = "password-weak"  # noqa: S105
    PASSWORD_DIFFERS = "password-differs"  # noqa: S105
    PASSPHRASE_WRONG = "passphrase-wrong"  # noqa: S105
    LOGIN_INVALID = "login-invalid"
    LOGIN_TAKEN = "login-taken"
    NAME_TAKEN = "name-taken"
    ROLES_MISSING = "roles-missing"
    LAST_MANAGER = "last-manager"
    USER_UNKNOWN = "user-unknown"
    FIRST_DONE = "first-account-done"
    # Corrected lists that come back.
    CORRECTION_KIND = "correction-kind"
    CORRECTION_SHEET = "correction-sheet"
    CORRECTION_MERGED = "correction-merged"
    CORRECTION_SITE = "correction-site"
    CORRECTION_ORIGINAL = "correction-original"
    CORRECTION_PLAN = "correction-plan"
    # The node as a whole.
    NO_CATALOGUE = "no-catalogue"
    NO_PACK = "no-pack"
    PACK_EXPIRED = "pack-expired"


AnyCode: TypeAlias = Code | EdgeCode


@dataclass(frozen=True, slots=True)
class Words:
    """What a screen says: the fact, and what to do next."""

    vi: str
    cure: str
    en: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a rule found.

    Attributes:
        code: what it is.
        blocking: True if nothing is stored while it stands; a warning needs a person's confirmation.
        field: which field or column it is about; never its content.
        detail: figures that make the sentence useful (days, rows), never a person's data.
    """

    code: AnyCode
    blocking: bool
    field: str
    detail: str = ""


class RefusedError(Exception):
    """The node does not do what was asked, since these findings stand. Nothing was stored."""

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        super().__init__(", ".join(f"{finding.code} ({finding.field})" for finding in findings))
        self.findings = findings


def refuse(code: AnyCode, field: str, *, detail: str = "") -> RefusedError:
    """Return the error for one blocking finding."""
    return RefusedError((Finding(code, True, field, detail),))
