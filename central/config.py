"""Settings of the centre: `centre.toml` in its directory, and the environment over it.

Each setting is `[section] key` in the file and `HCVX_CENTRAL_SECTION_KEY` in the environment. Unknown keys are
errors, and all problems are reported together. There are no secrets here: the password of the key files and the PIN
of the signer come from `HCVX_CENTRAL_PASSWORD` and `HCVX_CENTRAL_SIGNER_PIN`, or are asked for.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

CONFIG_FILE: Final = "centre.toml"
PASSWORD_VARIABLE: Final = "HCVX_CENTRAL_PASSWORD"  # noqa: S105 (the name of a variable)
SIGNER_PIN_VARIABLE: Final = "HCVX_CENTRAL_SIGNER_PIN"
# Read by the command line itself, before there is a directory with settings.
DIRECTORY_VARIABLE: Final = "HCVX_CENTRAL_DIRECTORY"
_PREFIX: Final = "HCVX_CENTRAL_"
KEY_FILE_PASSWORD_VARIABLE: Final = "HCVX_CENTRAL_KEY_FILE_PASSWORD"  # noqa: S105 (the name of a variable)
_NO_SETTINGS: Final = frozenset(
    {DIRECTORY_VARIABLE, PASSWORD_VARIABLE, SIGNER_PIN_VARIABLE, KEY_FILE_PASSWORD_VARIABLE}
)


class ConfigError(Exception):
    """The settings are wrong.

    Attributes:
        problems: every one of them, each naming its setting.
    """

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Config:
    """All settings, checked.

    Attributes:
        directory: where the centre lives; relative paths of settings start here.
        name: the centre's name on pages.
        public_url: where nodes reach it, without a slash at the end.
        tls_anchors: PEM file with the only authorities that its TLS certificate may come from, for the nodes; None
            where they go by their systems' lists.
        store_url: `sqlite:///PATH` (relative to the directory) or `postgresql+psycopg://…`.
        keys_directory: where the key files lie.
        signer_uri: the signer of health certificates, `software:PATH.p12` or `pkcs11:…`.
        is_demo: whether the trust material is made for training.
        web_host, web_port, web_threads: where waitress listens.
        set_days: how long a catalogue and a trust list are good.
        pack_days: how long a population pack is good.
        enrolment_hours: how long an enrolment file is good.
    """

    directory: Path
    name: str
    public_url: str
    tls_anchors: Path | None
    store_url: str
    keys_directory: Path
    signer_uri: str
    is_demo: bool
    web_host: str
    web_port: int
    web_threads: int
    set_days: int
    pack_days: int
    enrolment_hours: int


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("must be text")
    return value


def _file(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("must be text")
    return value


def _url(value: object) -> str:
    text = _text(value)
    if not text.startswith(("http://", "https://")) or text.endswith("/"):
        raise ValueError("must be an http or https address without a slash at the end")
    return text


def _store(value: object) -> str:
    text = _text(value)
    if not text.startswith(("sqlite:///", "postgresql+psycopg://")):
        raise ValueError("must start with sqlite:/// or postgresql+psycopg://")
    return text


def _material(value: object) -> bool:
    if value not in ("demo", "real"):
        raise ValueError("must be demo or real")
    return value == "demo"


def _count(low: int, high: int) -> Callable[[object], int]:
    def read(value: object) -> int:
        try:
            number = int(value) if isinstance(value, int | str) and not isinstance(value, bool) else low - 1
        except ValueError:
            number = low - 1
        if not low <= number <= high:
            raise ValueError(f"must be a whole number from {low} to {high}")
        return number

    return read


# (section, key): the reader and the value without a setting.
SETTINGS: Final[Mapping[tuple[str, str], tuple[Callable[[object], object], object]]] = {
    ("centre", "name"): (_text, "Trung tâm dữ liệu tiêm chủng"),
    ("centre", "public_url"): (_url, "http://127.0.0.1:8480"),
    ("centre", "tls_anchors"): (_file, ""),
    ("centre", "material"): (_material, "demo"),
    ("store", "url"): (_store, "sqlite:///centre.db"),
    ("keys", "directory"): (_text, "keys"),
    ("signer", "uri"): (_text, "software:keys/document_signer.p12"),
    ("web", "host"): (_text, "127.0.0.1"),
    ("web", "port"): (_count(0, 65_535), 8_480),
    ("web", "threads"): (_count(1, 64), 8),
    ("sets", "set_days"): (_count(1, 3_650), 366),
    ("sets", "pack_days"): (_count(1, 366), 30),
    ("sets", "enrolment_hours"): (_count(1, 24 * 31), 72),
}


def load_config(directory: Path, environment: Mapping[str, str]) -> Config:
    """Reads the settings of the centre in a directory.

    Args:
        directory: the centre's directory; its `centre.toml` must exist.
        environment: the process environment.

    Raises:
        ConfigError: with every problem found.
    """
    path = directory / CONFIG_FILE
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError([f"{CONFIG_FILE}: is missing; run init"]) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError([f"{CONFIG_FILE}: is not TOML ({error})"]) from None
    given, problems = _given_by_file(content)
    from_environment, more = _given_by_environment(environment)
    given.update(from_environment)
    problems.extend(more)
    values: dict[tuple[str, str], object] = {}
    for name, (read, default) in SETTINGS.items():
        try:
            values[name] = read(given.get(name, default))
        except ValueError as error:
            problems.append(f"[{name[0]}] {name[1]}: {error}")
    if problems:
        raise ConfigError(problems)
    return _config(directory, values)


def encode_config(given: Mapping[tuple[str, str], str | int]) -> str:
    """Writes the settings that differ from their defaults as `centre.toml`."""
    lines = ["# Settings of the centre; docs/settings.md describes each one."]
    for section in dict.fromkeys(name[0] for name in SETTINGS):
        own = {key: value for (of, key), value in given.items() if of == section}
        if own:
            lines += ["", f"[{section}]"]
            lines += [f"{key} = {value if isinstance(value, int) else _quoted(value)}" for key, value in own.items()]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _given_by_file(content: Mapping[str, object]) -> tuple[dict[tuple[str, str], object], list[str]]:
    given: dict[tuple[str, str], object] = {}
    problems = []
    for section, values in content.items():
        if not isinstance(values, dict):
            problems.append(f"{section}: settings stand in sections")
            continue
        for key, value in values.items():
            if (section, key) in SETTINGS:
                given[section, key] = value
            else:
                problems.append(f"[{section}] {key}: unknown setting")
    return given, problems


def _given_by_environment(environment: Mapping[str, str]) -> tuple[dict[tuple[str, str], object], list[str]]:
    names = {f"{_PREFIX}{section}_{key}".upper(): (section, key) for section, key in SETTINGS}
    given: dict[tuple[str, str], object] = {}
    problems = []
    for variable in sorted(environment):
        if variable in names:
            given[names[variable]] = environment[variable]
        elif variable.startswith(_PREFIX) and variable not in _NO_SETTINGS:
            problems.append(f"{variable}: unknown setting")
    return given, problems


def _config(directory: Path, values: Mapping[tuple[str, str], object]) -> Config:
    def text(section: str, key: str) -> str:
        return str(values[section, key])

    def number(section: str, key: str) -> int:
        value = values[section, key]
        assert isinstance(value, int)
        return value

    return Config(
        directory=directory,
        name=text("centre", "name"),
        public_url=text("centre", "public_url"),
        tls_anchors=directory / anchors if (anchors := text("centre", "tls_anchors")) else None,
        store_url=_store_in(directory, text("store", "url")),
        keys_directory=directory / text("keys", "directory"),
        signer_uri=_signer_in(directory, text("signer", "uri")),
        is_demo=bool(values["centre", "material"]),
        web_host=text("web", "host"),
        web_port=number("web", "port"),
        web_threads=number("web", "threads"),
        set_days=number("sets", "set_days"),
        pack_days=number("sets", "pack_days"),
        enrolment_hours=number("sets", "enrolment_hours"),
    )


def _store_in(directory: Path, url: str) -> str:
    scheme, _, path = url.partition("sqlite:///")
    return url if scheme else f"sqlite:///{directory / path}"


def _signer_in(directory: Path, uri: str) -> str:
    scheme, _, path = uri.partition("software:")
    return uri if scheme else f"software:{directory / path}"
