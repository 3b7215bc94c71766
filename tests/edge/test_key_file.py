"""The data key under the passphrase."""

from __future__ import annotations

import json
import os
import stat
import unicodedata
from pathlib import Path

import pytest

from edge.store.errors import StoreCode, StoreError
from edge.store.key_file import Stretching, change_passphrase, create_key_file, open_key_file
from tests.builders import SeededEntropy
from tests.edge.clinic import CHEAP, PASSPHRASE


def _made(directory: Path) -> tuple[Path, bytes]:
    path = directory / "node.key.json"
    return path, create_key_file(path, PASSPHRASE, entropy=SeededEntropy(), stretching=CHEAP)


def test_the_passphrase_opens_it_in_either_normal_form(tmp_path: Path) -> None:
    path, key = _made(tmp_path)
    assert len(key) == 32
    assert open_key_file(path, PASSPHRASE) == key
    assert open_key_file(path, unicodedata.normalize("NFD", PASSPHRASE)) == key


def test_neither_key_nor_passphrase_stands_in_the_file(tmp_path: Path) -> None:
    path, key = _made(tmp_path)
    text = path.read_text()
    assert key.hex() not in text
    assert PASSPHRASE not in text
    assert [file.name for file in tmp_path.iterdir()] == ["node.key.json"]


def test_another_passphrase_does_not_open_it(tmp_path: Path) -> None:
    path, _ = _made(tmp_path)
    with pytest.raises(StoreError) as caught:
        open_key_file(path, PASSPHRASE + " ")
    assert caught.value.code is StoreCode.PASSPHRASE


def test_a_changed_passphrase_opens_the_same_key_and_the_old_one_no_more(tmp_path: Path) -> None:
    path, key = _made(tmp_path)
    change_passphrase(path, PASSPHRASE, "một mật khẩu khác", entropy=SeededEntropy(2))
    assert open_key_file(path, "một mật khẩu khác") == key
    with pytest.raises(StoreError):
        open_key_file(path, PASSPHRASE)


def test_the_usual_cost_is_that_of_rfc_9106(tmp_path: Path) -> None:
    path = tmp_path / "node.key.json"
    create_key_file(path, PASSPHRASE, entropy=SeededEntropy())
    content = json.loads(path.read_text())
    assert (content["passes"], content["memory_kibibytes"], content["lanes"]) == (3, 65_536, 4)


def test_a_short_passphrase_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(StoreError) as caught:
        create_key_file(tmp_path / "node.key.json", "ngắn", entropy=SeededEntropy(), stretching=CHEAP)
    assert caught.value.code is StoreCode.PASSPHRASE_WEAK
    assert list(tmp_path.iterdir()) == []


def test_an_existing_file_is_never_written_over(tmp_path: Path) -> None:
    path, key = _made(tmp_path)
    with pytest.raises(StoreError) as caught:
        create_key_file(path, PASSPHRASE, entropy=SeededEntropy(9), stretching=CHEAP)
    assert caught.value.code is StoreCode.EXISTS
    assert open_key_file(path, PASSPHRASE) == key


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError) as caught:
        open_key_file(tmp_path / "node.key.json", PASSPHRASE)
    assert caught.value.code is StoreCode.MISSING


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"kdf": "scrypt"},
        {"passes": 0},
        {"memory_kibibytes": 2**40},
        {"lanes": 1_000},
        {"salt": ""},
        {"wrapped": "00"},
        {"wrapped": "zz"},
        {"salt": None},
    ],
)
def test_a_file_that_is_not_ours_is_refused_before_any_memory_is_spent(
    tmp_path: Path, change: dict[str, object]
) -> None:
    path, _ = _made(tmp_path)
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(StoreError) as caught:
        open_key_file(path, PASSPHRASE)
    assert caught.value.code is StoreCode.KEY_FILE


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"\xff\xfe", b" " * 5_000])
def test_nonsense_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "node.key.json"
    path.write_bytes(data)
    with pytest.raises(StoreError) as caught:
        open_key_file(path, PASSPHRASE)
    assert caught.value.code is StoreCode.KEY_FILE


def test_stretching_is_kept_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "node.key.json"
    key = create_key_file(path, PASSPHRASE, entropy=SeededEntropy(), stretching=Stretching(2, 128, 2))
    assert open_key_file(path, PASSPHRASE) == key


@pytest.mark.skipif(os.name != "posix", reason="file modes are those of POSIX")
def test_only_its_owner_reads_the_key_file(tmp_path: Path) -> None:
    umask = os.umask(0)
    try:
        path, _ = _made(tmp_path)
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        # A draft that a cut-off change left behind gives its mode to nobody.
        path.with_name(path.name + ".new").touch(mode=0o666)
        change_passphrase(path, PASSPHRASE, "một mật khẩu khác", entropy=SeededEntropy(2))
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    finally:
        os.umask(umask)
