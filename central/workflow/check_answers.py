"""Compares the questions that were admitted with the answers that stand in the feeds (I12)."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection

from central.domain.finding import Finding
from central.store import bundles, questions
from central.store.questions import AnsweredBundle
from sync_protocol.bundle import parse_bundle
from sync_protocol.errors import ProtocolError
from sync_protocol.feed import FeedItem
from sync_protocol.population import PackAnswer
from sync_protocol.questions import parse_answers, parse_questions


def check_answers(connection: Connection) -> list[Finding]:
    """Checks every bundle of questions; the bundles and items themselves are verified by `check_ledger`, `check_feeds`.

    1. each admitted bundle of questions was answered once, and nothing else was;
    2. its answers stand in its node's feed, one for each question, and are counted as they are;
    3. a feed holds no other answers; after an epoch of the ledger it holds the same ones again.
    """
    answered, items = questions.all_answered(connection), questions.answer_items(connection)
    findings = []
    # (1)
    admitted = questions.admitted_bundles(connection)
    for index, node in admitted.items():
        kept = answered.get(index)
        if kept is None or kept.node != node:
            findings.append(Finding("I12", f"entry {index}", "its questions were not answered"))
            continue
        try:
            rules = list(_wrong_answers(connection, kept, items.get((kept.node, kept.item))))
        except ProtocolError as error:
            rules = [error.rule]
        findings += [Finding("I12", f"entry {index}", rule) for rule in rules]
    findings += [
        Finding("I12", f"entry {index}", "answers are noted that nobody asked for")
        for index in answered.keys() - admitted
    ]
    # (3)
    said = {(kept.node, items[place].body) for kept in answered.values() if (place := (kept.node, kept.item)) in items}
    findings += [
        Finding("I12", f"feed {node}/{number}", "answers that nobody asked for")
        for (node, number), item in items.items()
        if (node, item.body) not in said
    ]
    return findings


def _wrong_answers(connection: Connection, kept: AnsweredBundle, item: FeedItem | None) -> Iterator[str]:
    # (2)
    if item is None:
        yield "the answers to its questions are not in the feed"
        return
    inner = bundles.inner_at(connection, kept.ledger_index)
    asked = () if inner is None else parse_questions(parse_bundle(inner).claimed.body)
    at, answers = parse_answers(item.body)
    if [said.reference for said in answers] != [question.reference for question in asked]:
        yield "the answers in the feed are to other questions"
    matched = sum(said.answer is PackAnswer.MATCHED for said in answers)
    if (kept.people, kept.matched) != (len(answers), matched) or not at <= kept.asked_at == item.at:
        yield "its answers are noted otherwise than they were given"
