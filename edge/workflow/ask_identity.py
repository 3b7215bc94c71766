"""Ask the centre about people whom no pack here knows: a sealed bundle of questions, which travels like every other.

By itself the node asks once about the same data; whom the centre did not know either it asks about again after a pause
(`edge.store.questions`). Whoever has the person before them may have them asked about at once.

1. Whom the node would ask about by itself it first compares with the pack that holds: that costs no traffic;
2. who is left is read, and numbers are drawn from the range of the node's epoch;
3. bundle, questions and audit entry are written in the same transaction, so that what travels is what is known here.

While a request for a new epoch is open nothing is asked: what the centre compares must not change under it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from edge.domain.identity import ASKABLE
from edge.domain.questions import key_digest, key_of, references
from edge.domain.refusals import EdgeCode, RefusedError, refuse
from edge.store import audit, node_epochs, node_identity, people, questions
from edge.store.audit import Action
from edge.store.database import Database, Tables
from edge.store.people import Person, PersonId
from edge.store.questions import NewQuestion
from edge.workflow.check_identity import check_identity
from edge.workflow.seal_bundle import seal_bundle
from sync_protocol import limits
from sync_protocol.bundle import BundleKind
from sync_protocol.identity import IdentityState
from sync_protocol.questions import Question, encode_questions
from sync_protocol.sealing import Entropy

# One exchange, one stick and one press of the button ask about at most so many bundles of people; the rest follows.
BUNDLES_AT_ONCE: Final = 4


@dataclass(frozen=True, slots=True)
class AskResult:
    """How many people are asked about from now on, in how many bundles."""

    people: int = 0
    bundles: int = 0


def ask_identity(database: Database, *, at: int, by: str, entropy: Entropy) -> AskResult:
    """Ask about everybody whose turn it is; each bundle is one transaction. Nobody to ask about costs one look.

    Args:
        at: epoch seconds UTC.
        by: who asks; for what the node does by itself, the name of that.

    Raises:
        StoreError: NOT_ENROLLED, or the store; what was sealed before stays.
    """

    def wanted(tables: Tables, limit: int) -> list[Person]:
        return questions.due(tables, ASKABLE, now=at, limit=limit)

    with database.read() as tables:
        is_idle = not wanted(tables, 1)
    if is_idle:
        return AskResult()
    # (1) Without a pack that holds there is nothing to compare with.
    with suppress(RefusedError):
        check_identity(database, at=at, by=by)
    return _ask(database, wanted, at=at, by=by, entropy=entropy)


def ask_now(
    database: Database,
    person_id: PersonId | None,
    *,
    at: int,
    by: str,
    entropy: Entropy,
    states: tuple[IdentityState, ...] = ASKABLE,
) -> AskResult:
    """Ask because a person wants it, whatever was answered before, unless the answer is on its way.

    Args:
        person_id: whom to ask about; None for everybody in one of `states`.

    Raises:
        RefusedError: PERSON_UNKNOWN.
        StoreError: as `ask_identity`.
    """

    def wanted(tables: Tables, limit: int) -> list[Person]:
        if person_id is not None and people.get(tables, person_id) is None:
            raise refuse(EdgeCode.PERSON_UNKNOWN, "person")
        return questions.unasked(tables, states, person_id=person_id, limit=limit)

    return _ask(database, wanted, at=at, by=by, entropy=entropy)


def _ask(
    database: Database, wanted: Callable[[Tables, int], list[Person]], *, at: int, by: str, entropy: Entropy
) -> AskResult:
    asked = 0
    for count in range(BUNDLES_AT_ONCE):
        # A contact with nobody to ask about, or none left today, takes no write lock for this.
        with database.read() as tables:
            if not wanted(tables, 1) or not questions.left_today(tables, now=at):
                return AskResult(asked, count)
        with database.write_transaction() as tables:
            # What goes beyond the day's bound the centre would refuse with the whole bundle.
            left = questions.left_today(tables, now=at)
            found = wanted(tables, min(limits.QUESTIONS, left)) if left else []
            sealed = _seal_questions(tables, found, at=at, by=by, entropy=entropy)
        if not sealed:
            return AskResult(asked, count)
        asked += sealed
    return AskResult(asked, BUNDLES_AT_ONCE)


def _seal_questions(tables: Tables, found: list[Person], *, at: int, by: str, entropy: Entropy) -> int:
    if node_epochs.open_ask(tables) is not None:
        return 0
    # (2)
    epoch = node_identity.get(tables).epoch
    numbered = list(zip(references(epoch, questions.count_in_epoch(tables, epoch)), found, strict=False))
    if not numbered:
        return 0
    body = encode_questions([Question(reference, key_of(one.recipient)) for reference, one in numbered])
    # (3)
    bundle = seal_bundle(tables, BundleKind.QUESTIONS, body, pass_id=None, now=at, entropy=entropy)
    asked = [NewQuestion(reference, one.person_id, key_digest(one.recipient)) for reference, one in numbered]
    questions.add_many(tables, asked, epoch=bundle.epoch, bundle=bundle.sequence, at=at, by=by)
    subject = f"bundle:{bundle.epoch}/{bundle.sequence}"
    audit.append(tables, Action.IDENTITY_ASKED, subject, actor=by, at=at, details=f"{len(asked)} people")
    return len(asked)
