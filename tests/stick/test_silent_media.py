"""Media that never answer: nobody waits for one, and nothing that is recorded waits for what is hashed for a stick."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from edge.clients import removable_media
from edge.clients.removable_media import MOST, find_media, is_silent
from edge.workflow import export_stick
from sync_protocol.sealing import sealed_digest
from sync_protocol.stick_errors import STICK_PROBLEMS, StickCode
from tests.browser.visitor import Visitor, make_node, visit
from tests.stick.faulty_stick import FaultyStick, compile_shim
from tests.stick.neighbours import Neighbours, make_neighbours, sign

# Every Linux has these two; one of them stands in for a stick that is there, the other for one that was pulled.
PULLED = Path("/dev/pts")
THERE = Path("/dev/shm")


@pytest.fixture
def two(tmp_path: Path) -> Neighbours:
    return make_neighbours(tmp_path)


@pytest.fixture
def page(two: Neighbours, tmp_path: Path) -> Visitor:
    return visit(make_node(tmp_path / "site", two.site.database, two.site.clock), two.site.centre)


@pytest.fixture
def pulled(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """A medium at PULLED that does not answer before the event is set."""
    is_back, ask = threading.Event(), shutil.disk_usage

    def hang(path: Path) -> object:
        if path.is_relative_to(PULLED):
            is_back.wait()
        return ask(path)

    monkeypatch.setattr(shutil, "disk_usage", hang)
    monkeypatch.setattr(removable_media, "ROOTS", (Path("/dev"),))
    monkeypatch.setattr(find_media, "__defaults__", ((Path("/dev"),),))
    monkeypatch.setattr(find_media, "__kwdefaults__", {"seconds": 0.2})
    monkeypatch.setattr(is_silent, "__kwdefaults__", {"seconds": 0.2})
    yield is_back
    is_back.set()
    join_all()


def join_all() -> None:
    """Wait for everybody who looks at a medium."""
    for thread in threading.enumerate():
        if thread.name == "medium":
            thread.join()


def test_a_program_that_looks_at_a_medium_that_hangs_goes_on_and_ends(tmp_path: Path) -> None:
    stick = FaultyStick(PULLED, compile_shim(tmp_path), tmp_path / "log")
    done = stick.run("tests.stick.look_for_media", str(PULLED.parent), str(PULLED), at=1, do="hang")
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines.count(f"{PULLED} silent") == 2
    assert lines.count(f"{THERE} answers") == 2
    # However often somebody looks, one alone hangs there.
    assert lines[-2:] == ["typed True", "away 1"]


def test_the_page_shows_what_answers_and_says_what_does_not(pulled: threading.Event, page: Visitor) -> None:
    text = page.get("/stick")
    assert "không trả lời: rút ra rồi cắm lại" in text
    (radio,) = [line for line in text.splitlines() if f'value="{PULLED}"' in line]
    assert f'value="{PULLED}" disabled' in radio
    assert f'value="{THERE}" disabled' not in radio
    pulled.set()
    join_all()
    assert "không trả lời" not in page.get("/stick")


@pytest.mark.usefixtures("pulled")
def test_a_folder_that_does_not_answer_is_refused_in_words_before_anything_is_done_with_it(page: Visitor) -> None:
    page.get("/stick")
    told = STICK_PROBLEMS[StickCode.SILENT].vi
    typed = {**page.hidden(), "typed": str(PULLED / "HCVX")}
    assert told in page.post("/stick/preview", typed, status=422)
    for do in ("export", "import", "carry"):
        assert told in page.post("/stick", {**typed, "do": do}, status=409)


@pytest.mark.usefixtures("pulled")
def test_only_so_many_are_sent_to_look(tmp_path: Path) -> None:
    assert all(is_silent(PULLED / str(number)) for number in range(MOST + 5))
    assert sum(one.name == "medium" for one in threading.enumerate()) == MOST
    # Nobody is left who could look at this one.
    assert is_silent(tmp_path)


def test_a_name_with_a_space_is_found_where_the_system_tells_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = tmp_path / "mountinfo"
    (tmp_path / "media" / "lan" / "USB của tôi").mkdir(parents=True)
    (tmp_path / "media" / "deep" / "er" / "still").mkdir(parents=True)
    rows = [tmp_path / "media" / "lan" / "USB của tôi", tmp_path / "media" / "deep" / "er" / "still", tmp_path]
    told.write_text(
        "".join(f"36 35 98:0 / {str(row).replace(' ', chr(92) + '040')} rw - ext4 /dev/x rw\n" for row in rows)
    )
    monkeypatch.setattr(removable_media, "_MOUNTS", told)
    assert [one.path for one in find_media((tmp_path / "media",))] == [rows[0]]


def test_where_the_system_tells_of_no_mounts_somebody_walks_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(removable_media, "_MOUNTS", tmp_path / "away")
    assert {one.path for one in find_media((PULLED.parent,), seconds=60)} >= {PULLED, THERE}


def test_nothing_is_hashed_while_the_store_is_held(two: Neighbours, monkeypatch: pytest.MonkeyPatch) -> None:
    sign(two.site)
    sign(two.site)
    held: list[bool] = []

    def hash_and_look(sealed: bytes) -> bytes:
        held.append(two.site.database.tables().conn.in_transaction)
        return sealed_digest(sealed)

    monkeypatch.setattr(export_stick, "sealed_digest", hash_and_look)
    assert two.export().written
    assert held == [False, False]
