"""Planted faults: small wrong programs of the kind that people write, each put in the place of one real function.

They are here to be found: a campaign that finds none of them would prove nothing. `planted_centre` has those of the
centre. Each is in force while a seed is played, not while its end is judged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from types import ModuleType, SimpleNamespace
from typing import Any, Final

import sync_protocol.receipt as receipt_module
from edge.domain.pass_journal import PassState
from edge.store import audit, bundles, passes, receipts
from edge.store.bundles import StoredBundle
from edge.store.database import Database, Tables
from edge.workflow import exchange, record_dose, send_bundles, settle_bundle
from sync_protocol.api import NetworkError, RemoteProblem
from sync_protocol.receipt import VerifiedReceipt, verify_inclusion
from sync_protocol.sealing import Entropy, seal
from sync_protocol.transfer import Answered, PartAnswer, TurnedAway
from tests.simulation import actions, planted_centre
from tests.simulation.changed import changed
from tests.simulation.dice import Dice

Bug = Callable[[], AbstractContextManager[object]]


def delivered_without_verifying() -> AbstractContextManager[object]:
    """The node takes whatever receipt comes, for whatever bundle it was given."""

    def believe(answer: bytes, *, ledger_keys: Sequence[Any], **_: object) -> VerifiedReceipt:
        return verify_inclusion(answer, ledger_keys=ledger_keys)

    return changed(settle_bundle, "verify_receipt", believe)


def known_head_not_checked() -> AbstractContextManager[object]:
    """The node does not ask whether the ledger grew out of the head that it knew."""
    return changed(receipt_module, "check_follows", lambda *_, **__: None)


def gives_up_at_a_problem() -> AbstractContextManager[object]:
    """The node takes an unsigned problem for a refusal: doses of that bundle are signed again."""
    turned_away = exchange._turned_away

    def give_up(database: Database, due: StoredBundle, problem: RemoteProblem, *, at: int) -> None:
        turned_away(database, due, problem, at=at)
        _give_back(database, [due], at=at)

    return changed(exchange, "_turned_away", give_up)


def doses_back_at_a_lost_answer() -> AbstractContextManager[object]:
    """The node takes silence for a refusal: doses of an unanswered bundle are signed again."""
    note_network = exchange._note_network

    def give_back(
        database: Database, run: Sequence[StoredBundle], error: NetworkError, *, at: int, entropy: Entropy
    ) -> None:
        note_network(database, run, error, at=at, entropy=entropy)
        _give_back(database, run, at=at)

    return changed(exchange, "_note_network", give_back)


def seals_anew() -> AbstractContextManager[object]:
    """The node seals a bundle again for every try."""
    drawn = SimpleNamespace(count=0)

    def sending_of(run: Sequence[StoredBundle], central: Any, *, identity: Any, progress: Any) -> send_bundles.Sending:
        drawn.count += 1
        entropy = Dice(f"seal {drawn.count}")
        again = [replace(due, sealed=seal(due.inner, recipient=identity.sealing_key, entropy=entropy)) for due in run]
        return send_bundles.sending_of(again, central, identity=identity, progress=progress)

    return changed(exchange, "sending_of", sending_of)


def sender_keeps_the_offset() -> AbstractContextManager[object]:
    """The node goes on where it stopped, by its own count, and never asks what the centre holds."""
    left: dict[bytes, int] = {}

    def send(self: send_bundles.Sending, *, is_new: bool) -> tuple[PartAnswer, ...]:
        sizes = [len(sealed) for sealed in self.bundles]
        starts = [left.get(sealed, 0) for sealed in self.bundles]
        before = self.bytes_sent
        try:
            answers = self._call(starts)
        except NetworkError:
            gone = max(0, self.bytes_sent - before - 300)
            for sealed, start, size in zip(self.bundles, starts, sizes, strict=True):
                left[sealed] = start + min(gone, size - start)
                gone -= left[sealed] - start
            raise
        if not all(isinstance(found, Answered | TurnedAway) for found in answers):
            raise NetworkError("it holds less than was sent", try_again=True)
        return answers

    return changed(send_bundles.Sending, "send", send)


def verdicts_lost_at_a_repeat() -> AbstractContextManager[object]:
    """The node keeps verdicts only when the first offer brings the receipt."""
    keep_verdicts = settle_bundle._keep_verdicts

    def keep(tables: Tables, due: StoredBundle, receipt: VerifiedReceipt) -> None:
        offers = {(line.epoch, line.sequence): line.offers for line in bundles.lines(tables)}
        if offers[due.epoch, due.sequence] == 1:
            keep_verdicts(tables, due, receipt)

    return changed(settle_bundle, "_keep_verdicts", keep)


def receipt_in_a_commit_of_its_own() -> AbstractContextManager[object]:
    """The node commits the receipt, and the bundle's state and its verdicts a moment later."""

    def add(tables: Tables, bundle: StoredBundle, receipt: VerifiedReceipt, *, answer: bytes, at: int) -> None:
        receipts.add(tables, bundle, receipt, answer=answer, at=at)
        tables.execute("COMMIT")
        tables.execute("BEGIN IMMEDIATE")

    return changed(settle_bundle, "receipts", _like(receipts, add=add))


@contextmanager
def dose_before_its_audit_line() -> Iterator[None]:
    """The node commits the dose, and the audit line a moment later."""
    waiting: list[tuple[Sequence[Any], str, int]] = []

    def append_many(_: Tables, acts: Sequence[Any], *, actor: str, at: int) -> None:
        waiting.append((acts, actor, at))

    def record(database: Database, submission: Any, **given: Any) -> record_dose.Recorded:
        waiting.clear()
        made = record_dose.record_dose(database, submission, **given)
        with database.write_transaction() as tables:
            for acts, actor, at in waiting:
                audit.append_many(tables, acts, actor=actor, at=at)
        return made

    with changed(record_dose, "audit", _like(audit, append_many=append_many)), changed(actions, "record_dose", record):
        yield


def sent_when_exported() -> AbstractContextManager[object]:
    """What was written to a stick counts as sent: it is not offered by the network any more."""
    due_run = bundles.due_run

    def left_over(tables: Tables, **most: int) -> list[StoredBundle]:
        written = {tuple(row) for row in tables.execute("SELECT epoch, sequence FROM stick_exports")}
        return [due for due in due_run(tables, **most) if (due.epoch, due.sequence) not in written]

    return changed(exchange, "bundles", _like(bundles, due_run=left_over))


def open_pass_left_behind() -> AbstractContextManager[object]:
    """A pass that a token or a power cut left open is not taken up again."""
    return changed(actions, "resume_pass", lambda *_, **__: None)


def _give_back(database: Database, run: Sequence[StoredBundle], *, at: int) -> None:
    with database.write_transaction() as tables:
        for due in run:
            found = None if due.pass_id is None else passes.find(tables, due.pass_id)
            if found is not None and found.state is PassState.SEALED:
                passes.give_back(tables, found.pass_id, state=PassState.RELEASED, at=at)


def _like(module: ModuleType, **functions: Any) -> SimpleNamespace:
    """The module with some functions in place of its own."""
    return SimpleNamespace(**{**vars(module), **functions})


BUGS: Final[dict[str, Bug]] = {
    "delivered-without-verifying": delivered_without_verifying,
    "known-head-not-checked": known_head_not_checked,
    "gives-up-at-a-problem": gives_up_at_a_problem,
    "doses-back-at-a-lost-answer": doses_back_at_a_lost_answer,
    "seals-anew": seals_anew,
    "sender-keeps-the-offset": sender_keeps_the_offset,
    "verdicts-lost-at-a-repeat": verdicts_lost_at_a_repeat,
    "receipt-in-a-commit-of-its-own": receipt_in_a_commit_of_its_own,
    "dose-before-its-audit-line": dose_before_its_audit_line,
    "sent-when-exported": sent_when_exported,
    "open-pass-left-behind": open_pass_left_behind,
    **planted_centre.BUGS,
}
