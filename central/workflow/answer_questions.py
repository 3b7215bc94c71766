"""Answers a node's questions about people: the population database is asked before the lock, the feed tells under it.

What is answered is bounded for each node and day: with answers one could otherwise try numbers until one fits. A bundle
that goes beyond is refused as a whole and holds its place, so that the doses behind it are not held up; its node asks
about the same people again on another day.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import Connection, Engine

from central.registry.registry import RegistryClient
from central.store import feed, questions
from central.store.database import read_transaction
from central.store.key_store import KeyRing
from central.store.questions import AnsweredBundle
from sync_protocol import limits
from sync_protocol.bundle import VerifiedBundle
from sync_protocol.days import day_end, day_start, local_day
from sync_protocol.errors import Code, ProtocolError
from sync_protocol.feed import FeedKind
from sync_protocol.population import PackAnswer
from sync_protocol.questions import Answer, encode_answers, parse_questions


@dataclass(frozen=True, slots=True)
class AnsweredQuestions:
    """What the population database said to a bundle of questions.

    Attributes:
        at: epoch seconds, UTC, when it was asked.
        answers: one for each question, in order.
    """

    at: int
    answers: tuple[Answer, ...]


def answer_questions(
    verified: VerifiedBundle, *, engine: Engine, registry: RegistryClient, now: int
) -> AnsweredQuestions:
    """Checks a `questions` bundle and asks the population database; nothing is stored, no lock is held.

    1. the questions read strictly;
    2. with them the node has asked about at most `limits.QUESTIONS_DAY` people on this local day: what came before was
       admitted before, since this bundle is the next of its chain;
    3. everybody is asked about at once.

    Args:
        verified: signed by its node, the next of its chain.
        now: epoch seconds, UTC: the arrival by the ledger.

    Raises:
        ProtocolError: what `parse_questions` raises, or QUESTIONS_DAY.
        StoreError: the population database or the store is away; the sender tries again.
    """
    # (1)
    asked = parse_questions(verified.bundle.body)
    # (2)
    today = local_day(now)
    with read_transaction(engine) as connection:
        before = questions.count_asked(connection, verified.bundle.node, start=day_start(today), end=day_end(today))
    if before + len(asked) > limits.QUESTIONS_DAY:
        raise ProtocolError(
            Code.QUESTIONS_DAY, f"questions: a node asks about at most {limits.QUESTIONS_DAY} people on a day"
        )
    # (3)
    found = registry.answer([question.person for question in asked])
    return AnsweredQuestions(
        now, tuple(Answer(one.reference, said.answer) for one, said in zip(asked, found, strict=True))
    )


def tell_answers(
    connection: Connection, answered: AnsweredQuestions, *, node: str, ledger_index: int, keys: KeyRing, at: int
) -> None:
    """Puts the answers into the node's feed and notes them; under the ledger lock.

    Args:
        node: who asked.
        ledger_index: of its bundle.
        at: epoch seconds, UTC, of its entry.

    Raises:
        TokenError: the publisher key cannot sign now.
    """
    body = encode_answers(answered.at, answered.answers)
    item = feed.put_item(connection, node, FeedKind.ANSWERS, body, keys=keys, at=at)
    matched = sum(said.answer is PackAnswer.MATCHED for said in answered.answers)
    questions.put_answered(
        connection, AnsweredBundle(ledger_index, node, at, people=len(answered.answers), matched=matched, item=item)
    )
