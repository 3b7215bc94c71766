"""Which drivers (PKCS#11 modules) may be on this machine: known file names, and what is there of them.

The vendor's program puts its driver under a name of its own in the system's folder. Only the places named here are
looked at, never a whole disk, and nothing is loaded: loading is the signer process's business alone. Of a file that
is there the first few hundred bytes are read, since they say for which kind of program it was made: a driver of
32 bits cannot be loaded into a program of 64 bits, and the system's own error says nothing of the sort.

On Windows a name that ends in `_s.dll` is the vendor's part for Windows itself (a CSP), not a PKCS#11 module, so none
stands here. Where the names were found is said in docs/tokens.md.
"""

from __future__ import annotations

import struct
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path, PureWindowsPath
from typing import Final

# As much of a file as says for what machine it was made; a program for Windows says it behind its DOS part.
_HEAD_BYTES: Final = 4_096
_WINDOWS: Final = "C:\\Windows"
_PROGRAMS: Final = "C:\\Program Files"
_PROGRAMS_32: Final = "C:\\Program Files (x86)"


class Platform(StrEnum):
    """The kinds of system on which drivers have known names."""

    WINDOWS = "windows"
    LINUX = "linux"


class Origin(StrEnum):
    """Why a module is looked at."""

    ASKED = "asked"
    SETTING = "setting"
    VARIABLE = "variable"
    KNOWN = "known"


@dataclass(frozen=True, slots=True)
class Place:
    """One file that a vendor's program may have put there."""

    path: str
    vendor: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """A module to look at. `vendor` is "" where the file's name is none of the known ones."""

    path: str
    vendor: str
    origin: Origin


# In Windows' system folder. Authorities of Viet Nam first, then makers of tokens whose own drivers are in use here.
WINDOWS_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "Viettel-CA": (*(f"viettel-ca_v{version}.dll" for version in (6, 5, 4, 3, 2, 1)), "viettel-ca.dll"),
    "VNPT-CA": (
        *(f"vnptca_p11_v{version}.dll" for version in (10, 9, 8, 7, 6)),
        *("vnpt-ca_csp11.dll", "vnpt-ca_v4.dll", "vnpt-ca_v34.dll", "vnpt-ca_cl_v1.dll"),
    ),
    "FPT-CA": (
        *(f"fptca_v{version}.dll" for version in (6, 5, 4, 3)),
        *("fpt-ca_v5.dll", "fpt-ca_v4.dll", "fpt-ca.dll", "fpt-ca-stx.dll"),
    ),
    "Bkav-CA": ("BkavCAv2S.dll", "BkavCAv2T.dll", "BkavCAv25.dll", "BkavCA.dll"),
    "CA2 (Nacencomm)": ("CA2_csp11.dll", "CA2_v34.dll", "CA2CSP11_v2.dll"),
    "NC-CA": ("ncca_csp11_v1.dll",),
    "NCA": tuple(f"nca_v{version}.dll" for version in (9, 8, 7, 6, 5, 4)),
    "SmartSign (Vina-CA)": (*(f"Vina-CAv{version}.dll" for version in (10, 9, 8, 7, 6, 5, 4, 3)), "Vina-CA.dll"),
    "NewTel-CA": ("newca_v4.dll", "NEWTEL-CA.dll"),
    "FastCA": ("fca_v1.dll",),
    "I-CA": ("ica_csp11_v1.dll",),
    "EFY-CA": ("efy-ca_v1.dll",),
    "Safe-CA": ("safe-ca_v2.dll", "safe-ca.dll"),
    "MISA-CA": ("misaca_csp11_v2.dll",),
    "Feitian ePass": ("eps2003csp11v2.dll", "eps2003csp11.dll", "ShuttleCsp11_3003.dll", "ngp11v211.dll"),
    "SafeNet (Thales) eToken": ("eTPKCS11.dll", "IDPrimePKCS1164.dll", "IDPrimePKCS11.dll"),
    "Gemalto Classic Client": ("gclib.dll",),
    "SecureMetric ST3": ("st3csp11.dll",),
    "WatchData": ("wdpkcs.dll", "SignatureP11.dll"),
    "ACS": ("acospkcs11.dll",),
    "Bit4id": ("bit4xpki.dll", "bit4ipki.dll"),
}
# In folders of their own, relative to the folder for programs.
_WINDOWS_PROGRAMS: Final = (
    Place("OpenSC Project\\OpenSC\\pkcs11\\opensc-pkcs11.dll", "OpenSC"),
    Place("Bkav Corporation\\BkavCA Token Manager\\st3csp11.dll", "Bkav-CA"),
)
LINUX_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "Feitian ePass": ("libeps2003csp11.so", "libeps2003csp11v2.so", "libcastle.so", "libcastle.so.1.0.0"),
    "SafeNet (Thales) eToken": ("libeToken.so", "libeTPkcs11.so", "libIDPrimePKCS11.so"),
    "WatchData": ("libwdpkcs.so", "libSignatureP11.so"),
    "Bit4id": ("libbit4xpki.so", "libbit4ipki.so"),
    "OpenSC": ("opensc-pkcs11.so",),
    "SoftHSM": ("libsofthsm2.so",),
}
_LINUX_FOLDERS: Final = (
    *("/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64", "/usr/lib", "/usr/local/lib"),
    *("/usr/lib/x86_64-linux-gnu/pkcs11", "/usr/lib64/pkcs11", "/usr/lib/pkcs11"),
    *("/usr/lib/softhsm", "/usr/lib/x86_64-linux-gnu/softhsm", "/usr/lib64/softhsm", "/usr/local/lib/softhsm"),
    "/opt/eToken/lib",
)
# It shows the tokens of all other modules once more, so it counts only where nothing else is found.
COLLECTOR: Final = "p11-kit-proxy.so"


def this_platform() -> Platform | None:
    """The system on which this program runs; None for one on which no driver has a known name."""
    if sys.platform == "win32":
        return Platform.WINDOWS
    return Platform.LINUX if sys.platform == "linux" else None


def known_places(platform: Platform | None, environment: Mapping[str, str]) -> tuple[Place, ...]:
    """Every file that a known driver may be, the likeliest first.

    Args:
        platform: the kind of system.
        environment: as `os.environ`; on Windows it says where the system and the programs are.
    """
    match platform:
        case Platform.WINDOWS:
            return tuple(_windows_places(environment))
        case Platform.LINUX:
            names = [(name, vendor) for vendor, some in LINUX_NAMES.items() for name in some]
            names.append((COLLECTOR, "p11-kit"))
            return tuple(Place(f"{folder}/{name}", vendor) for name, vendor in names for folder in _LINUX_FOLDERS)
        case None:
            return ()


def choose_candidates(
    places: tuple[Place, ...], existing: Mapping[str, str], named: Mapping[Origin, str]
) -> tuple[Candidate, ...]:
    """The modules to look at, each once: those that somebody has named first, whether or not their file exists.

    Args:
        places: as `known_places` gave them.
        existing: the places whose file exists, with the file that each leads to in the end: one driver often stands
            under several names.
        named: what settings and surroundings name, by where they name it; empty texts are none.
    """
    vendors = {_file_name(place.path): place.vendor for place in places}
    chosen: dict[str, Candidate] = {}
    for origin in Origin:
        if path := named.get(origin, ""):
            chosen.setdefault(existing.get(path, path), Candidate(path, vendors.get(_file_name(path), ""), origin))
    there = [place for place in places if place.path in existing]
    collectors = [place for place in there if _file_name(place.path) == COLLECTOR]
    for place in [place for place in there if place not in collectors] or ([] if chosen else collectors):
        chosen.setdefault(existing[place.path], Candidate(place.path, place.vendor, Origin.KNOWN))
    return tuple(chosen.values())


def look_for(paths: Iterable[str]) -> dict[str, str]:
    """Those of these files that exist, each with the file that it leads to in the end."""
    found: dict[str, str] = {}
    for text in paths:
        path = Path(text)
        try:
            if path.is_file():
                found[text] = str(path.resolve())
        except (OSError, ValueError):
            # A place that cannot be looked at holds no driver for us.
            continue
    return found


def read_bits(path: str) -> int | None:
    """For programs of how many bits the file was made: 32, 64, or None where it does not say or cannot be read."""
    try:
        with Path(path).open("rb") as file:
            return bits_of(file.read(_HEAD_BYTES))
    except (OSError, ValueError):
        return None


def bits_of(head: bytes) -> int | None:
    """The same from the beginning of the file.

    Source: ELF-64 Object File Format (e_ident[EI_CLASS]); Microsoft PE Format (offset 0x3C, Machine).
    """
    if head[:4] == b"\x7fELF" and len(head) > 4:
        return {1: 32, 2: 64}.get(head[4])
    if head[:2] == b"MZ" and len(head) >= 64:
        (start,) = struct.unpack_from("<I", head, 0x3C)
        if head[start : start + 4] == b"PE\0\0" and len(head) >= start + 6:
            (machine,) = struct.unpack_from("<H", head, start + 4)
            return {0x014C: 32, 0x8664: 64, 0xAA64: 64}.get(machine)
    return None


def program_bits() -> int:
    """For how many bits this program itself was made."""
    return 8 * struct.calcsize("P")


def _windows_places(environment: Mapping[str, str]) -> Iterator[Place]:
    # Windows does not mind the case of a variable's name; a mapping does.
    variables = {name.casefold(): text for name, text in environment.items()}
    root = PureWindowsPath(variables.get("systemroot") or _WINDOWS)
    programs = [
        PureWindowsPath(variables.get("programfiles") or _PROGRAMS),
        PureWindowsPath(variables.get("programfiles(x86)") or _PROGRAMS_32),
    ]
    # A program of 64 bits sees drivers of 64 bits in System32; those in SysWOW64 tell that only the others were
    # installed.
    for folder in (root / "System32", root / "SysWOW64"):
        for vendor, names in WINDOWS_NAMES.items():
            yield from (Place(str(folder / name), vendor) for name in names)
        yield Place(str(folder / "opensc-pkcs11.dll"), "OpenSC")
    for program in programs:
        yield from (Place(str(program / place.path), place.vendor) for place in _WINDOWS_PROGRAMS)


def _file_name(path: str) -> str:
    return PureWindowsPath(path).name.casefold()
