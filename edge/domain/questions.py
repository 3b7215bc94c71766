"""Questions to the centre about people whom the population pack does not know: whom, when again, under which number.

An answer is about data, not about a row: it holds for the four fields that were asked about, and `key_digest` says
whether a person's data still are those. A question of a restored store must not take the answer to one that the life
before it asked under the same number, so that each epoch of the node counts in a range of its own.
"""

from __future__ import annotations

import hashlib
from typing import Final

from sync_protocol import cbor
from sync_protocol.days import DAY_SECONDS
from sync_protocol.errors import ProtocolError
from sync_protocol.identity import Recipient
from sync_protocol.population import PersonKey
from sync_protocol.questions import check_person

# So many questions a node may ask in one epoch; the ranges of 2,047 epochs fit the numbers of the protocol.
EPOCH_QUESTIONS: Final = 2**20
_EPOCHS: Final = 2**11
# Whom the centre does not know either, or whose bundle it refused, is asked about again after a day, then after two,
# four … and never more rarely than once in a month.
FIRST_PAUSE_SECONDS: Final = DAY_SECONDS
MOST_DOUBLINGS: Final = 5


def key_of(recipient: Recipient) -> PersonKey:
    """Return the four fields that are compared."""
    return PersonKey(recipient.number, recipient.name, sex=recipient.sex, birth_date=recipient.birth_date)


def can_be_asked(recipient: Recipient) -> bool:
    """Return whether a question can carry the four fields, as the registry can know them.

    What a program of old has stored may hold signs that no message takes.
    """
    try:
        check_person(key_of(recipient))
    except ProtocolError:
        return False
    return True


def key_digest(recipient: Recipient) -> bytes:
    """Return SHA-256 over the four fields as they are written, 32 bytes. It stays in the encrypted store."""
    return digest_of(key_of(recipient))


def digest_of(key: PersonKey) -> bytes:
    """Return the same of the four fields alone."""
    return hashlib.sha256(cbor.encode([key.number, key.name, key.sex.value, key.birth_date])).digest()


def references(epoch: int, asked: int) -> range:
    """Return the numbers that are left in the range of an epoch; none in an epoch that has no range.

    Args:
        epoch: of the node, from 1.
        asked: how many questions this store has asked in it.
    """
    if not 0 < epoch < _EPOCHS:
        return range(0)
    # The first number is 1: a range begins one above the end of the one before.
    first = (epoch - 1) * EPOCH_QUESTIONS + 1
    return range(first + asked, first + EPOCH_QUESTIONS)


def evidence_reference(reference: int) -> str:
    """Return how a dose's identity evidence names the answer to this question."""
    return f"answer-{reference}"
