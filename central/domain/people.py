"""Who is who over many sites: one key for each person, whatever the site wrote down.

The key of somebody whom the national population database knows is the personal identification number that
the *database* gives, so that an old nine-digit card, a new card and another spelling lead to one person. A
foreigner is known by nationality and passport. Everybody else gets a key of what was written down: it joins
equal records and nothing more, and no passport comes of it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from sync_protocol import names
from sync_protocol.dose import IdentityState, PaperKind, Recipient
from sync_protocol.population import PackAnswer, PersonKey

_SEPARATOR = "\x1f"


@dataclass(frozen=True, slots=True, repr=False)
class RegistryAnswer:
    """What the national population database says of one person; its representation shows no number.

    Attributes:
        answer: matched, the one field that differs, several differ, or unknown.
        number: the 12-digit personal identification number of the matched person, else "".
    """

    answer: PackAnswer
    number: str = ""

    @property
    def is_match(self) -> bool:
        return self.answer is PackAnswer.MATCHED

    def __repr__(self) -> str:
        return f"RegistryAnswer({self.answer.value})"


UNKNOWN = RegistryAnswer(PackAnswer.UNKNOWN)


def registry_question(recipient: Recipient) -> PersonKey:
    """The four fields that are compared (1908/BYT-CNTT)."""
    return PersonKey(number=recipient.number, name=recipient.name, sex=recipient.sex, birth_date=recipient.birth_date)


def is_asked(recipient: Recipient) -> bool:
    """Whether the population database can know this person at all: it holds no passports of foreigners."""
    return recipient.paper in (PaperKind.CCCD, PaperKind.CMND) and recipient.number != ""


def person_key(recipient: Recipient, *, state: IdentityState, answer: RegistryAnswer) -> str:
    """The key under which this person's doses of all sites come together.

    Args:
        recipient: the person as the site knows it.
        state: the identity state that the site signed.
        answer: what the database says to the centre.
    """
    if answer.is_match:
        return f"id:{answer.number}"
    if state is IdentityState.VOUCHED and recipient.paper is PaperKind.PASSPORT:
        return f"passport:{recipient.nationality}:{names.fold(recipient.number).replace(' ', '')}"
    written = (names.fold(recipient.name), recipient.sex.value, recipient.birth_date, recipient.number)
    return f"written:{hashlib.sha256(_SEPARATOR.join(written).encode()).hexdigest()[:32]}"
