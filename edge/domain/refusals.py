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
    # Day lists.
    LIST_KIND = "list-kind"
    LIST_MACROS = "list-macros"
    LIST_SIZE = "list-size"
    LIST_ROWS = "list-rows"
    LIST_UNREADABLE = "list-unreadable"
    LIST_HEADER = "list-header"
    LIST_EMPTY = "list-empty"
    CELL_MISSING = "cell-missing"
    CELL_INVALID = "cell-invalid"
    CELL_FORMULA = "cell-formula"
    DATE_INVALID = "date-invalid"
    UNIT_UNKNOWN = "unit-unknown"
    ROW_REPEATED = "row-repeated"
    ROW_DIFFERS = "row-differs"
    PERSON_DIFFERS = "person-differs"
    PHONE_LOST_ZERO = "phone-lost-zero"
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
