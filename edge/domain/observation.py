"""After the injection: how long people are watched, who may leave, and a reaction as one line of the dose record.

The record holds a reaction as text (`reaction`, at most 300 characters), so what is ticked and typed is written in one
fixed form and read back from it; a text that somebody wrote freely is kept and shown as it is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from edge.domain.day_list_cells import CellError, seconds_of
from edge.domain.refusals import EdgeCode, Finding, RefusedError
from sync_protocol.days import day_start, local_day
from sync_protocol.errors import Code

# How long somebody who was let go by mistake can be called back with one key.
UNDO_SECONDS: Final = 10 * 60
OTHER_CHARS: Final = 40
TREATMENT_CHARS: Final = 100
REMARK_CHARS: Final = 200


class ReactionKind(StrEnum):
    """What was seen. The order is that of the form and of the text."""

    LOCAL = "local"
    FEVER = "fever"
    RASH = "rash"
    FAINT = "faint"
    VOMITING = "vomiting"
    BREATHING = "breathing"
    ANAPHYLAXIS = "anaphylaxis"
    OTHER = "other"


class Severity(StrEnum):
    """How bad it is; whoever has a severe one stays."""

    MILD = "mild"
    MODERATE = "moderate"
    SEVERE = "severe"


class Outcome(StrEnum):
    """What became of it."""

    WATCHED = "watched"
    WELL = "well"
    REFERRED = "referred"


# These words stand in the record and are read back from it: they are never given another form.
KIND_WORDS: Final = {
    ReactionKind.LOCAL: "đau tại chỗ",
    ReactionKind.FEVER: "sốt",
    ReactionKind.RASH: "mẩn đỏ hoặc ngứa",
    ReactionKind.FAINT: "chóng mặt hoặc ngất",
    ReactionKind.VOMITING: "nôn",
    ReactionKind.BREATHING: "khó thở",
    ReactionKind.ANAPHYLAXIS: "phản vệ",
    ReactionKind.OTHER: "khác",
}
SEVERITY_WORDS: Final = {Severity.MILD: "nhẹ", Severity.MODERATE: "vừa", Severity.SEVERE: "nặng"}
OUTCOME_WORDS: Final = {
    Outcome.WATCHED: "đang theo dõi",
    Outcome.WELL: "đã ổn định",
    Outcome.REFERRED: "chuyển tuyến trên",
}
_TEXT: Final = re.compile(
    r"(?P<kinds>[^;]+); mức (?P<severity>[^;]+)(?:; từ (?P<began>\d\d:\d\d))?"
    r"(?:; xử trí: (?P<treatment>[^;]+))?; kết quả: (?P<outcome>[^;]+)"
)


@dataclass(frozen=True, slots=True)
class Reaction:
    """A reaction as it is ticked and typed.

    Attributes:
        kinds: at least one, in the order of `ReactionKind`.
        other: what it was, with the kind "other"; else "".
        began: local time of the day of the dose, "HH:MM", or "".
        treatment: what was done, or "".
    """

    kinds: tuple[ReactionKind, ...]
    severity: Severity
    outcome: Outcome
    other: str = ""
    began: str = ""
    treatment: str = ""


def encode_reaction(reaction: Reaction) -> str:
    """Write a reaction as the record holds it: at most 300 characters, since every part is bounded."""
    kinds = [KIND_WORDS[kind] for kind in ReactionKind if kind in reaction.kinds]
    if ReactionKind.OTHER in reaction.kinds:
        kinds[-1] += f": {reaction.other}"
    parts = [", ".join(kinds), f"mức {SEVERITY_WORDS[reaction.severity]}"]
    parts += [f"từ {reaction.began}"] if reaction.began else []
    parts += [f"xử trí: {reaction.treatment}"] if reaction.treatment else []
    return "; ".join([*parts, f"kết quả: {OUTCOME_WORDS[reaction.outcome]}"])


def parse_reaction(text: str) -> Reaction | None:
    """Read what `encode_reaction` wrote; None for a text that somebody wrote freely."""
    found = _TEXT.fullmatch(text)
    if found is None:
        return None
    listed, _, other = found["kinds"].partition(f"{KIND_WORDS[ReactionKind.OTHER]}: ")
    words = [word for word in listed.split(", ") if word] + ([KIND_WORDS[ReactionKind.OTHER]] if other else [])
    kinds = tuple(kind for kind in ReactionKind if KIND_WORDS[kind] in words)
    severity = next((one for one in Severity if SEVERITY_WORDS[one] == found["severity"]), None)
    outcome = next((one for one in Outcome if OUTCOME_WORDS[one] == found["outcome"]), None)
    if severity is None or outcome is None or len(kinds) != len(words):
        return None
    return Reaction(kinds, severity, outcome, other, found["began"] or "", found["treatment"] or "")


def is_severe(text: str) -> bool:
    """Whether the reaction that a dose carries keeps the person here: severe, or anaphylaxis of any degree."""
    reaction = parse_reaction(text)
    return reaction is not None and (reaction.severity is Severity.SEVERE or ReactionKind.ANAPHYLAXIS in reaction.kinds)


def read_reaction(
    kinds: list[str], *, severity: str, outcome: str, other: str, began: str, treatment: str, given_at: int, now: int
) -> Reaction:
    """Read a reaction from the texts of its form.

    Args:
        given_at, now: epoch seconds UTC; it began between the two, on the day of the dose.

    Raises:
        RefusedError: one finding for each field that cannot be so.
    """
    findings: list[Finding] = []
    ticked = tuple(kind for kind in ReactionKind if kind.value in kinds)
    if not ticked:
        findings.append(Finding(EdgeCode.CELL_MISSING, True, "kinds"))
    said, done = _plain(other) if ReactionKind.OTHER in ticked else "", _plain(treatment)
    if ReactionKind.OTHER in ticked and not said:
        findings.append(Finding(EdgeCode.CELL_MISSING, True, "other"))
    for field, text, most in (("other", said, OTHER_CHARS), ("treatment", done, TREATMENT_CHARS)):
        if len(text) > most:
            findings.append(Finding(Code.FIELD_INVALID, True, field))
    for field, text, known in (("severity", severity, set(Severity)), ("outcome", outcome, set(Outcome))):
        if text not in known:
            findings.append(Finding(EdgeCode.CELL_MISSING, True, field))
    began, finding = _began(began, given_at=given_at, now=now)
    findings += [finding] if finding else []
    if findings:
        raise RefusedError(tuple(findings))
    return Reaction(ticked, Severity(severity), Outcome(outcome), said, began, done)


def begins_observation(given_at: int, until: int, *, now: int) -> bool:
    """Whether somebody with this dose sits here now: what is entered after the time is over concerns nobody present.

    Args:
        given_at, now: epoch seconds UTC.
        until: the instant from which the person may leave.
    """
    return local_day(given_at) == local_day(now) and until > now


def needs_reason(until: int, *, reaction: str, now: int) -> bool:
    """Whether letting somebody go takes a reason: before the time, or with a severe reaction."""
    return now < until or is_severe(reaction)


def may_return(ended_at: int, *, now: int) -> bool:
    """Whether letting somebody go can still be undone."""
    return now < ended_at + UNDO_SECONDS


def _plain(text: str) -> str:
    # The semicolon parts the line; inside of a part it would make another one.
    return " ".join(text.replace(";", ",").split())


def _began(text: str, *, given_at: int, now: int) -> tuple[str, Finding | None]:
    if not text:
        return "", None
    try:
        seconds = seconds_of(text)
    except CellError as error:
        return "", Finding(error.code, True, "began")
    at = day_start(local_day(given_at)) + seconds
    # Times of forms are whole minutes, and the dose may have been given within this one.
    if not given_at - 60 < at <= now:
        return "", Finding(EdgeCode.REACTION_TIME, True, "began")
    return f"{seconds // 3_600:02d}:{seconds // 60 % 60:02d}", None
