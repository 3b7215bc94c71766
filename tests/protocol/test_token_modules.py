"""Drivers on this machine: where they are looked for, which are taken, and for which kind of program they were made."""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterable
from pathlib import Path, PureWindowsPath

import pytest

from sync_protocol.signers.token_modules import (
    COLLECTOR,
    LINUX_NAMES,
    WINDOWS_NAMES,
    Candidate,
    Origin,
    Place,
    Platform,
    bits_of,
    choose_candidates,
    known_places,
    look_for,
    program_bits,
    read_bits,
    this_platform,
)

SYSTEM = "C:\\Windows\\System32\\"
VIETTEL = f"{SYSTEM}viettel-ca_v6.dll"
EPASS = f"{SYSTEM}eps2003csp11.dll"
PROXY = f"/usr/lib/x86_64-linux-gnu/{COLLECTOR}"
SOFTHSM = "/usr/lib/softhsm/libsofthsm2.so"


def there(*paths: str) -> dict[str, str]:
    """These files exist, and each is itself."""
    return {path: path for path in paths}


def on_windows(*paths: str, named: dict[Origin, str] | None = None) -> tuple[Candidate, ...]:
    return choose_candidates(known_places(Platform.WINDOWS, {}), there(*paths), named or {})


def on_linux(existing: dict[str, str], named: dict[Origin, str] | None = None) -> tuple[Candidate, ...]:
    return choose_candidates(known_places(Platform.LINUX, {}), existing, named or {})


def test_a_driver_that_a_vendor_installed_is_found_by_its_name() -> None:
    assert on_windows(VIETTEL, EPASS, f"{SYSTEM}kernel32.dll") == (
        Candidate(VIETTEL, "Viettel-CA", Origin.KNOWN),
        Candidate(EPASS, "Feitian ePass", Origin.KNOWN),
    )


def test_what_is_set_comes_first_and_once_also_where_its_file_is_not_there() -> None:
    named = {Origin.SETTING: EPASS, Origin.VARIABLE: "D:\\của riêng\\token.dll"}
    assert on_windows(VIETTEL, EPASS, named=named) == (
        Candidate(EPASS, "Feitian ePass", Origin.SETTING),
        Candidate("D:\\của riêng\\token.dll", "", Origin.VARIABLE),
        Candidate(VIETTEL, "Viettel-CA", Origin.KNOWN),
    )
    assert on_windows(named={Origin.SETTING: VIETTEL}) == (Candidate(VIETTEL, "Viettel-CA", Origin.SETTING),)
    assert on_windows(named={Origin.SETTING: ""}) == ()


def test_windows_says_where_it_is_itself_whatever_the_case_of_its_variables() -> None:
    places = known_places(Platform.WINDOWS, {"SystemRoot": "E:\\Win", "PROGRAMFILES": "E:\\Programs"})
    paths = {place.path for place in places}
    assert "E:\\Win\\System32\\viettel-ca_v6.dll" in paths
    assert "E:\\Win\\SysWOW64\\viettel-ca_v6.dll" in paths
    assert "E:\\Programs\\OpenSC Project\\OpenSC\\pkcs11\\opensc-pkcs11.dll" in paths
    assert not any(path.startswith("C:\\Windows") for path in paths)


def test_one_driver_under_two_names_is_asked_once() -> None:
    other = "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so"
    assert on_linux({SOFTHSM: SOFTHSM, other: SOFTHSM}) == (Candidate(SOFTHSM, "SoftHSM", Origin.KNOWN),)
    named = {Origin.SETTING: other}
    assert on_linux({SOFTHSM: SOFTHSM, other: SOFTHSM}, named) == (Candidate(other, "SoftHSM", Origin.SETTING),)


def test_the_module_that_shows_all_others_tokens_again_counts_only_alone_or_where_it_is_set() -> None:
    assert [one.path for one in on_linux(there(SOFTHSM, PROXY))] == [SOFTHSM]
    assert on_linux(there(PROXY)) == (Candidate(PROXY, "p11-kit", Origin.KNOWN),)
    found = on_linux(there(SOFTHSM, PROXY), {Origin.SETTING: PROXY})
    assert [one.path for one in found] == [PROXY, SOFTHSM]


def test_a_system_without_known_names_has_no_places() -> None:
    assert known_places(None, {}) == ()
    assert choose_candidates((), {}, {Origin.ASKED: "/x/y.dylib"}) == (Candidate("/x/y.dylib", "", Origin.ASKED),)


@pytest.mark.parametrize(
    ("system", "expected"), [("linux", Platform.LINUX), ("win32", Platform.WINDOWS), ("darwin", None)]
)
def test_the_system_is_known_by_its_name(
    system: str, expected: Platform | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", system)
    assert this_platform() is expected


def names() -> Iterable[str]:
    for table in (WINDOWS_NAMES, LINUX_NAMES):
        for some in table.values():
            yield from some


def test_no_known_name_stands_twice_or_is_a_part_for_windows_itself() -> None:
    every = [name.casefold() for name in names()]
    assert len(every) == len(set(every)) > 60
    # `_s` are the vendors' CSPs: files that are no PKCS#11 modules.
    assert [name for name in every if PureWindowsPath(name).stem.endswith("_s")] == []
    assert all(name.endswith((".dll", ".so", ".so.1.0.0")) for name in every)


def test_only_named_places_are_looked_at_and_a_folder_or_a_fault_is_no_file(tmp_path: Path) -> None:
    driver, link = tmp_path / "libtoken.so", tmp_path / "libother.so"
    driver.write_bytes(b"x")
    link.symlink_to(driver)
    (tmp_path / "folder.so").mkdir()
    paths = [str(driver), str(link), str(tmp_path / "folder.so"), str(tmp_path / "none.so"), "a\0b", "x" * 5_000]
    assert look_for(paths) == {str(driver): str(driver), str(link): str(driver)}


def elf(bits: int) -> bytes:
    return b"\x7fELF" + bytes([bits // 32]) + bytes(60)


def pe(machine: int, *, start: int = 0x80) -> bytes:
    head = bytearray(start + 24)
    head[:2] = b"MZ"
    struct.pack_into("<I", head, 0x3C, start)
    head[start : start + 4] = b"PE\0\0"
    struct.pack_into("<H", head, start + 4, machine)
    return bytes(head)


@pytest.mark.parametrize(
    ("head", "bits"),
    [
        (elf(32), 32),
        (elf(64), 64),
        (pe(0x014C), 32),
        (pe(0x8664), 64),
        (pe(0xAA64), 64),
        (pe(0x0200), None),
        (pe(0x8664)[:70], None),
        (b"MZ" + bytes(62), None),
        (b"MZ", None),
        (b"\x7fELF", None),
        (b"", None),
        (b"#!/bin/sh\n", None),
    ],
)
def test_a_file_says_for_which_programs_it_was_made(head: bytes, bits: int | None, tmp_path: Path) -> None:
    assert bits_of(head) == bits
    file = tmp_path / "module"
    file.write_bytes(head)
    assert read_bits(str(file)) == bits


def test_a_file_that_cannot_be_read_says_nothing(tmp_path: Path) -> None:
    assert read_bits(str(tmp_path / "none")) is None
    assert read_bits(str(tmp_path)) is None
    assert read_bits("a\0b") is None


def test_this_program_knows_its_own_kind() -> None:
    assert read_bits(sys.executable) == program_bits()


def test_places_are_files_with_a_vendor() -> None:
    for platform in Platform:
        places = known_places(platform, {})
        assert all(place.vendor and place.path for place in places)
        assert len({place.path for place in places}) == len(places)
        assert Place("", "") not in places
