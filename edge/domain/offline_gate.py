"""How long this node has been alone, by the policy of the catalogue: everything that is past a threshold, at once.

A finding never stops a dose from being recorded and never drops what waits. Past a warning it is shown; past a reason a
signature needs one, typed by a person and stated in what is signed; past the second person it needs an approval, too.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Final

from sync_protocol.offline_policy import OfflinePolicy

_HOUR_SECONDS: Final = 3_600
_DAY_SECONDS: Final = 86_400


class GateCode(StrEnum):
    """What is past a threshold; stable, it stands in the audit trail and in `status --json`."""

    CONTACT = "offline-contact"
    UNSENT = "offline-unsent"
    REVOCATIONS = "offline-revocations"
    PACK = "offline-pack"
    CATALOGUE = "offline-catalogue"
    TRUST_LIST = "offline-trust-list"
    MISSING = "offline-missing"
    CLOCK = "offline-clock"


class GateLevel(IntEnum):
    """What a finding asks for; each level includes those before it."""

    WARN = 1
    REASON = 2
    SECOND = 3


@dataclass(frozen=True, slots=True)
class GateFacts:
    """What is known of the node's ties to the centre. Instants are epoch seconds UTC; None where nothing is known.

    Attributes:
        now: the working time.
        contact_at: when an answer of the centre verified last, or when the node was enrolled.
        unsent_doses, unsent_since: signed doses without a receipt; when the oldest of them was sealed.
        revocations_at, revocations_until: when the authorities' list was made, and when the next one is due.
        pack_at, pack_until: when the population pack was made; its end.
        catalogue_until, trust_until: ends of the sets.
        missing_since: since when the centre says that there is something for this node which has not come.
        clock_level, clock_since: what the state of the clock asks for, if anything; since when.
        clock_seconds: by how much the clock is wrong, as far as that is known.
    """

    now: int
    contact_at: int | None = None
    unsent_doses: int = 0
    unsent_since: int | None = None
    revocations_at: int | None = None
    revocations_until: int | None = None
    pack_at: int | None = None
    pack_until: int | None = None
    catalogue_until: int | None = None
    trust_until: int | None = None
    missing_since: int | None = None
    clock_level: GateLevel | None = None
    clock_since: int | None = None
    clock_seconds: int = 0


@dataclass(frozen=True, slots=True)
class GateFinding:
    """One thing that is past a threshold.

    Attributes:
        figure: hours for CONTACT and MISSING, doses for UNSENT, seconds for CLOCK, days for the others: of age, or
            since the end of CATALOGUE and TRUST_LIST, negative before it.
        since: from when the figure counts, epoch seconds UTC.
    """

    code: GateCode
    level: GateLevel
    figure: int
    since: int

    def __str__(self) -> str:
        """As the audit trail names it: ids and figures only."""
        return f"{self.code.value}={self.figure}"


def look(facts: GateFacts, policy: OfflinePolicy) -> tuple[GateFinding, ...]:
    """Everything that is past a threshold, the gravest first; among equals in the order of `GateCode`."""
    return tuple(sorted(_found(facts, policy), key=lambda finding: -finding.level))


def needs_reason(findings: Sequence[GateFinding]) -> bool:
    """Whether a signature needs a reason."""
    return any(finding.level >= GateLevel.REASON for finding in findings)


def needs_second(findings: Sequence[GateFinding]) -> bool:
    """Whether a signature needs a second person."""
    return any(finding.level >= GateLevel.SECOND for finding in findings)


def _found(facts: GateFacts, policy: OfflinePolicy) -> Iterator[GateFinding]:
    if facts.contact_at is not None:
        hours = _whole(facts.now - facts.contact_at, _HOUR_SECONDS)
        level = _level(hours, policy.contact_warn_hours, policy.contact_reason_hours)
        if 0 < policy.contact_second_hours <= hours:
            level = GateLevel.SECOND
        if level is not None:
            yield GateFinding(GateCode.CONTACT, level, hours, facts.contact_at)
    level = _level(facts.unsent_doses, policy.unsent_warn_doses, policy.unsent_reason_doses)
    if level is not None:
        since = facts.now if facts.unsent_since is None else facts.unsent_since
        yield GateFinding(GateCode.UNSENT, level, facts.unsent_doses, since)
    # A list that is not due yet is the newest there is, however old it is.
    if facts.revocations_at is not None and facts.now >= (facts.revocations_until or 0):
        days = _whole(facts.now - facts.revocations_at, _DAY_SECONDS)
        level = _level(days, policy.revocations_warn_days, policy.revocations_reason_days)
        if level is not None:
            yield GateFinding(GateCode.REVOCATIONS, level, days, facts.revocations_at)
    if facts.pack_at is not None:
        days = _whole(facts.now - facts.pack_at, _DAY_SECONDS)
        level = _level(days, policy.pack_warn_days, policy.pack_reason_days)
        if level is None and facts.pack_until is not None and facts.now >= facts.pack_until:
            level = GateLevel.WARN
        if level is not None:
            yield GateFinding(GateCode.PACK, level, days, facts.pack_at)
    yield from _end(
        GateCode.CATALOGUE,
        facts.catalogue_until,
        now=facts.now,
        warn_days=policy.catalogue_warn_days,
        reason_days=policy.catalogue_reason_days,
    )
    yield from _end(
        GateCode.TRUST_LIST,
        facts.trust_until,
        now=facts.now,
        warn_days=policy.trust_warn_days,
        reason_days=policy.trust_reason_days,
    )
    # Contact without what the centre says there is: somebody keeps it back, and that is as bad as none.
    if facts.missing_since is not None:
        hours = _whole(facts.now - facts.missing_since, _HOUR_SECONDS)
        level = _level(hours, policy.contact_warn_hours, policy.contact_reason_hours)
        if level is not None:
            yield GateFinding(GateCode.MISSING, level, hours, facts.missing_since)
    if facts.clock_level is not None:
        since = facts.now if facts.clock_since is None else facts.clock_since
        yield GateFinding(GateCode.CLOCK, facts.clock_level, facts.clock_seconds, since)


def _end(code: GateCode, until: int | None, *, now: int, warn_days: int, reason_days: int) -> Iterator[GateFinding]:
    if until is None or now < until - warn_days * _DAY_SECONDS:
        return
    level = GateLevel.REASON if now >= until + reason_days * _DAY_SECONDS else GateLevel.WARN
    # Full days on either side: what ends in an hour ends in 0 days.
    days = -_whole(until - now, _DAY_SECONDS) if now < until else _whole(now - until, _DAY_SECONDS)
    yield GateFinding(code, level, days, until)


def _level(figure: int, warn: int, reason: int) -> GateLevel | None:
    if figure >= reason:
        return GateLevel.REASON
    return GateLevel.WARN if figure >= warn else None


def _whole(seconds: int, unit: int) -> int:
    """Full units of an age; what lies in a time to come has none, since the clock was put back meanwhile."""
    return max(0, seconds) // unit
