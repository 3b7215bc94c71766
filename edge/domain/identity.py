"""The identity state of a person: where it starts, and what a check makes of it (1908/BYT-CNTT, rules 2 and 7).

    no_number, malformed ──(the person is corrected)──► waiting
    waiting, mismatch ──(the pack is asked)──► matched | mismatch | waiting
    waiting, passport of a foreigner ──(the site vouches)──► vouched

A correction of the person starts again from the paper. A mismatch is asked again only with another pack or after a
correction, since the same question gives the same answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from edge.domain.identity_papers import is_well_formed
from sync_protocol.identity import HOME_COUNTRY, IdentityState, PaperKind, Recipient
from sync_protocol.population import PackAnswer

# The states in which the pack has something to say: there is a number that could be in it.
ASKABLE: Final = (IdentityState.WAITING, IdentityState.MISMATCH)

FIELD_OF_ANSWER: Final[Mapping[PackAnswer, str]] = MappingProxyType(
    {
        PackAnswer.MATCHED: "",
        PackAnswer.NAME_DIFFERS: "name",
        PackAnswer.BIRTH_DATE_DIFFERS: "birth_date",
        PackAnswer.SEX_DIFFERS: "sex",
        PackAnswer.NUMBER_DIFFERS: "number",
        PackAnswer.SEVERAL_DIFFER: "several",
        PackAnswer.UNKNOWN: "",
    }
)


def state_of_paper(recipient: Recipient) -> IdentityState:
    """Return the state that follows from the paper alone, before anybody was asked."""
    if recipient.paper is PaperKind.NONE:
        return IdentityState.NO_NUMBER
    if not is_well_formed(recipient.paper, recipient.number):
        return IdentityState.MALFORMED
    return IdentityState.WAITING


def is_in_registry_scope(recipient: Recipient) -> bool:
    """Return whether the population database can know this person: citizens with a number of their own."""
    return recipient.paper in (PaperKind.CCCD, PaperKind.CMND)


def may_be_vouched(recipient: Recipient) -> bool:
    """Return whether the site may vouch: a foreigner with a well-formed passport number, whom no registry knows."""
    is_foreign = recipient.paper is PaperKind.PASSPORT and recipient.nationality != HOME_COUNTRY
    return is_foreign and is_well_formed(PaperKind.PASSPORT, recipient.number)
