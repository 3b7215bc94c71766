"""The node's settings: one TOML file, environment variables `HCVX_EDGE_*` over it, everything wrong said at once.

Secrets have no place here: the passphrase is typed, the PIN is typed, keys live in the encrypted store.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path
from typing import Final

CONFIG_NAME: Final = "node.toml"
DATABASE_NAME: Final = "node.db"
KEY_FILE_NAME: Final = "node.key.json"
ENVIRONMENT_PREFIX: Final = "HCVX_EDGE_"
_CONFIG_BYTES: Final = 64 * 1024


class ConfigError(Exception):
    """The settings cannot be used; `problems` lists every one, each naming a key and its rule."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Config:
    """Settings of one node; the defaults suit a laptop at a commune station.

    Attributes:
        directory: where the node's files are.
        host: address to listen on; only loopback addresses are taken.
        port: TCP port of the pages.
        threads: worker threads of the web server.
        centre_url: overrides the address of the enrolment file; "" keeps it.
        centre_ca: PEM file with the only authorities that the centre's TLS certificate may come from; "" for those of
            the enrolment file, or the system's list where it names none.
        signer: URI of the organisation's key, `pkcs11:…` or `software:…`; "" until one is chosen.
        pkcs11_module: the token's driver, a file; "" where the URI names it.
        exchange_seconds: how often the node offers what is due.
        timeout_seconds: how long one answer of the centre is waited for.
        lan_address: IPv4 address of this machine on the clinic's network, for `run --lan`; "" for the first one found.
        lan_port: TCP port of the pages there, over HTTPS.
    """

    directory: Path
    host: str = "127.0.0.1"
    port: int = 8750
    threads: int = 8
    centre_url: str = ""
    centre_ca: str = ""
    signer: str = ""
    pkcs11_module: str = ""
    exchange_seconds: int = 60
    timeout_seconds: int = 60
    lan_address: str = ""
    lan_port: int = 8443

    @property
    def database_path(self) -> Path:
        """The encrypted database."""
        return self.directory / DATABASE_NAME

    @property
    def key_file_path(self) -> Path:
        """The wrapped data key."""
        return self.directory / KEY_FILE_NAME


# Setting: least and greatest value, for the numbers.
_NUMBERS: Final[Mapping[str, tuple[int, int]]] = {
    "port": (1, 65_535),
    "threads": (1, 64),
    "exchange_seconds": (5, 86_400),
    "timeout_seconds": (1, 3_600),
    "lan_port": (1, 65_535),
}
_TEXTS: Final = ("host", "centre_url", "centre_ca", "signer", "pkcs11_module", "lan_address")
SETTINGS: Final = (*_TEXTS, *_NUMBERS)
# Read by the command line itself, before there is a directory with settings.
PROGRAM_VARIABLES: Final = ("HCVX_EDGE_DIRECTORY", "HCVX_EDGE_PASSPHRASE", "HCVX_EDGE_USER_PASSWORD")
_LOOPBACK: Final = ("127.0.0.1", "localhost")

TEMPLATE: Final = """\
# Settings of this node. Each line shows the default; remove the # to change it.
# Environment variables HCVX_EDGE_HOST, HCVX_EDGE_PORT … override this file. No secrets here.

# host = "127.0.0.1"
# port = 8750
# threads = 8
# centre_url = ""
# centre_ca = ""
# signer = ""
# pkcs11_module = ""
# exchange_seconds = 60
# timeout_seconds = 60
# lan_address = ""
# lan_port = 8443
"""


def read_config(directory: Path, environment: Mapping[str, str]) -> Config:
    """Read `node.toml` of a directory and the environment over it.

    Args:
        directory: the node's directory; without a `node.toml` there the defaults hold.
        environment: as `os.environ`.

    Raises:
        ConfigError: with all problems: not TOML, unknown keys, wrong kinds, values out of bounds.
    """
    problems: list[str] = []
    values: dict[str, object] = dict(_read_file(directory / CONFIG_NAME, problems))
    problems += [f"{CONFIG_NAME}: unknown setting {name}" for name in values if name not in SETTINGS]
    for variable, text in environment.items():
        if not variable.startswith(ENVIRONMENT_PREFIX) or variable in PROGRAM_VARIABLES:
            continue
        name = variable.removeprefix(ENVIRONMENT_PREFIX).lower()
        if name not in SETTINGS:
            problems.append(f"{variable}: unknown setting")
        elif name in _NUMBERS and not (text.isascii() and text.isdigit()):
            problems.append(f"{variable}: must be a whole number")
        else:
            values[name] = int(text) if name in _NUMBERS else text
    numbers = {name: _number(name, values[name], problems) for name in _NUMBERS if name in values}
    texts = {name: _text(name, values[name], problems) for name in _TEXTS if name in values}
    if problems:
        raise ConfigError(tuple(problems))
    return Config(directory, **texts, **numbers)  # type: ignore[arg-type]


def _read_file(path: Path, problems: list[str]) -> Mapping[str, object]:
    try:
        with path.open("rb") as file:
            data = file.read(_CONFIG_BYTES + 1)
    except FileNotFoundError:
        return {}
    if len(data) > _CONFIG_BYTES:
        problems.append(f"{CONFIG_NAME}: has more than {_CONFIG_BYTES} bytes")
        return {}
    try:
        return tomllib.loads(data.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        problems.append(f"{CONFIG_NAME}: is not TOML ({error})")
        return {}


def is_lan_address(text: str) -> bool:
    """Whether this is the IPv4 address of one machine: not that of every one, nor of a group."""
    try:
        address = IPv4Address(text)
    except ValueError:
        return False
    return not (address.is_unspecified or address.is_multicast or address.is_reserved)


def _number(name: str, value: object, problems: list[str]) -> int:
    least, greatest = _NUMBERS[name]
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= greatest:
        problems.append(f"{name}: must be a whole number from {least} to {greatest}")
        return least
    return value


def _text(name: str, value: object, problems: list[str]) -> str:
    if not isinstance(value, str):
        problems.append(f"{name}: must be text")
        return ""
    if name == "host" and value not in _LOOPBACK:
        problems.append(f"{name}: must be a loopback address ({', '.join(_LOOPBACK)})")
    if name == "centre_url" and value and (not value.startswith(("https://", "http://")) or value.endswith("/")):
        problems.append(f"{name}: must be an http or https address without a slash at the end")
    if name == "signer" and value and not value.startswith(("pkcs11:", "software:")):
        problems.append(f"{name}: must begin with pkcs11: or software:")
    if name == "lan_address" and value and not is_lan_address(value):
        problems.append(f"{name}: must be the IPv4 address of one machine")
    return value
