"""Whether person and dose can stand in a dose record of the protocol: text tidied first, then every bound checked.

What passes here can be signed later without a surprise: the bounds are those of `sync_protocol.dose` itself.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import fields, replace
from typing import Final, TypeVar

from edge.domain.dosing import DoseFacts
from edge.domain.identity_papers import tidy_phone
from edge.domain.refusals import EdgeCode, Finding
from sync_protocol.dose import Dose, check_dose
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.identity import EvidenceSource, IdentityEvidence, IdentityState, Recipient

_SUBMISSION: Final = re.compile(r"[A-Za-z0-9_:.\-]{8,80}")
_NOT_CHECKED: Final = IdentityEvidence(IdentityState.WAITING, EvidenceSource.PACK, "", 0)
_Record = TypeVar("_Record", Recipient, DoseFacts)


def tidy(record: _Record) -> _Record:
    """Return the same with all texts in NFC and single spaces; the phone without separators."""
    texts = {
        field.name: " ".join(unicodedata.normalize("NFC", value).split())
        for field in fields(record)
        if type(value := getattr(record, field.name)) is str
    }
    if "phone" in texts:
        texts["phone"] = tidy_phone(texts["phone"])
    return replace(record, **texts)  # type: ignore[arg-type]


def check_recordable(
    recipient: Recipient, facts: DoseFacts, *, by: str, at: int, replace_reason: str = ""
) -> tuple[Finding, ...]:
    """Return FIELD_INVALID for the first field that no dose record may hold; nothing if all may.

    Args:
        recipient, facts: tidied.
        by: who records.
        at: epoch seconds UTC.
        replace_reason: why it replaces an older version, or "".
    """
    # The codes and numbers of the node are not in question here; any valid ones do.
    draft = Dose(
        node="00",
        sequence=1,
        facility="00",
        recipient=recipient,
        product=facts.product,
        lot=facts.lot,
        lot_expiry=facts.lot_expiry,
        dose_number=facts.dose_number,
        dose_total=facts.dose_total,
        given_at=facts.given_at,
        recorded_at=at,
        vaccinator=facts.vaccinator,
        station=facts.station,
        reaction=facts.reaction,
        recorded_by=by,
        late_reason=facts.late_reason,
        evidence=_NOT_CHECKED,
        replaces=None,
        replace_reason=replace_reason,
    )
    try:
        check_dose(draft)
    except ProtocolError as error:
        return (Finding(Code.FIELD_INVALID, True, error.rule.partition(":")[0].removeprefix("dose.")),)
    # A lot may be unknown to the protocol (old doses of others); what this site gives has one.
    return () if facts.lot else (Finding(EdgeCode.CELL_MISSING, True, "lot"),)


def is_submission_key(text: str) -> bool:
    """Return whether this can be a client-made idempotency key: 8 to 80 of letters, digits, `_ : . -`."""
    return _SUBMISSION.fullmatch(text) is not None
