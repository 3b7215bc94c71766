"""What is written to a stick is there or is said not to be; what lies there is never followed nor waited for."""

from __future__ import annotations

import json
import os
import shutil
import socket
from pathlib import Path

import pytest

from sync_protocol import limits
from sync_protocol.stick import PART_SUFFIX
from sync_protocol.stick_errors import STICK_PROBLEMS, StickCode, StickError
from sync_protocol.stick_folder import Passed, StickFolder
from sync_protocol.stick_mount import open_stick
from tests.stick.faulty_stick import FaultyStick
from tests.stick.files import FILES, digest_of, sealed_bundle
from tests.stick.killed_writer import NAMES, write

NAME = next(iter(NAMES))
DATA = NAMES[NAME]


def put(root: Path, name: str = NAME, data: bytes = DATA) -> bool:
    with open_stick(root, write=True) as folder:
        written = folder.put(name, data)
        folder.confirm()
    return written


def there(root: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(root.glob("HCVX/*"))}


def code_of(root: Path) -> StickCode:
    with pytest.raises(StickError) as caught:
        write(root)
    return caught.value.code


def test_each_file_is_synced_renamed_synced_again_and_read_back(stick: FaultyStick) -> None:
    assert stick.run("tests.stick.one_export", str(stick.root)).stdout == "ok\n"
    events = [event.split()[0] for event in stick.events()]
    first = events[events.index("create") : events.index("unlink", events.index("create"))]
    # The file, its name, the file once more, the folder, and then what the medium gives back.
    assert first == ["create", "write", "fsync", "rename", "open", "fsync", "fsync", "open"]
    assert there(stick.root) == NAMES


def test_the_same_files_again_write_nothing(stick: FaultyStick) -> None:
    stick.run("tests.stick.one_export", str(stick.root))
    before = {path.name: path.stat().st_mtime_ns for path in stick.root.glob("HCVX/*")}
    assert stick.run("tests.stick.one_export", str(stick.root)).stdout == "ok\n"
    assert not {"write", "create", "rename", "unlink"} & {event.split()[0] for event in stick.events()}
    assert {path.name: path.stat().st_mtime_ns for path in stick.root.glob("HCVX/*")} == before


def test_killed_at_every_step_whole_files_stay_and_the_next_export_is_whole(stick: FaultyStick) -> None:
    done = stick.run("tests.stick.killed_writer", str(stick.root))
    assert done.returncode == 0, done.stderr
    tries = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(tries) > 25
    assert [one["lived"] for one in tries] == [False] * (len(tries) - 1) + [True]
    assert {one["torn"] for one in tries} == {0}
    assert {one["whole"] for one in tries} == {0, 1, 2, 3}
    assert {(one["again"], one["after"], one["left"]) for one in tries} == {(True, 3, 0)}


def test_a_writer_that_writes_under_the_name_at_once_is_found_out(stick: FaultyStick) -> None:
    done = stick.run("tests.stick.killed_writer", str(stick.root), "naive")
    assert {json.loads(line)["torn"] for line in done.stdout.splitlines()} > {0}


@pytest.mark.parametrize(
    ("do", "code"),
    [("gone", StickCode.GONE), ("full", StickCode.FULL), ("readonly", StickCode.READ_ONLY)],
)
def test_a_stick_that_fails_at_any_step_is_named_and_the_next_export_is_whole(
    stick: FaultyStick, do: str, code: StickCode
) -> None:
    stick.run("tests.stick.one_export", str(stick.root))
    steps = len([event for event in stick.events() if not event.startswith("open")])
    said = set()
    for at in range(1, steps + 1, 4):
        shutil.rmtree(stick.root)
        stick.root.mkdir()
        said.add(stick.run("tests.stick.one_export", str(stick.root), at=at, do=do).stdout.strip())
        names = there(stick.root)
        assert all(NAMES[name] == data for name, data in names.items() if not name.endswith(PART_SUFFIX))
        write(stick.root)
        assert there(stick.root) == NAMES
    # Near the end only syncing is left, which a full stick does not mind.
    assert said - {"ok"} == {code.value}


def test_a_stick_that_the_kernel_says_is_full_is_full(stick: FaultyStick) -> None:
    assert stick.run("tests.stick.one_export", str(stick.root), "100000").stdout.strip() == StickCode.FULL
    assert len(there(stick.root)) == 1
    write(stick.root)
    assert there(stick.root) == NAMES


def test_a_stick_that_keeps_other_bytes_than_were_written_is_found_out(stick: FaultyStick) -> None:
    assert stick.run("tests.stick.one_export", str(stick.root), at=3, do="flip").stdout.strip() == StickCode.DAMAGED
    assert there(stick.root) == {}


def test_room_is_looked_at_before_the_first_byte(tmp_path: Path) -> None:
    with open_stick(tmp_path, write=True) as folder:
        with pytest.raises(StickError) as caught:
            folder.make_room([2**62])
        folder.make_room([])
    assert caught.value.code is StickCode.FULL


def test_a_stick_that_is_pulled_leaves_an_empty_place_that_is_not_taken_for_it(tmp_path: Path) -> None:
    root = tmp_path / "USB"
    root.mkdir()
    with open_stick(root, write=True) as folder:
        folder.put(NAME, DATA)
        root.rename(tmp_path / "pulled")
        with pytest.raises(StickError) as gone:
            folder.confirm()
        root.mkdir()
        (root / "HCVX").mkdir()
        with pytest.raises(StickError) as other:
            folder.confirm()
    assert (gone.value.code, other.value.code) == (StickCode.GONE, StickCode.GONE)
    assert there(root) == {}


def test_a_folder_that_is_removed_meanwhile_is_gone(tmp_path: Path) -> None:
    with open_stick(tmp_path, write=True) as folder:
        shutil.rmtree(tmp_path / "HCVX")
        with pytest.raises(StickError) as caught:
            folder.put(NAME, DATA)
    assert caught.value.code is StickCode.GONE


def test_two_do_not_write_at_once(tmp_path: Path) -> None:
    with open_stick(tmp_path, write=True):
        assert code_of(tmp_path) is StickCode.BUSY
        with open_stick(tmp_path, write=False) as reading:
            assert reading.listing().names == []
    write(tmp_path)


def test_a_place_without_a_stick_or_without_our_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    for missing in (tmp_path / "away", tmp_path / "file", Path("/\0")):
        assert code_of(missing) is StickCode.MISSING
    with pytest.raises(StickError) as caught, open_stick(tmp_path, write=False):
        pass
    assert caught.value.code is StickCode.EMPTY


def test_a_file_or_a_link_in_place_of_the_folder_is_refused_and_untouched(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    for name in ("file", "link"):
        root = tmp_path / name
        root.mkdir()
        if name == "file":
            (root / "HCVX").write_bytes(b"mine")
        else:
            (root / "HCVX").symlink_to(elsewhere)
        assert code_of(root) is StickCode.NO_FOLDER
        with pytest.raises(StickError), open_stick(root, write=False):
            pass
    assert list(elsewhere.iterdir()) == []


def test_the_folder_is_found_in_whatever_case_and_may_be_given_itself(tmp_path: Path) -> None:
    (tmp_path / "hcvx").mkdir()
    put(tmp_path)
    assert not put(tmp_path / "hcvx")
    assert [path.name for path in tmp_path.iterdir()] == ["hcvx"]


def test_links_in_place_of_our_files_are_never_written_through(tmp_path: Path) -> None:
    folder, secret = tmp_path / "HCVX", tmp_path / "secret"
    folder.mkdir()
    secret.write_bytes(b"not to be touched")
    (folder / NAME).symlink_to(secret)
    (folder / f"{NAME}{PART_SUFFIX}").symlink_to(secret)
    (folder / f"left{PART_SUFFIX}").symlink_to(secret)
    assert put(tmp_path)
    assert secret.read_bytes() == b"not to be touched"
    assert there(tmp_path) == {NAME: DATA}
    assert not (folder / NAME).is_symlink()


def test_a_folder_in_place_of_our_file_stays_and_the_file_gets_another_name(tmp_path: Path) -> None:
    (tmp_path / "HCVX" / NAME).mkdir(parents=True)
    (tmp_path / "HCVX" / NAME / "kept").write_bytes(b"x")
    assert put(tmp_path)
    assert not put(tmp_path)
    other = NAME.replace(".hcvx", "-1.hcvx")
    assert (tmp_path / "HCVX" / other).read_bytes() == DATA
    assert (tmp_path / "HCVX" / NAME / "kept").exists()


def test_a_damaged_copy_under_our_name_is_replaced(tmp_path: Path) -> None:
    put(tmp_path)
    (tmp_path / "HCVX" / NAME).write_bytes(DATA[:-1] + bytes([DATA[-1] ^ 1]))
    assert put(tmp_path)
    assert there(tmp_path) == {NAME: DATA}


def test_what_is_no_plain_file_is_passed_over_and_counted(tmp_path: Path) -> None:
    folder = tmp_path / "HCVX"
    folder.mkdir()
    for name in (".hidden", "~$lock", "x.tmp", f"y{PART_SUFFIX}", "$RECYCLE"):
        (folder / name).write_bytes(DATA)
    (folder / "deeper").mkdir()
    (folder / "deeper" / NAME).write_bytes(DATA)
    os.mkfifo(folder / "pipe")
    (folder / "loop").symlink_to(folder / "loop")
    (folder / "outside").symlink_to("/etc/hostname")
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(folder / "socket"))
    # Names of every kind of byte that this system's folders take.
    odd = [b"\xff\xfe.hcvx", "tệp tin.hcvx".encode(), b"a\nb", b"\x1b[31m", b"-rf", b"CON"]
    for raw in odd:
        (folder / os.fsdecode(raw)).write_bytes(DATA)
    with open_stick(tmp_path, write=False) as opened:
        found = opened.listing()
        assert [opened.read(name) for name in found.names] == [DATA] * len(odd)
        assert {opened.read(name) for name in ("pipe", "loop", "outside", "socket", "deeper")} == {Passed.NO_FILE}
        assert opened.read("away") is Passed.UNREADABLE
    listening.close()
    assert found.passed == {Passed.HIDDEN: 5, Passed.NO_FILE: 5, Passed.BEYOND: 0}


def test_a_file_that_is_too_large_is_not_opened(tmp_path: Path) -> None:
    put(tmp_path)
    with (tmp_path / "HCVX" / "film").open("wb") as film:
        film.truncate(limits.FEED_FILE_BYTES + 1)
    with open_stick(tmp_path, write=False) as folder:
        assert folder.read("film") is Passed.LARGE


def test_a_file_that_grows_while_it_is_read_is_passed_over() -> None:
    # The system's own files state no size and have content: to a reader they grow.
    assert StickFolder(Path("/proc/self"), None).read("status") is Passed.CHANGING


def test_more_files_than_anybody_looks_at_are_counted_and_not_read(tmp_path: Path) -> None:
    folder = tmp_path / "HCVX"
    folder.mkdir()
    for number in range(limits.STICK_FILES + 7):
        (folder / f"{number:06d}").touch()
    with open_stick(tmp_path, write=False) as opened:
        found = opened.listing()
    assert len(found.names) == limits.STICK_FILES
    assert found.passed[Passed.BEYOND] == 7


def test_only_the_very_file_is_taken_off(tmp_path: Path) -> None:
    put(tmp_path)
    with open_stick(tmp_path, write=True) as folder:
        assert not folder.take_off(NAME, bytes(32))
        assert not folder.take_off("away", bytes(32))
        other = sealed_bundle(9)
        folder.put("other.hcvx", other)
        assert folder.take_off(NAME, digest_of(DATA))
    assert there(tmp_path) == {"other.hcvx": other}


def test_every_code_has_words_and_no_text_holds_a_path(tmp_path: Path) -> None:
    assert set(STICK_PROBLEMS) == set(StickCode)
    for code, said in STICK_PROBLEMS.items():
        assert said.cure.endswith(".")
        assert not said.vi.endswith(".")
        assert StickError(code).vi == said.vi
    with pytest.raises(StickError) as caught:
        write(tmp_path / "Nguyễn Thị Ánh")
    assert "Nguyễn" not in f"{caught.value} {caught.value.detail}"


def test_progress_counts_every_byte_once(tmp_path: Path) -> None:
    told: list[int] = []
    with open_stick(tmp_path, write=True) as folder:
        for name, data in NAMES.items():
            folder.put(name, data, tell=told.append)
        assert sum(told) == sum(map(len, FILES))
        assert len(told) > len(FILES)
