"""An import that is cut off anywhere: nothing is lost, nothing is doubled, and running it again completes it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edge.domain.row_verdict import ProposalChoice
from edge.store import audit
from edge.store.database import Database
from edge.workflow.import_day_list import ImportPlan, apply_plan, plan_import
from tests.edge.clinic import NOW, NURSE, Clinic, Cut, CutAt, list_row, make_clinic, open_database, workbook


def test_cut_off_at_any_statement_and_run_again_nothing_is_lost_or_doubled(tmp_path: Path) -> None:
    # 250 rows take two transactions; how many statements that is, an uncut run says.
    vocabulary = make_clinic(tmp_path / "first").shelf.vocabulary()
    whole = CutAt(0)
    first = open_database(tmp_path / "first", tracer=whole)
    file = workbook(tmp_path / "list.xlsx", [list_row(number) for number in range(250)])
    plan = plan_import(first, file, vocabulary=vocabulary, at=NOW)
    before = whole.seen
    apply_plan(first, plan, choice=ProposalChoice.ACCEPT, vocabulary=vocabulary, at=NOW, by=NURSE)
    kept: set[int] = set()
    for point in range(12):
        clinic = make_clinic(tmp_path / f"node{point}")
        cut = CutAt(0)
        broken = open_database(tmp_path / f"node{point}", tracer=cut)
        broken.tables()
        cut.statement = cut.seen + 1 + (whole.seen - before) * point // 12
        with pytest.raises(Cut):
            apply_plan(broken, plan, choice=ProposalChoice.ACCEPT, vocabulary=vocabulary, at=NOW, by=NURSE)
        broken.close()
        kept.add(clinic.count("doses"))
        _check_complete(clinic.database)
        _apply(clinic, plan)
        assert clinic.count("doses") == clinic.count("people") == clinic.count("import_rows") == 250
        _check_complete(clinic.database)
        clinic.database.close()
    assert kept == {0, 200}


_CHILD = """
import sys
from pathlib import Path
from edge.clients.day_list_files import open_day_list
from edge.domain.row_verdict import ProposalChoice
from edge.workflow.import_day_list import apply_plan, plan_import
from edge.workflow.read_catalogue import CatalogueShelf
from tests.edge.clinic import NOW, NURSE, open_database

directory = Path(sys.argv[1])
database = open_database(directory)
vocabulary = CatalogueShelf(database).vocabulary()
plan = plan_import(database, open_day_list(directory / "list.xlsx"), vocabulary=vocabulary, at=NOW)
print("planned", flush=True)
apply_plan(database, plan, choice=ProposalChoice.ACCEPT, vocabulary=vocabulary, at=NOW, by=NURSE)
"""


def test_a_process_that_is_killed_while_importing_loses_and_doubles_nothing(tmp_path: Path) -> None:
    directory = tmp_path / "node"
    clinic = make_clinic(directory)
    rows = [list_row(number) for number in range(1_500)]
    file = workbook(directory / "list.xlsx", rows)
    environment = dict(os.environ, PYTHONPATH=str(Path(__file__).parents[2]))
    kept: list[int] = []
    for delay in (0.0, 0.03, 0.08, 0.15):
        child = subprocess.Popen(
            [sys.executable, "-c", _CHILD, str(directory)], env=environment, stdout=subprocess.PIPE, text=True
        )
        assert child.stdout is not None
        assert child.stdout.readline() == "planned\n"
        # The moment of the kill is what is tried; nothing waits for anything here.
        deadline = time.monotonic() + delay
        while time.monotonic() < deadline and child.poll() is None:
            pass
        child.send_signal(signal.SIGKILL)
        child.wait()
        child.stdout.close()
        kept.append(clinic.count("doses"))
        _check_complete(clinic.database)
    assert kept == sorted(kept)
    assert all(count % 200 == 0 or count == len(rows) for count in kept)
    vocabulary = clinic.shelf.vocabulary()
    _apply(clinic, plan_import(clinic.database, file, vocabulary=vocabulary, at=NOW))
    assert clinic.count("doses") == clinic.count("people") == len(rows)
    _check_complete(clinic.database)


def _apply(clinic: Clinic, plan: ImportPlan) -> None:
    vocabulary = clinic.shelf.vocabulary()
    apply_plan(clinic.database, plan, choice=ProposalChoice.LEAVE_OUT, vocabulary=vocabulary, at=NOW, by=NURSE)


def _check_complete(database: Database) -> None:
    """Dose, person, place in the list and audit entry: all or none."""
    with database.read() as tables:
        audit.verify(tables)
        recorded = {row[0] for row in tables.execute("SELECT subject FROM audit WHERE action = 'dose-recorded'")}
        stored = {f"dose:{row[0]}" for row in tables.execute("SELECT sequence FROM doses")}
        linked = {f"dose:{row[0]}" for row in tables.execute("SELECT sequence FROM import_rows")}
    assert recorded == stored == linked
