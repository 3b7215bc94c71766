"""What is wrong or doubtful about a person as written, while the person still stands at the desk.

Only what no dose record may hold blocks; everything else is a warning that somebody confirms with the papers in hand.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection
from typing import Final

from edge.domain.identity_papers import check_number
from edge.domain.refusals import EdgeCode, Finding
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.identity import Recipient, check_recipient
from sync_protocol.names import icao, split_name

# Law on Children 2016, article 1: under 16.
CHILD_YEARS: Final = 16
# What names hold besides letters and their marks: H'Hen Niê, Anne-Marie, John Smith Jr.
_BETWEEN_LETTERS: Final = " '’‘ʼ`´-‐‑–.,"


def judge_person(recipient: Recipient, *, today: str, provinces: Collection[str]) -> tuple[Finding, ...]:
    """Return everything that is to be said of a tidied person: what blocks, or else the warnings.

    Args:
        recipient: tidied.
        today: local day, "YYYY-MM-DD".
        provinces: known codes of birth registration.
    """
    blocking = _blocking(recipient, today=today)
    if blocking:
        return blocking
    findings = list(
        check_number(
            recipient.paper, recipient.number, sex=recipient.sex, birth_date=recipient.birth_date, provinces=provinces
        )
    )
    if is_child(recipient.birth_date, today=today) and not recipient.guardian:
        findings.append(Finding(EdgeCode.GUARDIAN_MISSING, False, "guardian"))
    return (*findings, *_name_warnings(recipient))


def is_child(birth_date: str, *, today: str) -> bool:
    """Return whether somebody is under 16 on this day; with a year alone, whether they may be."""
    sixteenth = f"{int(birth_date[:4]) + CHILD_YEARS:04d}{birth_date[4:] or '-12-31'}"
    return today < sixteenth


def is_name(text: str) -> bool:
    """Return whether a name holds letters of whatever alphabet, their marks and what stands between them, alone."""
    kinds = [unicodedata.category(character)[0] for character in text if character not in _BETWEEN_LETTERS]
    return "L" in kinds and set(kinds) <= {"L", "M"}


def judge_names(recipient: Recipient) -> tuple[Finding, ...]:
    """Return NAME_LETTERS, which blocks, for each name of a tidied person that holds what no name does."""
    names = {"name": recipient.name, "family_name": recipient.family_name, "guardian": recipient.guardian}
    return tuple(
        Finding(EdgeCode.NAME_LETTERS, True, field) for field, text in names.items() if text and not is_name(text)
    )


def _blocking(recipient: Recipient, *, today: str) -> tuple[Finding, ...]:
    try:
        check_recipient(recipient)
    except ProtocolError as error:
        return (Finding(Code.FIELD_INVALID, True, error.rule.partition(":")[0].removeprefix("dose.")),)
    findings = list(judge_names(recipient))
    if recipient.birth_date > today[: len(recipient.birth_date)]:
        findings.append(Finding(EdgeCode.BORN_FUTURE, True, "birth_date"))
    return tuple(findings)


def _name_warnings(recipient: Recipient) -> tuple[Finding, ...]:
    try:
        icao(recipient.name)
    except ProtocolError:
        return (Finding(Code.NAME_UNWRITABLE, False, "name"),)
    try:
        split_name(recipient.name, recipient.family_name)
    except ProtocolError:
        return (Finding(Code.NAME_UNWRITABLE, False, "family_name"),)
    return ()
