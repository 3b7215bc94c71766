"""Each work of the site cut off before each of its statements: nothing of it is kept, and done again it is whole."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest

from edge.domain.observation import Outcome, Reaction, ReactionKind, Severity
from edge.domain.pass_journal import PassRefusedError
from edge.domain.refusals import RefusedError
from edge.domain.vial import VialContents
from edge.store import people, users
from edge.store.database import Database
from edge.store.people import PersonId
from edge.store.users import User
from edge.store.vials import VialId
from edge.store.visits import VisitId
from edge.workflow.approve_selection import approve, ask_approval
from edge.workflow.check_store import check_store
from edge.workflow.close_day import close_day
from edge.workflow.observe import ReactionReport, let_go, record_reaction
from edge.workflow.open_vial import open_vial
from edge.workflow.plan_passes import outline_selection
from edge.workflow.read_catalogue import CatalogueShelf
from edge.workflow.receive_person import Newcomer, cancel_visit, receive_known, receive_newcomer
from edge.workflow.record_dose import Submission, record_dose
from sync_protocol.identity import IdentityState
from tests.browser.visitor import add_user, make_node
from tests.builders import SeededEntropy
from tests.edge.clinic import NOW, NURSE, Cut, CutAt, facts, make_clinic, open_database, villager

DAY: Final = datetime.fromtimestamp(NOW, UTC).date().isoformat()
CONTENTS: Final = VialContents("AZ", "ABX1234", "2022-12-31", doses=10, station="Bàn 1")
REACTION: Final = Reaction((ReactionKind.FEVER,), Severity.MILD, Outcome.WATCHED)
ENTROPY: Final = 5


def receive_new(database: Database) -> None:
    newcomer = Newcomer("newcomer-1", villager(9))
    receive_newcomer(database, newcomer, provinces=("054",), at=NOW, by=NURSE)


def arrive(database: Database) -> None:
    receive_known(database, PersonId(3), key="visit-two", at=NOW, by=NURSE)


def cancel(database: Database) -> None:
    cancel_visit(database, VisitId(1), reason="Hẹn lại", at=NOW, by=NURSE)


def record(database: Database) -> None:
    given = facts(dose_number=1, given_at=NOW)
    submission = Submission("dose-of-one", PersonId(1), given, vial_id=VialId(1), is_given_now=True)
    record_dose(database, submission, catalogue=CatalogueShelf(database).catalogue(), at=NOW, by=NURSE)


def react(database: Database) -> None:
    report = ReactionReport("reaction-1", 1, REACTION)
    record_reaction(database, report, catalogue=CatalogueShelf(database).catalogue(), at=NOW, by=NURSE)


def leave(database: Database) -> None:
    let_go(database, VisitId(2), remark="Về sớm", at=NOW, by=NURSE)


def open_another_vial(database: Database) -> None:
    open_vial(database, CONTENTS, key="vial-two", at=NOW, by=NURSE)


def ask(database: Database, sequence: int = 2) -> None:
    policy = CatalogueShelf(database).catalogue().policy
    with database.read() as tables:
        shown = outline_selection(tables, policy, [sequence], now=NOW, late_reason="").digest
    ask_approval(database, policy, [sequence], shown=shown, late_reason="", user=user(database, 1), now=NOW)


def agree(database: Database) -> None:
    approve(database, CatalogueShelf(database).catalogue().policy, 1, user=user(database, 2), now=NOW)


def close(database: Database) -> None:
    policy = CatalogueShelf(database).catalogue().policy
    close_day(database, policy, DAY, now=NOW, by=NURSE, entropy=SeededEntropy(ENTROPY), revision=1)


def user(database: Database, user_id: int) -> User:
    with database.read() as tables:
        found = users.get(tables, users.UserId(user_id))
    assert found is not None
    return found


WORKS: Final[tuple[Callable[[Database], None], ...]] = (
    *(receive_new, arrive, cancel, record, react, leave),
    *(open_another_vial, ask, agree, close),
)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clinic: somebody waits, is observed, has not come yet; a vial, two signers, a selection to approve."""
    directory = tmp_path_factory.mktemp("clinic")
    clinic = make_clinic(directory)
    clinic.give_pack([villager(number) for number in (1, 2, 3, 4, 9)])
    database = clinic.database
    receive_newcomer(database, Newcomer("newcomer-0", villager(1)), provinces=("054",), at=NOW, by=NURSE)
    clinic.record(Submission("dose-of-three", villager(3), facts(given_at=NOW)))
    with database.write_transaction() as tables:
        people.add(tables, villager(2), state=IdentityState.MATCHED, at=NOW, by=NURSE)
    open_vial(database, CONTENTS, key="vial-one", at=NOW, by=NURSE)
    node = make_node(directory, database)
    add_user(node, login="first", name="Người Ký Một")
    add_user(node, login="second", name="Người Ký Hai")
    clinic.record(Submission("dose-of-four", villager(4), facts()))
    ask(database, 1)
    database.close()
    return directory


def rows(database: Database) -> dict[str, list[tuple[object, ...]]]:
    """Everything in the store."""
    with database.read() as tables:
        names = [
            str(row[0])
            for row in tables.execute("SELECT name FROM sqlite_schema WHERE type = 'table' AND sql NOT LIKE '%fts5%'")
        ]
        found = {name: [tuple(row) for row in tables.execute(f'SELECT * FROM "{name}"')] for name in names}
    # What is signed and sealed has other bytes each time.
    found["bundles"] = [tuple(cell for cell in row if not isinstance(cell, bytes)) for row in found["bundles"]]
    return found


def copies(prepared: Path, directory: Path) -> Iterator[Path]:
    """One copy of the clinic after the other."""
    number = 0
    while True:
        number += 1
        yield Path(shutil.copytree(prepared, directory / str(number)))


@pytest.mark.parametrize("work", WORKS, ids=lambda work: work.__name__)
def test_cut_off_at_any_statement_nothing_is_kept_and_done_again_it_is_whole(
    prepared: Path, tmp_path: Path, work: Callable[[Database], None]
) -> None:
    places = copies(prepared, tmp_path)
    whole = CutAt(0)
    uncut = open_database(next(places), tracer=whole)
    before, opened = rows(uncut), whole.seen
    work(uncut)
    statements = whole.seen - opened
    after = rows(uncut)
    uncut.close()
    assert after != before
    assert statements > 5
    for point in range(1, statements + 1):
        cut = CutAt(0)
        broken = open_database(next(places), tracer=cut)
        rows(broken)
        cut.statement = cut.seen + point
        with pytest.raises(Cut):
            work(broken)
        broken.close()
        again = open_database(broken.path.parent)
        # The statement behind the commit is cut off too: then everything was kept.
        assert rows(again) in (before, after), point
        assert check_store(again).findings == ()
        # What can be done once alone is refused by then.
        with suppress(RefusedError, PassRefusedError) if rows(again) == after else nullcontext():
            work(again)
        assert rows(again) == after, point
        assert check_store(again).findings == ()
        again.close()
        shutil.rmtree(again.path.parent)
