"""How long a site may be alone before somebody is told, and before a signature needs a reason or a second person.

It is a part of the catalogue's policy. Nothing here ever stops a dose from being recorded, or a bundle from waiting:
the thresholds say from when on a warning is shown, and from when on signing asks for a reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple, dataclass, fields
from typing import Final

from sync_protocol.errors import Code, ProtocolError
from sync_protocol.fields import Fields

_WHAT: Final = "policy.offline"
_MOST_HOURS: Final = 2_160
_MOST_DOSES: Final = 100_000
_MOST_DAYS: Final = 365


@dataclass(frozen=True, slots=True)
class OfflinePolicy:
    """Thresholds; of each pair the warning comes first. The defaults hold where a catalogue says nothing.

    Attributes:
        contact_warn_hours, contact_reason_hours: since the last verified answer of the centre.
        contact_second_hours: from then on a second person has to agree to a signature; 0 for never.
        unsent_warn_doses, unsent_reason_doses: signed doses for which no receipt has come.
        revocations_warn_days, revocations_reason_days: age of what is known of revoked certificates.
        pack_warn_days, pack_reason_days: age of the population pack.
        catalogue_warn_days, catalogue_reason_days: before the catalogue's end; after it.
        trust_warn_days, trust_reason_days: before the trust list's end; after it.
    """

    contact_warn_hours: int = 24
    contact_reason_hours: int = 48
    contact_second_hours: int = 72
    unsent_warn_doses: int = 3_000
    unsent_reason_doses: int = 9_000
    revocations_warn_days: int = 7
    revocations_reason_days: int = 30
    pack_warn_days: int = 14
    pack_reason_days: int = 60
    catalogue_warn_days: int = 14
    catalogue_reason_days: int = 0
    trust_warn_days: int = 14
    trust_reason_days: int = 30


DEFAULT_OFFLINE: Final = OfflinePolicy()
_NAMES: Final = tuple(field.name for field in fields(OfflinePolicy))


def offline_map(policy: OfflinePolicy) -> dict[int, object]:
    """The thresholds as they stand inside a catalogue, keys 1 to 13 in the order of the fields."""
    check_offline(policy)
    return dict(enumerate(astuple(policy), start=1))


def read_offline(fields_: Fields) -> OfflinePolicy:
    """Read what `offline_map` wrote.

    Raises:
        ProtocolError: FIELD_MISSING, FIELD_UNKNOWN or FIELD_INVALID.
    """
    policy = OfflinePolicy(**{name: fields_.uint(key) for key, name in enumerate(_NAMES, start=1)})
    fields_.finish()
    check_offline(policy)
    return policy


def check_offline(policy: OfflinePolicy) -> None:
    """Check the bounds of each threshold, and that no reason is asked for before anybody was warned.

    Raises:
        ProtocolError: FIELD_INVALID, naming the field.
    """
    values: Mapping[str, int] = dict(zip(_NAMES, astuple(policy), strict=True))
    for name, value in values.items():
        least = 0 if name in ("contact_second_hours", "catalogue_reason_days", "trust_reason_days") else 1
        most = _MOST_HOURS if name.endswith("_hours") else _MOST_DOSES if name.endswith("_doses") else _MOST_DAYS
        # A file of the operator may hold text, or true for a number.
        if type(value) is not int or not least <= value <= most:
            raise ProtocolError(Code.FIELD_INVALID, f"{_WHAT}: {name} is a whole number from {least} to {most}")
    for earlier, later in (
        ("contact_warn_hours", "contact_reason_hours"),
        ("unsent_warn_doses", "unsent_reason_doses"),
        ("revocations_warn_days", "revocations_reason_days"),
        ("pack_warn_days", "pack_reason_days"),
    ):
        if values[earlier] > values[later]:
            raise ProtocolError(Code.FIELD_INVALID, f"{_WHAT}: {earlier} is not above {later}")
    if 0 < policy.contact_second_hours < policy.contact_reason_hours:
        raise ProtocolError(Code.FIELD_INVALID, f"{_WHAT}: contact_reason_hours is not above contact_second_hours")
