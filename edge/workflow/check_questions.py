"""Compare what is kept of questions about people with the bundles that ask and the items of the feed that answer.

Part of `check_store`; the signatures of bundles and items are verified there and by `check_feed`.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from edge.domain.questions import digest_of, evidence_reference
from edge.store import bundles, feed, identity_checks, questions
from edge.store.database import Tables
from edge.store.questions import StoredQuestion
from sync_protocol.bundle import BundleKind, parse_bundle
from sync_protocol.errors import ProtocolError
from sync_protocol.feed import FeedKind
from sync_protocol.identity import EvidenceSource
from sync_protocol.population import PackAnswer
from sync_protocol.questions import parse_answers, parse_questions


def question_findings(tables: Tables) -> Iterator[tuple[str, str]]:
    """Give what is wrong, each with the bundle or the question that it is about."""
    stored = questions.all_questions(tables)
    yield from _bundle_findings(tables, stored)
    said = _said(tables)
    for one in stored:
        if one.answer is not None and (one.item, one.reference, one.answer, one.answered_at) not in said:
            yield f"question:{one.reference}", "its answer that is kept is not what the centre sent"
    yield from _evidence_findings(tables, stored)


def _bundle_findings(tables: Tables, stored: list[StoredQuestion]) -> Iterator[tuple[str, str]]:
    kept: dict[tuple[int, int], dict[int, bytes]] = defaultdict(dict)
    for one in stored:
        kept[one.epoch, one.bundle][one.reference] = one.digest
    for place in sorted({*kept, *bundles.places_of_kind(tables, BundleKind.QUESTIONS.value)}):
        bundle = bundles.find(tables, *place)
        assert bundle is not None
        try:
            asked = parse_questions(parse_bundle(bundle.inner).claimed.body)
        except ProtocolError as error:
            yield f"bundle:{place[0]}/{place[1]}", f"its questions cannot be read: {error.code}"
            continue
        if {one.reference: digest_of(one.person) for one in asked} != kept[place]:
            yield f"bundle:{place[0]}/{place[1]}", "it asks about other people than the store says"


def _said(tables: Tables) -> set[tuple[int | None, int, PackAnswer, int | None]]:
    """Everything that the centre has answered: the item, the question, the answer, and when it asked."""
    found: set[tuple[int | None, int, PackAnswer, int | None]] = set()
    for number in feed.numbers_of_kind(tables, FeedKind.ANSWERS):
        try:
            at, answers = parse_answers(feed.body_at(tables, number))
        except ProtocolError:
            # It was not taken for the same reason, which the audit trail tells.
            continue
        found |= {(number, one.reference, one.answer, at) for one in answers}
    return found


def _evidence_findings(tables: Tables, stored: list[StoredQuestion]) -> Iterator[tuple[str, str]]:
    by_word = {evidence_reference(one.reference): one for one in stored}
    for check in identity_checks.of_source(tables, EvidenceSource.ANSWER):
        question = by_word.get(check.reference)
        if question is None or question.person_id != check.person_id or question.answer is None:
            yield f"person:{check.person_id}", "a check names an answer that the centre did not give about this person"
        elif question.answer is not PackAnswer.UNKNOWN and question.answer.state is not check.state:
            yield f"person:{check.person_id}", "a check says something else than the answer that it names"
